"""The K slider, the verdict, and what the slice views show of the result."""

import logging
from contextlib import suppress

import qt
import slicer
from slicer.i18n import tr as _

from ..engine.state_names import iterations_up_to, state_name
from ..mrml.compare import Compare
from ..mrml.compare_modes import CompareMode
from ..mrml.language import say
from ..mrml.presence import NodesRemoved
from .flicker import Flicker
from .one_by_one import OneByOne

#: Milliseconds after the last step of a key or wheel until the outputs follow.
SETTLE_MS = 400
#: Smaller errors of what is shown, mm, are not worth a sentence.
SEEN_MM = 0.005


class ResultSection:
    """Follows a running registration, then shows any iteration at once.

    While the slider is held, the transform node is swapped and the moving volume is seen through it; when it is let
    go, ``onReleased(iteration)`` brings the other outputs up to date.

    :param ui: the panel's widgets.
    :param runner: ``Runner``.
    :param verdict: called with an iteration for the sentences on it.
    :param onEnded: called when it is found that the session cannot go on.
    """

    def __init__(self, ui, runner, verdict, onReleased, onEnded):
        self._ui, self._runner, self._verdict, self._onReleased = ui, runner, verdict, onReleased
        self._onEnded = onEnded
        self._compare = Compare(slicer.mrmlScene, later=lambda function: qt.QTimer.singleShot(0, function))
        self._views = OneByOne()
        self._flicker = Flicker(self._flip)
        self._parameters = None
        self._setting = False
        self._missed = None  # where the slider was moved while outputs were written
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.connect("timeout()", self._release)
        ui.iterationSlider.connect("valueChanged(int)", self._onValueChanged)
        ui.iterationSlider.connect("sliderReleased()", self._release)
        self.update(None)

    def setParameterNode(self, parameters):
        self._parameters = parameters

    def update(self, outputs=None):
        """Slider, verdict and buttons as the session stands; after all outputs are written."""
        session = self._runner.session
        count = len(session.iterations) if session else 0
        self._setSlider(max(count - 1, 0), session.shownIteration if session and session.shownIteration else 0)
        self._ui.iterationSlider.enabled = count > 1 and not self._runner.running
        self.enableButtons()
        self._describe()
        if self._isAtRest(session):
            if session.shownIteration == session.finishedIteration:
                self._showFinished()
            elif not self._ui.iterationSlider.sliderDown:
                # Moved while something else was computed: the outputs still have to follow.
                self._timer.start()
        missed, self._missed = self._missed, None
        if missed is not None and self._parameters:
            self._ui.iterationSlider.value = missed

    def catchUp(self):
        """After other work: where the slider was moved meanwhile, the rest follows."""
        session = self._runner.session
        isBehind = self._isAtRest(session) and session.shownIteration != session.finishedIteration
        if isBehind or self._missed is not None:
            self.update()

    def follow(self, index):
        """A new iteration while registering: shown at once."""
        session = self._runner.session
        self._views.hold()
        session.show(index)
        # To be seen: whoever works elsewhere meanwhile, has the volume where it was.
        session.placeMoving(self._parameters is not None)
        self._ui.iterationSlider.enabled = False
        self.enableButtons()
        self._setSlider(index, index)
        self._describe()
        try:
            self._showPair(draft=True)
        except Exception:
            # What cannot be drawn must not cost the registration.
            logging.exception("The views could not follow the registration")

    def applyView(self):
        """Compare mode, opacity and overlays as the parameter node says."""
        if not self._compare.isShowing or not self._parameters:
            return
        parameters = self._parameters
        self._views.hold()
        if (self._compare.mode, self._compare.linked) != (parameters.compareMode, parameters.linkSlices):
            self._showFinished()
        self._compare.setOpacity(parameters.compareOpacity)
        self._showOverlays()

    def showResult(self):
        """What the outputs hold, also without a session: after the panel was left, or a scene was loaded.

        Without a result, the user's own views.
        """
        session = self._runner.session
        if self._runner.running and session and session.transformNode and session.finishedIteration is None:
            session.placeMoving(self._parameters is not None)
            self._showPair(draft=True)
            return
        transform = self._parameters.outputTransform if self._parameters else None
        if transform and transform.GetTransformFromParent():
            self._showFinished()
        else:
            self.leave()

    def leave(self):
        """The user's views as they were, and all outputs of one iteration."""
        self._views.hold()
        self._flicker.setOn(False)
        self.rest()
        if self._runner.session:
            self._runner.session.placeMoving(False)
        self._compare.end()

    def rest(self):
        """All outputs of one iteration, the moving volume where the user has it, nothing that comes later."""
        self._timer.stop()
        session = self._runner.session
        if self._isAtRest(session):
            if session.shownIteration != session.finishedIteration:
                # Also where a volume was changed meanwhile: the outputs are to agree with each other.
                with suppress(NodesRemoved):
                    session.show(session.finishedIteration)
                    self._setSlider(self._ui.iterationSlider.maximum, session.finishedIteration)
                    self._describe()
            session.placeMoving(False)

    def forget(self):
        """The scene is being closed: nothing to restore but the layout."""
        self._timer.stop()
        self._flicker.setOn(False)
        self._compare.forgetScene()
        self.update(None)

    def cleanup(self):
        self.leave()
        self._views.release()
        self._timer.disconnect("timeout()", self._release)

    def changingLayout(self, change):
        """Call ``change()``, which changes the layout for the user; leaving the panel takes that back too."""
        before = self._compare.layout
        change()
        self._compare.layoutChanged(before)
        parameters = self._parameters
        isOther = self._compare.layout != before
        if isOther and parameters is not None and parameters.compareMode is CompareMode.SIDE_BY_SIDE:
            # The second row is gone, and the registered volume with it.
            parameters.compareMode = CompareMode.BLEND

    def _onValueChanged(self, value):
        session = self._runner.session
        if self._setting or not session or not self._parameters or value >= len(session.iterations):
            return
        if self._runner.running:
            self._missed = value
            return
        if not session.isWhole:
            # A needed node has gone, or a volume was moved, which nobody told: the session ends.
            qt.QTimer.singleShot(0, self._onEnded)
            return
        self._views.hold()
        session.show(value)
        session.placeMoving(True)
        self._describe()
        self._showPair(draft=True)
        if not self._ui.iterationSlider.sliderDown:
            self._timer.start()

    def _release(self):
        self._timer.stop()
        session = self._runner.session
        if not session or not self._parameters or self._runner.running or self._ui.iterationSlider.sliderDown:
            return
        if session.shownIteration != session.finishedIteration:
            self._onReleased(session.shownIteration)
        elif session.finishedIteration is not None:
            self._showFinished()

    def _isAtRest(self, session):
        return bool(session) and session.finishedIteration is not None and not self._runner.running

    def _showFinished(self):
        """What the outputs hold; without a registered volume, the moving one through the transform."""
        self._views.hold()
        session = self._runner.session
        if self._isAtRest(session) and session.isWhole:
            # To be seen: nobody looks once the panel is left.
            session.placeMoving(self._parameters is not None and session.outputVolumeNode is None)
        self._showPair(draft=False)

    def _flip(self):
        self._views.hold()
        self._compare.flip()

    def enableButtons(self):
        """Those that go on from the last iteration; not while something is computed."""
        enabled = bool(self._runner.session) and not self._runner.running
        refine, polish = self._ui.refineButton, self._ui.polishButton
        refine.enabled = polish.enabled = enabled
        first = _registerFirst()
        refine.toolTip = _("More iterations of the network, from the last one on.") if enabled else first
        polish.toolTip = (
            _("Optimize the last iteration for this pair: more accurate, no folds, a minute or more on a CPU.")
            if enabled
            else first
        )

    def _setSlider(self, maximum, value):
        self._setting = True
        self._ui.iterationSlider.maximum = maximum
        self._ui.iterationSlider.value = value
        self._setting = False

    def _describe(self):
        """Label and verdict of the iteration that the slider points at."""
        session, value = self._runner.session, self._ui.iterationSlider.value
        if not session:
            self._ui.iterationLabel.text = ""
            self._ui.verdictLabel.text = ""
            self._ui.iterationSlider.toolTip = _registerFirst()
            return
        self._ui.iterationLabel.text = self._name(session, value)
        notices = [self._runner.notice, self._precision(session, value), self._verdict(value)]
        self._ui.verdictLabel.text = "\n".join(text for text in notices if text)
        best = say(state_name(session.iterations, session.bestIteration))
        self._ui.iterationSlider.toolTip = _(
            "Drag to see the result after each iteration; 0 is the affine start. Release to update the outputs. "
            "Best (highest NCC with hardly any folds): {best}."
        ).format(best=best)

    def _precision(self, session, index):
        """How far what is shown may be off, where memory did not allow to keep it exactly; empty if it did."""
        error = session.storedError(index)
        if error < SEEN_MM or index == session.finishedIteration == session.shownIteration:
            return ""
        return _("Preview, accurate to {error} mm; release the slider to compute it exactly.").format(
            error=f"{error:.2f}"
        )

    def _name(self, session, index):
        """What the label says of a state."""
        states = session.iterations
        name = say(state_name(states, index))
        if not states[index].polished:
            name = _("{index} of {last}").format(index=name, last=iterations_up_to(states, len(states) - 1))
        isBest = not self._runner.running and index == session.bestIteration
        return _("{state} (best)").format(state=name) if isBest else name

    def _showPair(self, draft):
        """Fixed and registered volume; while dragging, the moving volume seen through the transform."""
        parameters = self._parameters
        if not parameters or not parameters.fixedVolume or not parameters.movingVolume:
            return
        registered = parameters.movingVolume if draft else self._registeredVolume()
        if registered is None:
            # Better the user's own views than the moving volume where it was before.
            self._flicker.setOn(False)
            self._compare.end()
            return
        mode, linked = parameters.compareMode, parameters.linkSlices
        if self._compare.isShowing and (self._compare.mode, self._compare.linked) == (mode, linked):
            self._compare.setMoving(registered, draft)
        else:
            self._compare.show(parameters.fixedVolume, registered, mode, parameters.compareOpacity, linked, draft)
        self._flicker.setOn(mode is CompareMode.FLICKER and not draft)
        self._ui.opacitySlider.enabled = mode.usesOpacity
        self._showOverlays()

    def _registeredVolume(self):
        """The output volume, else the moving volume if it lies under the transform, else None.

        Of the session, whatever nodes are chosen for the next one.
        """
        parameters, session = self._parameters, self._runner.session
        volume, transform, moving = parameters.outputVolume, parameters.outputTransform, parameters.movingVolume
        if self._isAtRest(session):
            volume, transform = session.outputVolumeNode, session.transformNode
        isUnder = transform is not None and moving.GetParentTransformNode() is transform
        return volume or (moving if isUnder else None)

    def _showOverlays(self):
        parameters = self._parameters
        self._compare.showJacobian(
            parameters.outputJacobian if parameters.showJacobian else None, parameters.jacobianOpacity
        )
        session = self._runner.session
        transform = session.transformNode if session and session.transformNode else parameters.outputTransform
        self._compare.showGrid(transform if parameters.showGrid else None)


def _registerFirst():
    """Why there is nothing to slide or to go on from."""
    return _("Click Register first. Iterations are not kept in a saved scene.")
