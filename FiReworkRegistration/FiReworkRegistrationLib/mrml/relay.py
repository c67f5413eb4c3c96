"""Calls back to the thread that may touch MRML and Qt."""

import threading
from collections import deque


class Relay:
    """A function that is only ever called on the thread that made the relay, whoever calls the relay.

    :param function: takes any arguments; its result is dropped.
    :param post: hands a function of no arguments to that thread, soon; without it, calls from other threads
        are held back until :meth:`deliver`.
    """

    def __init__(self, function, post=None):
        self._function = function
        self._post = post
        self._thread = threading.get_ident()
        self._held = deque()

    def __call__(self, *arguments):
        self._held.append(arguments)
        if threading.get_ident() == self._thread:
            self.deliver()
        elif self._post is not None:
            self._post(self.deliver)

    def deliver(self):
        """Make the calls that were held back, in their order."""
        while self._held:
            self._function(*self._held.popleft())
