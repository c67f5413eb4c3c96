"""All parts of the panel, and what is shown of the parameter node and of a run."""

import slicer
from slicer.i18n import tr as _

from . import advanced_section
from .actions import Actions
from .input_section import PairWatch, SegmentChoice
from .judge_section import JudgeSection
from .readiness import whatIsMissing
from .result_section import ResultSection
from .run_display import RunDisplay
from .runner import Runner
from .use_section import UseSection


class Sections:
    """Made once for the widgets; follows the parameter node that it is given.

    :param ui: the panel's widgets.
    """

    def __init__(self, ui):
        self.ui, self.parameters = ui, None
        self.display = RunDisplay(ui)
        self.runner = Runner(
            self.display.showProgress,
            lambda index: self.result.follow(index),
            lambda: self._onOtherWork(),
            lambda: self.judge.forget(),
        )
        self.judge = JudgeSection(ui, self.runner, lambda change: self.result.changingLayout(change))
        self.actions = Actions(ui, self)
        self.result = ResultSection(ui, self.runner, self.judge.verdict, self.actions.finish, self.update)
        self.use = UseSection(ui, self.runner, self.display.showError)
        self._pair = PairWatch()
        self._choices = [
            SegmentChoice(ui.fixedSegmentComboBox, "fixedMask", "fixedSegment"),
            SegmentChoice(ui.movingSegmentComboBox, "movingMask", "movingSegment"),
            *advanced_section.choices(ui),
        ]

    def setParameters(self, parameters):
        """:param parameters: the module's parameter node, connected to the widgets, or None."""
        self.parameters = parameters
        self.result.setParameterNode(parameters)
        self.update()

    def update(self):
        """Everything that depends on the parameter node or on what is running."""
        if slicer.mrmlScene.IsImporting():
            # Nodes that the choices refer to are not complete yet: they would seem to be gone.
            return
        running, missing = self.runner.running, whatIsMissing(self.parameters)
        cancellable = self.runner.cancellable
        button = self.ui.registerButton
        button.text = _("Cancel") if cancellable else _("Register")
        button.enabled = cancellable or not (running or missing)
        idle = missing or _("Register the moving volume to the fixed volume")
        button.toolTip = _("Stop after the iteration that is running") if cancellable else idle
        self.ui.swapButton.enabled = not running
        self.use.update(self.parameters)
        self.result.enableButtons()
        if not running:
            session = self.runner.session
            isOtherPair = self.parameters and self._pair.changed(self.parameters)
            # A needed node may have gone, also while something was computed.
            isBroken = bool(session) and not session.isWhole
            if isOtherPair or isBroken:
                self.endSession()
            if isBroken:
                self.ui.statusLabel.text = _(
                    "A volume or the transform of this registration was changed or removed: its iterations ended."
                )
            if not self.runner.session:
                self.ui.verdictLabel.text = self.judge.recall(self.parameters)
            for choice in self._choices:
                choice.update(self.parameters)
            self.result.applyView()
            self.judge.compareSoon(self.parameters)

    def _onOtherWork(self):
        """Heavy work for a part of the panel begins or ends."""
        self.update()
        if not self.runner.running:
            self.result.catchUp()

    def endSession(self):
        """The result stays as it is; the slider is of the next registration."""
        self.result.leave()
        self.runner.forget()
        self.judge.forget()
        self.result.update()

    def forgetScene(self):
        """The scene is closing: nothing to restore, nothing to go on with."""
        self.runner.forget()
        self.result.forget()
        self.judge.forget()
        self.ui.statusLabel.text = ""
