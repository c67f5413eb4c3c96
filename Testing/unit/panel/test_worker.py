import gc
import os
import sys
import threading
import time
import weakref

import pytest

from FiReworkRegistrationLib.panel.worker import Busy, Worker


class Pump:
    """Stands in for the application's event loop."""

    def __init__(self):
        self.times, self.threads, self.events = [], set(), []

    def __call__(self):
        self.times.append(time.perf_counter())
        self.threads.add(threading.current_thread())
        while self.events:
            self.events.pop(0)()


@pytest.fixture
def pump():
    return Pump()


@pytest.fixture
def worker(pump):
    worker = Worker(pump, interval=0.005)
    yield worker
    assert worker.stop()


def waitFor(event):
    assert event.wait(5), "nothing happened in 5 s"


def test_the_main_thread_gets_the_result_and_pumps_meanwhile(worker, pump):
    assert worker.run(lambda: time.sleep(0.1) or 42) == 42
    assert len(pump.times) > 3
    assert pump.threads == {threading.current_thread()}


def test_the_event_loop_is_never_left_alone_for_long(worker, pump):
    def busy():
        end, total = time.perf_counter() + 0.4, 0
        while time.perf_counter() < end:  # holds Python's lock as the bytecode of an engine does
            total += 1

    worker.run(busy)
    gaps = [later - earlier for earlier, later in zip(pump.times, pump.times[1:], strict=False)]
    assert max(gaps) < 0.1


def test_all_functions_run_on_one_thread(worker):
    threads = {worker.run(threading.current_thread) for _ in range(3)}
    assert len(threads) == 1
    assert threads.pop() is not threading.current_thread()


def test_an_exception_is_raised_again_with_its_trace(worker):
    def fails():
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room") as caught:
        worker.run(fails)
    assert "fails" in [entry.name for entry in caught.traceback]
    assert worker.run(lambda: "still alive") == "still alive"


def test_an_event_cannot_start_a_second_job(worker, pump):
    started, refused = threading.Event(), []

    def click():
        with pytest.raises(Busy):
            worker.run(lambda: None)
        refused.append(True)
        started.set()

    pump.events.append(click)
    worker.run(lambda: waitFor(started))
    assert refused and not worker.running


def test_what_is_posted_runs_on_the_main_thread_in_order(worker):
    seen = []

    def tells():
        for number in range(3):
            worker.post(lambda number=number: seen.append((number, threading.current_thread())))

    worker.run(tells)
    assert seen == [(number, threading.current_thread()) for number in range(3)]


def test_a_failing_event_waits_for_the_job_first(worker, pump):
    ended = []

    def event():
        raise RuntimeError("from an event")

    pump.events.append(event)
    with pytest.raises(RuntimeError, match="from an event"):
        worker.run(lambda: time.sleep(0.05) or ended.append(True))
    assert ended and not worker.running


def test_stop_ends_the_thread_and_run_starts_a_new_one(worker):
    first = worker.run(threading.current_thread)
    assert worker.stop() and not first.is_alive()
    assert worker.stop()
    assert worker.run(threading.current_thread).is_alive()


def test_stopped_from_an_event_the_job_ends_cleanly(worker, pump):
    cancelled = threading.Event()

    def quit():
        cancelled.set()
        assert worker.stop()

    pump.events.append(quit)
    assert worker.run(lambda: waitFor(cancelled) or "done") == "done"


def test_stop_does_not_wait_for_ever(worker, pump):
    release = threading.Event()
    stopped = []

    def quit():
        stopped.append(worker.stop(timeout=0.01))
        release.set()

    pump.events.append(quit)
    worker.run(lambda: waitFor(release))
    assert stopped == [False]


class Memory:
    """Something large that must not be held."""


def test_neither_result_nor_error_is_held(worker):
    gc.disable()
    try:
        kept = weakref.ref(worker.run(Memory))
        assert worker.run(lambda: None) is None
        assert kept() is None

        def fails():
            memory = Memory()
            fails.seen = weakref.ref(memory)
            raise ValueError

        with pytest.raises(ValueError) as caught:
            worker.run(fails)
        del caught
        worker.run(lambda: None)
        assert fails.seen() is None
    finally:
        gc.enable()


def test_a_result_is_let_go_before_the_next_job(worker):
    kept = weakref.ref(worker.run(Memory))
    end = time.monotonic() + 5
    while kept() and time.monotonic() < end:
        time.sleep(0.005)
    assert kept() is None


def test_a_dropped_worker_ends_its_thread(pump):
    worker = Worker(pump)
    thread = worker.run(threading.current_thread)
    del worker
    thread.join(5)
    assert not thread.is_alive()


def test_pumps_the_application_when_nothing_else_is_given(monkeypatch):
    import slicer

    calls = []

    class App:
        processEvents = staticmethod(lambda: calls.append(threading.current_thread()))

    monkeypatch.setattr(slicer, "app", App, raising=False)
    worker = Worker(interval=0.005)
    worker.run(lambda: time.sleep(0.05))
    assert worker.stop()
    assert set(calls) == {threading.current_thread()}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads have a priority of their own on Linux only")
def test_the_main_thread_goes_first_when_all_cores_compute():
    worker = Worker(pump=lambda: None)
    priority = lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())  # noqa: E731
    own = priority()
    assert worker.run(priority) > own or own > 4
    assert priority() == own
    worker.stop()


def test_garbage_is_collected_on_the_main_thread_only():
    """There may be Qt objects in it, which must not be deleted on another thread."""
    import gc

    deleted_on = []

    class Circle:
        def __init__(self):
            self.itself = self

        def __del__(self):
            deleted_on.append(threading.current_thread())

    def work():
        for _round in range(200):
            Circle()
            [[] for _ in range(20)]
        time.sleep(0.1)
        return gc.isenabled()

    worker = Worker(pump=lambda: None, interval=0.005)
    assert worker.run(work) is False
    assert gc.isenabled()
    gc.collect()
    assert set(deleted_on) == {threading.main_thread()}
    worker.stop()


def test_who_collects_no_garbage_need_not_do_so_afterwards(worker):
    gc.disable()
    try:
        worker.run(lambda: None)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_objects_of_an_import_are_left_out_of_collections(worker, monkeypatch):
    """Looking at all of them would hold up the main thread."""
    from FiReworkRegistrationLib.panel import worker as module

    frozen = []
    monkeypatch.setattr(module.gc, "freeze", lambda: frozen.append(True))
    kept = worker.run(lambda: [[] for _ in range(1000)])
    assert frozen == []
    monkeypatch.setattr(module, "MANY_OBJECTS", 500)
    kept = worker.run(lambda: [[] for _ in range(1000)])
    assert frozen == [True]
    assert len(kept) == 1000


def test_events_are_handled_between_quick_functions_too(worker, pump):
    """A GPU needs milliseconds for an iteration; Cancel and the views must have their turn."""
    for _each in range(5):
        worker.run(lambda: None)
    assert len(pump.times) >= 5


def test_the_lock_is_given_away_only_where_nothing_else_does(monkeypatch):
    slept, worker = [], Worker(interval=0.01)
    monkeypatch.setattr(time, "sleep", slept.append)
    worker._waited = time.monotonic()
    worker._giveLock()
    assert slept == []
    worker._waited -= 1
    worker._giveLock()
    assert slept == [0.005]
