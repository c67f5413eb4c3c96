"""Threads that share the pieces of a piece of work, each computing on one core.

PyTorch by itself shares out the elements of one operation after the other. Small tensors gain nothing by that, some
operations (sampling one image) are never shared, and threads that wait for the next one burn CPU time. Where work falls
apart into pieces, whole pieces side by side take less of both.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import torch


class Workers:
    """Use it in a ``with`` statement, so that its threads end.

    :param count: how many pieces are worked at side by side; with one, the caller's thread does everything, as PyTorch
        is set there.
    """

    def __init__(self, count: int = 1):
        self.count = count
        self._pool = _single_core_threads(count) if count > 1 else None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_error) -> None:
        if self._pool:
            self._pool.shutdown()

    def map(self, work: Callable, pieces: Iterable) -> list:
        """``work(piece)`` of every piece, in their order.

        :raises Exception: what a piece raised.
        """
        return [work(piece) for piece in pieces] if self._pool is None else list(self._pool.map(work, pieces))


def workers_for(device: torch.device) -> Workers:
    """As many as PyTorch may use cores of a CPU; a GPU shares out everything by itself."""
    return Workers(torch.get_num_threads() if device.type == "cpu" else 1)


def _single_core_threads(count: int) -> ThreadPoolExecutor:
    everyone = threading.Barrier(count)

    def settle(_index):
        # A thread takes PyTorch's number of threads when it first asks for it; only then is one of its own kept.
        torch.get_num_threads()
        torch.set_num_threads(1)
        everyone.wait()

    own, pool = torch.get_num_threads(), ThreadPoolExecutor(count, thread_name_prefix="polish")
    try:
        list(pool.map(settle, range(count)))
    except RuntimeError:
        # The system gives no more threads: those that wait for the others must end.
        everyone.abort()
        pool.shutdown()
        raise
    finally:
        # The number that was set last also counts for threads that begin later.
        torch.set_num_threads(own)
    return pool
