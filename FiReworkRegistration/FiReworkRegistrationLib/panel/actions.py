"""What the buttons do that start, end or exchange something."""

import time
from contextlib import ExitStack

import qt
import slicer
from slicer.i18n import tr as _

from ..engine.state_names import state_name
from ..mrml.language import say
from .input_section import swap
from .readiness import whatIsMissing

#: Iterations that "Refine further" goes up to at most.
MOST_ITERATIONS = 60


class Actions:
    """Register or Cancel, Refine further, Polish, Swap, and the outputs when the slider is let go.

    :param ui: the panel's widgets.
    :param sections: ``Sections``, whose parts do the work.
    """

    def __init__(self, ui, sections):
        self._ui, self._sections = ui, sections
        self._isBusy = False
        self._began = None  # when the running work first let events through
        ui.registerButton.connect("clicked(bool)", self._onRegister)
        ui.refineButton.connect("clicked(bool)", self._onRefine)
        ui.polishButton.connect("clicked(bool)", self._onPolish)
        ui.swapButton.connect("clicked(bool)", self._onSwap)

    def finish(self, iteration):
        """The slider was let go: outputs follow."""
        # No bar: it would push the slider away under the mouse.
        self._run(lambda parameters: self._sections.runner.finish(iteration), self._nowHeld, showBar=False)

    def _onSwap(self, checked=False):
        parameters = self._sections.parameters
        if parameters and not self._sections.runner.running:
            with slicer.util.NodeModify(parameters.parameterNode):
                swap(parameters)

    def _onRegister(self, checked=False):
        """Register, or Cancel while it runs: events come through meanwhile."""
        runner = self._sections.runner
        if runner.running:
            if runner.cancellable and not self._isDoubleClick():
                runner.cancel()
                self._ui.statusLabel.text = _("Stopping…")
        elif not whatIsMissing(self._sections.parameters):
            self._run(self._register, self._registered)

    def _isDoubleClick(self):
        """Whether a click on Cancel is the other half of a double click on Register, which nobody means as such."""
        interval = slicer.app.doubleClickInterval / 1000
        isSoon = self._began is None or time.monotonic() - self._began < interval
        return isSoon and self._ui.registerButton.underMouse()

    def _onRefine(self, checked=False):
        runner = self._sections.runner
        # A volume may have been moved since: the session ends then.
        self._sections.update()
        if runner.session and not runner.running:
            last = runner.session.iterations[-1].index
            more = min(last + self._sections.parameters.iterations, MOST_ITERATIONS)
            self._run(
                lambda parameters: runner.refine(max(more, last + 1), parameters.stopEarly),
                lambda: self._gainedSince(last),
            )

    def _onPolish(self, checked=False):
        from ..engine.presets import POLISH

        runner = self._sections.runner
        # A volume may have been moved since: the session ends then.
        self._sections.update()
        if runner.session and not runner.running:
            self._run(lambda parameters: runner.polish(POLISH), self._nowHeld)

    def _register(self, parameters):
        from . import dependencies
        from .settings import registrationSettings

        self._sections.display.showProgress(0.0, _("Checking Python packages"))
        dependencies.ensureInstalled()
        # An installation lets events through too, and has used up the first one.
        qt.QTimer.singleShot(0, self._onBegun)
        # The session to come must find the moving volume where the user has it, and the memory of the one before.
        self._sections.result.rest()
        self._sections.judge.forget()
        return self._sections.runner.register(**registrationSettings(parameters))

    def _registered(self):
        warnings = self._sections.judge.warnings(self._sections.runner.session.finishedIteration)
        if warnings:
            return _("Finished, with warnings: see Result.")
        return _("Done: the moving volume is registered to the fixed volume.")

    def _nowHeld(self):
        """Whoever only looked back at the start should notice that the outputs went along."""
        session = self._sections.runner.session
        if session.finishedIteration == 0:
            return _("The outputs now hold the affine alignment only. Drag the slider on for the registration.")
        name = say(state_name(session.iterations, session.finishedIteration))
        return _("The outputs now hold this state: {state}.").format(state=name)

    def _gainedSince(self, last):
        session = self._sections.runner.session
        if session.finishedIteration > last:
            return self._nowHeld()
        count = session.iterations[-1].index - last
        return _("{count} more iterations were no better; the outputs hold the best result.").format(count=count)

    def _run(self, work, told, showBar=True):
        """``work(parameters)`` with the panel in its running state; its outputs go to the selectors.

        :param told: called for what the user reads after it.
        """
        if self._isBusy:
            # Events come through also while packages are installed, when the runner does not run yet.
            return
        sections = self._sections
        sections.display.begin(showBar)
        outputs = failure = None
        parameters = sections.parameters
        self._began, self._isBusy = None, True
        try:
            qt.QTimer.singleShot(0, self._onBegun)
            outputs = work(parameters)
        except Exception as error:
            failure = error
        finally:
            self._isBusy = False
            sections.display.end()
        try:
            self._settle(outputs, parameters, told)
        except Exception as error:
            failure = failure or error
        if failure is not None and not sections.runner.abandoned:
            # Last: it waits for the user, who reads it over a panel that has come to rest.
            sections.display.showError(failure)
        # Its trace holds this frame: in a circle, tensors would stay.
        del failure

    def _settle(self, outputs, parameters, told):
        """The panel at rest again, whatever came of the work and whatever cannot be drawn."""
        sections = self._sections
        with ExitStack() as atLast:
            # Whatever fails before, such as figures that memory does not allow.
            atLast.callback(sections.update)
            atLast.callback(sections.result.update)
            if outputs and outputs.transform.GetScene():
                self._ui.statusLabel.text = told()
                # The selectors then show which nodes hold the result, unless another pair was chosen meanwhile.
                if (parameters.fixedVolume, parameters.movingVolume) == sections.runner.session.volumeNodes:
                    with slicer.util.NodeModify(parameters.parameterNode):
                        parameters.outputTransform = outputs.transform
                        parameters.outputVolume = outputs.volume
                        parameters.outputJacobian = outputs.jacobian
            sections.judge.update(parameters, compare=bool(outputs))
        if not sections.runner.session:
            sections.result.showResult()

    def _onBegun(self):
        """Events come through: the button turns Cancel."""
        self._began = time.monotonic()
        self._sections.update()
