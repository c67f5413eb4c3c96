"""Figures of every iteration, the verdict, overlap of structures and distance of landmarks."""

import qt
import slicer
from slicer.i18n import tr as _

from ..mrml.language import say

#: Of a point list: a point was placed, dropped after it was dragged, or taken away.
POINT_EVENTS = (
    "PointPositionDefinedEvent", "PointPositionUndefinedEvent", "PointEndInteractionEvent", "PointRemovedEvent",
)  # fmt: skip


class JudgeSection:
    """Shows what ``mrml/judge.py`` finds about the runner's session.

    :param ui: the panel's widgets.
    :param runner: ``Runner``.
    :param changingLayout: called with a function that changes the layout of the views for the user.
    """

    def __init__(self, ui, runner, changingLayout):
        self._ui, self._runner, self._changingLayout = ui, runner, changingLayout
        self._parameters, self._waiting = None, False
        self._heard, self._tags = [], []  # point lists, and observers of them
        self._judge = self._session = self._chosen = None
        ui.plotButton.connect("clicked(bool)", self.showPlot)
        self.forget()

    def forget(self):
        """The session has ended, or the scene was closed."""
        self._judge = self._session = self._chosen = None
        self._showFigures(None)
        self._ui.judgementLabel.text = ""

    def verdict(self, iteration):
        """Sentences on an iteration, warnings marked as such; quick, for a slider."""
        judge = self._current()
        if judge is None:
            return ""
        found = judge.verdict(iteration)
        return "\n".join((found.sentence, *(f"\u26a0 {warning}" for warning in found.warnings)))

    def warnings(self, iteration):
        """What looks wrong with an iteration; empty if all looks well."""
        judge = self._current()
        return judge.verdict(iteration).warnings if judge else ()

    def update(self, parameters, compare=True):
        """After a run: table, curves, and what was asked to be compared.

        :param compare: whether outputs were written, which are to be compared then.
        """
        from ..mrml.remembered import recall, remember

        judge = self._current()
        if judge is None or self._session.finishedIteration is None:
            return
        transform = self._session.transformNode
        if judge.figures is None:
            # Of an earlier run with the same output.
            judge.figures = recall(transform)[1]
        self._showFigures(judge.showFigures())
        remember(transform, self.verdict(self._session.finishedIteration), judge.figures)
        if compare:
            self.compare(parameters)

    def recall(self, parameters):
        """Show what was found about a result of an earlier session; its verdict."""
        from ..mrml.remembered import recall

        text, figures = recall(parameters.outputTransform) if parameters else ("", None)
        self._showFigures(figures if text else None)
        return text

    def compareSoon(self, parameters):
        """Compare anew what may have been chosen, but not here, in the middle of a change of the parameter node."""
        self._parameters = parameters
        self._hear([parameters.fixedLandmarks, parameters.movingLandmarks] if parameters else [])
        if not self._waiting:
            self._waiting = True
            qt.QTimer.singleShot(0, self._compareNow)

    def _hear(self, pointLists):
        """Points are placed and moved in the views, of which the parameter node does not hear."""
        if pointLists == self._heard:
            return
        for node, tag in self._tags:
            node.RemoveObserver(tag)
        self._heard = pointLists
        self._tags = [
            (node, node.AddObserver(getattr(node, event), lambda caller, event: self.compareSoon(self._parameters)))
            for node in filter(None, pointLists)
            for event in POINT_EVENTS
        ]

    def _compareNow(self):
        self._waiting = False
        try:
            self.compare(self._parameters, onlyIfChanged=True)
        except Exception as error:
            from .messages import explain

            # What is still there was measured of other nodes.
            self._ui.judgementLabel.text = explain(error)[0]

    def compare(self, parameters, onlyIfChanged=False):
        """Dice and landmark errors of the nodes that are chosen, for the finished iteration."""
        from ..mrml.stamps import stamp

        session, judge = self._runner.session, self._current()
        if self._runner.running or not parameters:
            return
        structures = parameters.fixedStructures, parameters.movingStructures
        landmarks = parameters.fixedLandmarks, parameters.movingLandmarks
        if judge is None or session.finishedIteration is None:
            isAsked = None not in structures or None not in landmarks
            self._ui.judgementLabel.text = _("Register to compare these.") if isAsked else ""
            return
        pairs = (
            (judge.setStructures, *structures, (parameters.fixedVolume,)),
            (judge.setLandmarks, *landmarks, ()),
        )
        nodes = [*structures, *landmarks]
        chosen = [stamp(node) for node in nodes]
        if onlyIfChanged and chosen == self._chosen:
            return
        self._chosen = chosen
        from ..engine.errors import RegistrationError
        from ..mrml.remembered import recallTables, rememberTables

        lines = []
        for setNodes, fixed, moving, more in pairs:
            try:
                # One of two is a choice that is not finished, and no error.
                both = (fixed, moving) if fixed and moving else (None, None)
                setNodes(*both, *more, resultTransform=session.transformNode)
            except RegistrationError as error:
                lines.append(say(error))
        transform = session.transformNode
        judge.diceTable, judge.landmarkTable = recallTables(transform)
        # What it says is of other nodes or another iteration: gone, should this one fail.
        self._ui.judgementLabel.text = ""
        lines += judge.compare(session.finishedIteration)
        self._ui.judgementLabel.text = "\n".join(lines)
        # Reading a segmentation may add what it is compared by; a point that was dropped meanwhile is to be compared.
        self._chosen = [*map(stamp, structures), *chosen[len(structures) :]]
        if transform.GetScene():
            rememberTables(transform, judge.diceTable, judge.landmarkTable)

    def showPlot(self, checked=False):
        """The curves in a plot view beside the slice views."""
        if self._figures is not None and self._figures.chart.GetScene():
            self._changingLayout(lambda: slicer.modules.plots.logic().ShowChartInLayout(self._figures.chart))

    def _showFigures(self, figures):
        self._figures = figures
        self._ui.plotButton.enabled = figures is not None
        self._ui.figuresTable.setMRMLTableNode(figures.table if figures is not None else None)
        self._ui.figuresTable.resizeColumnsToContents()

    def _current(self):
        """The judge of the runner's session, made when the session is new."""
        session = self._runner.session
        if session is None or session.registration is None:
            return None
        if session is not self._session:
            from ..mrml.judge import Judge

            fixed, moving = session.volumeNodes
            name = _("{moving} to {fixed}").format(moving=moving.GetName(), fixed=fixed.GetName())
            self._session, self._chosen = session, None
            self._judge = Judge(session, slicer.mrmlScene, name, execute=self._runner.run, translate=_)
        return self._judge
