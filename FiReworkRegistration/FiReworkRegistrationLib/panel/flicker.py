"""Switches between two pictures in a steady beat."""

import qt

#: Milliseconds that each picture stays: slow enough to look, quick enough to see motion.
INTERVAL = 600


class Flicker:
    """Calls a function in a steady beat while it is on, such as ``Compare.flip``."""

    def __init__(self, flip, interval=INTERVAL):
        self._timer = qt.QTimer()
        self._timer.setInterval(interval)
        self._timer.connect("timeout()", flip)

    @property
    def isOn(self):
        return bool(self._timer.active)

    def setOn(self, on):
        """Start or stop; stopping leaves the picture that is shown."""
        if on and not self.isOn:
            self._timer.start()
        elif not on:
            self._timer.stop()
