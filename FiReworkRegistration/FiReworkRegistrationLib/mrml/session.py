"""One registration of two volume nodes that stays alive: refined further, shown at any iteration, finished."""

from contextlib import ExitStack, contextmanager, suppress

from ..engine.texts import tr as _
from .heavy_work import HeavyWork
from .live import LiveTransform, writtenMap
from .moving_place import MovingPlace
from .outputs import INVERSE, JACOBIAN, TRANSFORM, VOLUME, Outputs, checkOutputs, openTransform, writeOutputs
from .pair import checkInputs, checkIterations, readPair
from .presence import NodesRemoved, checkStillThere
from .relay import Relay
from .results import computeResults, stopIfCancelled, transformAttributes

#: Progress fractions where preparation, iterations and the rest begin.
PREPARE, REFINE, POLISHING, FINISH = 0.02, 0.25, 0.45, 0.80


class RegistrationSession:
    """Registers a moving volume node to a fixed one, step by step.

    ``prepare()``, then ``refine(K)`` as often as wanted, ``show(k)`` for a quick look through the transform node,
    ``finish(k)`` for all outputs of an iteration, ``discard()`` for the scene as it was before. Every method is
    called on the main thread, the one that makes the session. Until ``show`` or ``finish`` nothing in the scene
    changes; after an error or a cancel it is as before, unless ``cancelKeeps`` or an earlier ``finish`` says more.

    :param fixedNode, movingNode: scalar volume nodes; linear parent transforms are respected.
    :param outputTransform, outputVolume, outputJacobian, outputInverse: nodes to overwrite; None makes new ones.
    :param fixedMask, movingMask: label map, volume or segmentation nodes; voxels > 0 are registered.
    :param fixedSegment, movingSegment: segment IDs, if the masks are segmentations; None is all segments.
    :param initialTransform: linear transform node under which the moving volume lies near the fixed one.
    :param model, device, affine, spacing, precision, normalization, contrast: see the engine's ``Registration``.
    :param wantVolume, wantJacobian: False leaves them out, and a given node as it is.
    :param wantInverse: None means yes if ``outputInverse`` is given.
    :param progress: called as ``progress(fraction, message)``, fraction in [0, 1]; always on the main thread.
    :param cancelled: asked between steps, also on the thread of ``execute``: it may only read a flag.
    :param registrationClass: stands in for the engine's ``Registration``.
    :param execute: ``execute(function)`` returns the function's result; ``Worker.run`` in the panel. It may handle
        events of the application meanwhile. None runs it in place.
    :param post: hands a function to the main thread, soon; ``Worker.post`` in the panel. Without it, progress told
        from another thread comes when the step is done.
    :param cancelKeeps: after an error or a cancel before the first finish, the transform node shown so far stays; can
        be set any time.
    """

    def __init__(
        self, fixedNode, movingNode, *, outputTransform=None, outputVolume=None, outputJacobian=None,
        outputInverse=None, fixedMask=None, movingMask=None, fixedSegment=None, movingSegment=None,
        initialTransform=None, model=None, device="auto", affine="auto", spacing=None, precision="auto",
        normalization="robust", contrast="auto", wantVolume=True, wantJacobian=True, wantInverse=None,
        progress=None, cancelled=None, registrationClass=None, execute=None, post=None, cancelKeeps=False,
    ):  # fmt: skip
        wantInverse = outputInverse is not None if wantInverse is None else wantInverse
        self.cancelKeeps = cancelKeeps
        self._wanted = {TRANSFORM: True, VOLUME: wantVolume, JACOBIAN: wantJacobian, INVERSE: wantInverse}
        given = {TRANSFORM: outputTransform, VOLUME: outputVolume, JACOBIAN: outputJacobian, INVERSE: outputInverse}
        self._given = {role: node if self._wanted[role] else None for role, node in given.items()}
        self._nodes = dict(self._given)
        self._inputs = {
            _("Fixed volume"): fixedNode, _("Moving volume"): movingNode, _("Fixed mask"): fixedMask,
            _("Moving mask"): movingMask, _("Initial transform"): initialTransform,
        }  # fmt: skip
        self._segments = {"fixedSegment": fixedSegment, "movingSegment": movingSegment}
        self._settings = {
            "model": model, "device": device, "affine": affine, "spacing": spacing, "precision": precision,
            "normalization": normalization, "contrast": contrast,
        }  # fmt: skip
        self._registrationClass = registrationClass
        self._work = HeavyWork(execute, cancelled, self._checkThere, self._neededNodes)
        self._tell = Relay(progress or (lambda fraction, message: None), post)
        self._undo = ExitStack()
        self._scene = self._pair = self._registration = self._live = None
        self._shown = self._finished = None
        self._place = MovingPlace(movingNode)
        self._written = None, None  # iteration and its map

    def prepare(self):
        """Read and check the nodes, align the volumes; afterwards iteration 0 is there.

        :raises RegistrationError: an input or a setting that cannot be used, in words for the user.
        :raises Cancelled: the user stopped it, closed the scene or removed a needed node.
        """
        self._tell(0.0, _("Reading volumes"))
        checkInputs(self._inputs)
        fixedNode, movingNode = self._inputs["Fixed volume"], self._inputs["Moving volume"]
        self._scene = fixedNode.GetScene()
        checkOutputs(self._given, self._inputs, self._scene)
        pair = readPair(
            fixedNode, movingNode, fixedMask=self._inputs["Fixed mask"], movingMask=self._inputs["Moving mask"],
            initialTransform=self._inputs["Initial transform"], replacedTransform=self._given[TRANSFORM],
            **self._segments,
        )  # fmt: skip
        self._pair = pair
        self._registration, self._writers = self._run(self._align)

    def _align(self):
        """On the thread of ``execute``."""
        import numpy as np

        registrationClass = self._registrationClass
        if registrationClass is None:
            from ..engine.registration import Registration as registrationClass
        pair = self._pair
        registration = registrationClass(
            pair.fixed, pair.moving, fixed_mask=pair.fixedMask, moving_mask=pair.movingMask,
            initial_transform=pair.initial, cancelled=self._work.stopped, **self._settings,
            progress=lambda fraction, message: self._tell(PREPARE + (REFINE - PREPARE) * fraction, message),
        )  # fmt: skip
        writers = registration.map_writers(np.linalg.inv(pair.movingToWorld))
        self._written = 0, writtenMap(writers, registration.iterations[0].field)
        return registration, writers

    def refine(self, iterations, stopEarly=False, end=FINISH):
        """Yield each new engine ``Iteration`` up to number ``iterations``; calling again goes on from the last.

        :param stopEarly: end when the stop rule finds that going on is not worth it.
        :param end: progress fraction at which the last one stands.
        :raises RegistrationError: fewer than one iteration.
        :raises Cancelled: as in :meth:`prepare`; finished iterations stay in :attr:`iterations`.
        """
        from ..engine.stop_rule import stop_reason

        checkIterations(iterations)
        first = self.iterations[-1].index
        if first >= iterations:
            return
        begin = REFINE if first == 0 else 0.0
        with self._standingOrDiscarded():
            stream = self._registration.refine(iterations, cancelled=self._work.stopped)
            self._tell(begin, _("Iteration {index} of {count}").format(index=first + 1, count=iterations))
            while (iteration := self._run(lambda: self._refined(stream))) is not None:
                done = (iteration.index - first) / (iterations - first)
                following = min(iteration.index + 1, iterations)
                text = _("Iteration {index} of {count}").format(index=following, count=iterations)
                self._tell(begin + (end - begin) * done, text)
                yield iteration
                if stopEarly and stop_reason(self.iterations):
                    return

    def _refined(self, stream):
        """On the thread of ``execute``: the next iteration, None after the last."""
        iteration = next(stream, None)
        if iteration is not None:
            self._written = iteration.index, writtenMap(self._writers, iteration.field)
        return iteration

    def polish(self, levels=None):
        """Optimize the last iteration's field for this very pair; the outcome is one more iteration.

        :param levels: engine ``PolishLevel`` s; None is the long polish of the preset "best".
        :return: engine ``Iteration``.
        :raises Cancelled: as in :meth:`prepare`; finished iterations stay in :attr:`iterations`.
        """
        from ..engine.presets import POLISH

        levels = POLISH if levels is None else levels
        begin = POLISHING if self._finished is None else 0.0
        with self._standingOrDiscarded():
            return self._run(lambda: self._polished(levels, begin))

    def _polished(self, levels, begin):
        """On the thread of ``execute``."""
        state = self._registration.polish(
            levels, cancelled=self._work.stopped,
            progress=lambda fraction, _message: self._tell(begin + (FINISH - begin) * fraction, _("Polishing")),
        )  # fmt: skip
        self._written = state.index, writtenMap(self._writers, state.field)
        return state

    def show(self, iteration):
        """Put an iteration into the transform node at once; the other outputs stay as they are.

        As precise as the iteration is stored, see :meth:`storedError`.

        :raises NodesRemoved: the scene was closed or a needed node removed.
        """
        self._checkThere()
        states = self._registration.iterations
        if self._live is None:
            self._nodes[TRANSFORM] = openTransform(self._pair, self._nodes[TRANSFORM], self._undo)
            self._live = LiveTransform(self._nodes[TRANSFORM], self._writers)
        pair = self._pair
        attributes = transformAttributes(
            self._registration, iteration, pair.movingToWorld, pair.fixedToWorld, pair.fixed
        )
        # The newest one is written already: on the main thread it would hold up the views.
        (index, written), self._written = self._written, (None, None)
        if index == iteration:
            self._live.showWritten(written, attributes)
        else:
            self._live.show(states[iteration].field, attributes)
        self._shown = iteration

    def placeMoving(self, under=True):
        """Place the moving volume under the transform node, to be seen through it, or back where it was.

        One that the user has put there stays there.
        """
        if not under:
            self._place.takeBack()
        elif self._place.put(self.transformNode):
            self._undo.callback(self._place.takeBack)

    def leavePlaced(self):
        """The moving volume under the transform is the user's doing from now on, and stays there."""
        self._place.leave()

    def finish(self, iteration=None):
        """Bring all wanted outputs up to date with an iteration, in full precision.

        All of them are written or none. An output volume that was removed since the last time is left out.

        :param iteration: index; None is :attr:`bestIteration`.
        :return: ``Outputs``.
        :raises Cancelled: as in :meth:`prepare`.
        """
        iteration = self.bestIteration if iteration is None else iteration
        with self._standingOrDiscarded():
            self._forgetRemoved()
            results = self._run(lambda: computeResults(
                self._registration, self._pair, iteration, volume=self._wanted[VOLUME],
                jacobian=self._wanted[JACOBIAN], inverse=self._wanted[INVERSE], tell=self._tell,
                cancelled=self._work.stopped,
            ))  # fmt: skip
            self._tell(0.97, _("Writing nodes"))
            # Last chance: from here on nothing asks or tells, so that no event comes between the nodes.
            stopIfCancelled(self._work.stopped)
            undo = self._undo if self._finished is None else None
            self._nodes = writeOutputs(self._pair, results, self._nodes, undo)
        if self._live is None:
            self._live = LiveTransform(self._nodes[TRANSFORM], self._writers)
        self._live.adopt()
        self._shown = self._finished = iteration
        self._tell(1.0, _("Done"))
        return Outputs(
            self._nodes[TRANSFORM], self._nodes[VOLUME], self._nodes[JACOBIAN], self._nodes[INVERSE],
            self._registration, self.iterations, results.inverseResidual,
        )  # fmt: skip

    def discard(self):
        """The scene as before the session: new nodes removed, overwritten ones restored."""
        self._undo.close()
        self._nodes = dict(self._given)
        self._live = self._shown = self._finished = None

    @property
    def iterations(self):
        """Figures so far, a list of engine ``Iteration``; index 0 is the affine start."""
        return list(self._registration.iterations)

    @property
    def bestIteration(self):
        """Index of the iteration to keep, see engine ``best_iteration``."""
        from ..engine.stop_rule import best_iteration

        return best_iteration(self.iterations)

    @property
    def shownIteration(self):
        """Index of the iteration that the transform node holds, or None."""
        return self._shown

    @property
    def finishedIteration(self):
        """Index of the iteration that all outputs hold, or None."""
        return self._finished

    @property
    def transformNode(self):
        """The node that ``show`` and ``finish`` write into, or None before."""
        return self._live.node if self._live is not None else None

    @property
    def outputVolumeNode(self):
        """The registered volume that :meth:`finish` wrote; None without one, or if it was removed."""
        node = self._nodes[VOLUME] if self._finished is not None else None
        return node if node is not None and node.GetScene() is self._scene else None

    @property
    def isWhole(self):
        """Whether all nodes that the next step needs are in the scene, and the volumes where and what they were."""
        try:
            self._checkThere()
        except NodesRemoved:
            return False
        return self._pair.isAsRead()

    @property
    def registration(self):
        """The engine's ``Registration``, or None before :meth:`prepare`."""
        return self._registration

    @property
    def volumeNodes(self):
        """Fixed and moving volume node."""
        return self._inputs["Fixed volume"], self._inputs["Moving volume"]

    def mapAt(self, iteration):
        """``DisplacementMap`` of an iteration, fixed world to moving world, RAS mm."""
        return self._registration.map(iteration)

    def largestDisplacement(self, iteration):
        """Longest displacement of the field inside the mask, without the affine part, mm."""
        return self.iterations[iteration].largest * self._registration.spacing

    def storedError(self, iteration):
        """How far an iteration shown by :meth:`show` may be off, mm; 0 while memory allows."""
        return self._registration.stored_error(iteration)

    def _run(self, function):
        result = self._work.run(function, self._scene)
        self._tell.deliver()
        return result

    def _neededNodes(self):
        # After the first finish the volumes may go: the user has seen them and does not want them.
        roles = self._nodes if self._finished is None else (TRANSFORM,)
        nodes = [self._pair.fixedNode, self._pair.movingNode, *(self._nodes[role] for role in roles)]
        return [node for node in nodes if node is not None]

    def _checkThere(self):
        checkStillThere(self._pair, self._neededNodes(), self._scene)

    def _forgetRemoved(self):
        if self._finished is None:
            return
        for role in (VOLUME, JACOBIAN, INVERSE):
            node = self._nodes[role]
            if node is not None and node.GetScene() is not self._scene:
                self._nodes[role], self._wanted[role] = None, False

    @contextmanager
    def _standingOrDiscarded(self):
        """After an error: back to the last finished result if there is one, else what ``cancelKeeps`` says."""
        from ..engine.errors import RegistrationError

        if self._work.running:
            raise RegistrationError(_("The registration is still running; wait until it is done or cancel it."))
        try:
            yield
        except Exception:
            if self._finished is None:
                if not (self.cancelKeeps and self._shown):
                    self.discard()
            elif self._shown != self._finished:
                with suppress(NodesRemoved):
                    self.show(self._finished)
            raise
