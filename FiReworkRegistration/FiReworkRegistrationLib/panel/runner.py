"""Registering from the panel: the worker thread, the session, cancel, and what to do when a GPU runs out of memory."""

import gc
import logging
from contextlib import contextmanager, suppress

from slicer.i18n import tr as _

from ..mrml.language import say
from .engine_loading import loadEngine
from .worker import Worker


class Runner:
    """One registration at a time; the last one stays alive for the K slider.

    Methods are called on the main thread and return when the work is done; the application handles events
    meanwhile. Only one runs at a time: see :attr:`running`.

    :param onProgress: called as ``onProgress(fraction, message)``.
    :param onIteration: called with the index of each iteration as it is there, 0 included.
    :param onOtherWork: called when :meth:`run` begins and ends.
    :param onDiscarded: called when a session is given up for another try, to let go of it.
    """

    def __init__(self, onProgress, onIteration, onOtherWork=lambda: None, onDiscarded=lambda: None):
        self.worker = Worker()
        self.session = None
        self._deviceNotice = self._polishNotice = ""
        self._onProgress, self._onIteration, self._onOtherWork = onProgress, onIteration, onOtherWork
        self._onDiscarded = onDiscarded
        self._running = self._cancelRequested = self._wasCancelled = False
        #: Whether what is running can be cancelled.
        self.cancellable = False
        #: Whether the application is being left.
        self.abandoned = False

    @property
    def running(self):
        return self._running

    @property
    def notice(self):
        """What memory did not allow, in words for the user; empty if nothing."""
        return " ".join(text for text in (self._deviceNotice, self._polishNotice) if text)

    def register(
        self, fixedNode, movingNode, *, iterations, polish=(), stopEarly=False, keepOnCancel=False, **settings
    ):  # fmt: skip
        """Register anew and finish the best iteration.

        :param polish: levels of the polish after the iterations; () for none.
        :param settings: of ``RegistrationSession``.
        :return: its ``Outputs``.
        :raises Cancelled: the scene is as before, unless ``keepOnCancel`` and an iteration was done.
        """
        from ..engine.errors import is_gpu_failure, is_out_of_memory
        from ..mrml.presence import checkInScene
        from ..mrml.session import RegistrationSession

        self.session, self._deviceNotice, self._polishNotice = None, "", ""
        with self._busy():
            self._load(fixedNode, movingNode)
            failure = None
            for isMeant, notice, attempt in self._attempts(settings):
                if failure and not isMeant(failure):
                    continue
                self._deviceNotice = notice and notice.format(error=say(failure))
                session = RegistrationSession(
                    fixedNode, movingNode, **attempt, execute=self.worker.run, post=self.worker.post,
                    progress=self._onProgress, cancelled=lambda: self._cancelRequested, cancelKeeps=keepOnCancel,
                )  # fmt: skip
                try:
                    return self._refined(session, iterations, stopEarly, polish)
                except (RuntimeError, MemoryError) as error:
                    # Whoever asks for one GPU wants to hear what is wrong with it.
                    isOurs = settings.get("device", "auto") == "auto" and is_gpu_failure(error)
                    if self._wasCancelled or not (is_out_of_memory(error) or isOurs):
                        raise
                    # Without its trace, which holds the tensors.
                    failure = error.with_traceback(None)
                    session.discard()
                    self.session = None
                    del session
                    # Whoever judges it holds it, and with it what it has on the GPU.
                    self._onDiscarded()
                    self._freeMemory()
                    checkInScene((fixedNode, movingNode))
            if not is_out_of_memory(failure):
                raise failure
            from ..engine.errors import RegistrationError

            raise RegistrationError(
                _("There is not enough memory for this registration; choose a coarser working resolution (Advanced).")
            )

    def refine(self, iterations, stopEarly=False):
        """Go on from the last iteration up to number ``iterations``, and finish the best one."""
        self._polishNotice = ""
        with self._busy():
            return self._refined(self.session, iterations, stopEarly)

    def polish(self, levels):
        """Polish the last iteration, and finish the best one."""
        with self._busy():
            return self._refined(self.session, 0, False, levels)

    def finish(self, iteration):
        """Bring all outputs up to date with an iteration."""
        with self._busy():
            return self.session.finish(iteration)

    def run(self, function):
        """Some other heavy function on the worker thread, without MRML and Qt."""
        try:
            with self._busy(cancellable=False):
                self._onOtherWork()
                return self.worker.run(function)
        finally:
            self._onOtherWork()

    def cancel(self):
        """Ask what is running to end, within one iteration."""
        self._cancelRequested = self._wasCancelled = True

    def abandon(self):
        """The application is being left: end what is running, keep nothing of it, ask nobody."""
        self.abandoned = True
        self.cancel()

    def forget(self):
        """Let go of the session: its nodes were closed or are to stay as they are."""
        self.cancel()
        self.session = None

    def stop(self):
        """End the thread, for good."""
        self.forget()
        self.worker.stop()

    def _load(self, *inputs):
        """Bring torch; meanwhile the user may have thought better of it."""
        from ..engine.errors import Cancelled
        from ..mrml.presence import checkInScene

        self._onProgress(0.0, _("Loading PyTorch"))
        self.worker.run(loadEngine)
        if self._cancelRequested:
            raise Cancelled("Cancelled before the volumes were read.")
        checkInScene(inputs)

    def _attempts(self, settings):
        """The settings as they are; on a GPU that is too small, a coarser grid, then the CPU; instead of one that does
        not work, the CPU, if the user left the choice to us.

        :return: yields which failures it is meant for, what to tell the user then, and settings.
        """
        from ..engine.device import choose_device
        from ..engine.errors import is_out_of_memory
        from ..engine.models import find_model

        yield None, "", settings
        device = settings.get("device", "auto")
        if choose_device(device).type == "cpu":
            return
        coarser = 2 * float(settings.get("spacing") or find_model(settings.get("model")).spacing)
        if coarser <= 8:
            text = _("The GPU ran out of memory: registered on a grid of {size} mm.").format(size=f"{coarser:g}")
            yield is_out_of_memory, text, {**settings, "spacing": coarser}
        cpu = {**settings, "device": "cpu"}
        yield is_out_of_memory, _("The GPU ran out of memory: registered on the CPU."), cpu
        if device == "auto":
            yield (
                lambda failure: not is_out_of_memory(failure),
                _("The GPU could not be used ({error}): registered on the CPU."), cpu,
            )  # fmt: skip

    def _refined(self, session, iterations, stopEarly, polish=()):
        from ..engine.errors import Cancelled
        from ..mrml.session import FINISH, POLISHING

        known = len(session.iterations) if session.registration else 1
        try:
            try:
                if session.registration is None:
                    session.prepare()
                    self.session = session
                    self._onIteration(0)
                if iterations:
                    for iteration in session.refine(iterations, stopEarly, POLISHING if polish else FINISH):
                        self._onIteration(iteration.index)
                if polish:
                    self._polish(session, polish)
                return session.finish(session.bestIteration)
            except Cancelled:
                # What was finished stays when the user wants that; a closed scene raises from finish again.
                isMore = session.registration is not None and len(session.iterations) > known
                if self.abandoned or not (session.cancelKeeps and isMore):
                    raise
                self._cancelRequested = False
                return session.finish(session.bestIteration)
        except Exception:
            if session.finishedIteration is None:
                session.discard()
                self.session = None
            raise

    def _polish(self, session, levels):
        from ..engine.errors import Cancelled, is_out_of_memory

        self._polishNotice = ""
        # A polish that does not fit must not cost the iterations that are done.
        keeps, session.cancelKeeps = session.cancelKeeps, True
        try:
            polished = session.polish(levels)
        except Cancelled:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                self._polishNotice = _("There was not enough memory for the polish: this is the result without it.")
            elif session.finishedIteration is None:
                logging.error("The polish failed", exc_info=error)
                self._polishNotice = _("The polish failed ({error}): this is the result without it.").format(
                    error=say(error)
                )
            else:
                raise
            self._freeMemory()
        else:
            self._onIteration(polished.index)
        finally:
            session.cancelKeeps = keeps

    def _freeMemory(self):
        """Of what an attempt left behind; garbage is collected on this thread, for it may hold Qt objects."""
        gc.collect()
        self.worker.run(_emptyDeviceCache)

    @contextmanager
    def _busy(self, cancellable=True):
        from .worker import Busy

        if self._running:
            raise Busy(_("A registration is running; wait until it is done or cancel it."))
        self._running, self.cancellable = True, cancellable
        self._cancelRequested = self._wasCancelled = False
        try:
            yield
        finally:
            self._running = self.cancellable = False


def _emptyDeviceCache():
    import torch

    if torch.cuda.is_available():
        # A GPU that has failed fails here too.
        with suppress(RuntimeError):
            torch.cuda.empty_cache()
