"""One thread that does the heavy work while the main thread keeps the application alive."""

import gc
import os
import queue
import threading
import time
import weakref
from collections import deque
from contextlib import contextmanager, suppress

from ..engine.texts import tr as _

#: New objects that no function makes which only computes.
MANY_OBJECTS = 100_000


class Busy(RuntimeError):
    """The worker still runs something: events that come in meanwhile cannot start a second job."""


class _Job:
    """A function on its way through the thread, and what came of it."""

    def __init__(self, function):
        self.function = function
        self.done = threading.Event()
        self.result = None
        self.error = None

    def execute(self):
        try:
            self.result = self.function()
        except BaseException as error:  # carried over: it is raised again on the main thread
            self.error = error
        finally:
            self.function = None
            self.done.set()


class Worker:
    """Runs functions on one thread that lives on between them, as cuDNN plans belong to a thread.

    :param pump: called on the main thread while it waits; ``slicer.app.processEvents`` if None.
    :param interval: seconds between two calls of ``pump``; waiting gives the thread Python's lock.
    """

    def __init__(self, pump=None, interval=0.02):
        self._pump = pump
        self._interval = interval
        self._jobs = queue.Queue()
        self._posted = deque()
        self._thread = None
        self._running = False
        self._waited = 0.0

    @property
    def running(self):
        """Whether :meth:`run` waits for a function."""
        return self._running

    def run(self, function):
        """``function()`` on the worker thread; its result, or its exception raised again here.

        Call it on the main thread. It returns when the function is done; meanwhile the application
        handles events. The function must not touch MRML or Qt.

        :raises Busy: called from an event that was handled while another function runs.
        """
        if self._running:
            raise Busy(_("A computation is running; wait until it is done or cancel it."))
        self._running = True
        try:
            job = _Job(function)
            self._start()
            self._jobs.put(job)
            try:
                with _noGarbageElsewhere(), self._givingWayInDialogs():
                    isDone = False
                    while not isDone:
                        isDone = job.done.wait(self._interval)
                        self._waited = time.monotonic()
                        # Also after the quick iterations of a GPU, between which nothing else would be seen or heard.
                        self._handleEvents()
            finally:
                # The job may use what the caller is about to give up.
                job.done.wait()
            self._deliver()
        finally:
            self._running = False
        error, job.error = job.error, None
        if error is not None:
            try:
                raise error
            finally:
                # The error's trace holds this frame: in a circle, the tensors in it would stay.
                del error
        return job.result

    def post(self, function):
        """Have the main thread call ``function()`` soon; for progress told from a running function."""
        self._posted.append(function)

    def stop(self, timeout=10.0):
        """End the thread after what it is running, and wait for that; False if it takes longer.

        Set the cancel flag of the running function first. :meth:`run` starts a new thread.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return True
        self._jobs.put(None)
        self._jobs = queue.Queue()
        thread.join(timeout)
        return not thread.is_alive()

    def _start(self):
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=_work, args=(self._jobs,), name="FiReworkRegistration", daemon=True)
            self._thread.start()
            weakref.finalize(self, self._jobs.put, None)

    def _handleEvents(self):
        self._deliver()
        if self._pump is not None:
            self._pump()
        else:
            import slicer

            slicer.app.processEvents()

    @contextmanager
    def _givingWayInDialogs(self):
        """A dialog of Slicer's own, such as Save, handles events by itself until it is closed. PythonQt keeps Python's
        lock meanwhile, so that the thread would stand still: a timer gives it away."""
        if self._pump is not None:
            yield
            return
        import qt

        timer = qt.QTimer()
        timer.setInterval(int(1000 * self._interval))
        timer.connect("timeout()", self._giveLock)
        timer.start()
        try:
            yield
        finally:
            timer.stop()
            timer.disconnect("timeout()", self._giveLock)

    def _giveLock(self):
        if time.monotonic() - self._waited > 4 * self._interval:
            time.sleep(self._interval / 2)

    def _deliver(self):
        while self._posted:
            self._posted.popleft()()


@contextmanager
def _noGarbageElsewhere():
    """Garbage in circles waits until the thread is idle, for there may be Qt and VTK objects in it.

    Python collects on whichever thread happens to allocate; these may be deleted on the main thread only.
    """
    wasEnabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > MANY_OBJECTS:
            # A large package was imported, whose objects stay: else each full collection, on the main thread,
            # would look at all of them, for a fifth of a second.
            gc.freeze()
        if wasEnabled:
            gc.enable()


def _work(jobs):
    """Until None comes. Holds no reference to the worker, so that one that is dropped can go."""
    _giveWay()
    for job in iter(jobs.get, None):
        job.execute()
        job = None  # a kept job would keep its result's memory


def _giveWay():
    """On Linux, let the main thread draw first when all cores compute; nothing is lost while it does not.

    A thread has a priority of its own there, and those that torch starts from it inherit it.
    """
    if os.name == "posix" and hasattr(threading, "get_native_id") and os.path.isdir("/proc/self/task"):
        # Where the machine forbids it, the computation is as urgent as the views.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
