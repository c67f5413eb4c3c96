import threading

import pytest
import torch

from FiReworkRegistrationLib.engine.workers import Workers, workers_for


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 3])
def test_outcomes_come_in_the_order_of_the_pieces(count):
    with Workers(count) as workers:
        assert workers.map(lambda piece: piece**2, range(20)) == [piece**2 for piece in range(20)]


def test_one_worker_is_the_caller_itself():
    with Workers() as workers:
        assert workers.map(lambda _piece: threading.current_thread(), [0]) == [threading.current_thread()]


def test_pieces_are_worked_at_side_by_side_on_a_core_each(three_threads):
    everyone = threading.Barrier(2, timeout=30)

    def work(_piece):
        everyone.wait()
        return torch.get_num_threads()

    with Workers(2) as workers:
        assert workers.map(work, range(2)) == [1, 1]


def test_other_threads_keep_all_cores(three_threads):
    later = []
    with Workers(2):
        assert torch.get_num_threads() == 3
        thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        thread.start()
        thread.join()
    assert later == [3]


def test_where_the_system_gives_no_more_threads_none_is_left_behind(three_threads, monkeypatch):
    before, start, later = threading.active_count(), threading.Thread.start, []

    def refused(self):
        if threading.active_count() > before:
            raise RuntimeError("can't start new thread")
        start(self)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        with pytest.raises(RuntimeError, match="new thread"):
            Workers(2)
    assert threading.active_count() == before
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [3]


def test_what_a_piece_raises_is_raised_and_the_threads_end():
    before = threading.active_count()

    def work(piece):
        raise ValueError(f"piece {piece}")

    with pytest.raises(ValueError, match="piece 0"), Workers(2) as workers:
        workers.map(work, range(2))
    assert threading.active_count() == before


def test_as_many_workers_as_cores_of_a_cpu_and_one_for_a_gpu(three_threads):
    with workers_for(torch.device("cpu")) as workers:
        assert workers.count == 3
    assert workers_for(torch.device("cuda")).count == 1
