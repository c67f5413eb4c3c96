"""What happens while the panel is busy: the event loop's longest stall, and acts at the right moment."""

import time

import qt
import slicer


class Heartbeat:
    """Beats as often as the event loop lets it; ``longest`` is the longest gap in seconds."""

    def __init__(self, milliseconds=5):
        self.longest, self._last = 0.0, None
        self._timer = qt.QTimer()
        self._timer.setInterval(milliseconds)
        self._timer.connect("timeout()", self._beat)

    def __enter__(self):
        self.longest, self._last = 0.0, time.monotonic()
        self._timer.start()
        return self

    def __exit__(self, *_):
        self._timer.stop()
        self._beat()

    def _beat(self):
        now = time.monotonic()
        self.longest = max(self.longest, now - self._last)
        self._last = now


class Meanwhile:
    """Does something once, as soon as a condition holds, while other code keeps the event loop running."""

    def __init__(self, condition, act, milliseconds=20):
        self.done = False
        self._condition, self._act = condition, act
        self._timer = qt.QTimer()
        self._timer.setInterval(milliseconds)
        self._timer.connect("timeout()", self._look)

    def __enter__(self):
        self._timer.start()
        return self

    def __exit__(self, *_):
        self._timer.stop()

    def _look(self):
        if not self.done and self._condition():
            # Before the act: it may run an event loop itself.
            self.done = True
            self._timer.stop()
            self._act()


def wait_until(condition, seconds):
    """Keep the event loop running until a condition holds; whether it did within the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        slicer.app.processEvents()
        time.sleep(0.01)
    return bool(condition())
