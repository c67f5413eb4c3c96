"""Slice views drawn one after the other, each in an event of its own."""

from contextlib import suppress

import qt
import slicer

#: ctkVTKAbstractView draws a request on the spot when it is older than that (60 frames a second).
RENDER_INTERVAL_MS = 17


class OneByOne:
    """Keeps three views that change together from being drawn together.

    Without a GPU a view takes tens of milliseconds, more while all cores compute. Drawn in one go they would hold up
    the mouse and the worker; one by one, other events come between them.
    """

    def __init__(self):
        self._held, self._waiting = [], False

    def hold(self):
        """Call before the views change: from the next event on each is drawn in its turn."""
        manager = slicer.app.layoutManager()
        if manager is None:
            return
        for name in manager.sliceViewNames():
            widget = manager.sliceWidget(name)
            # Those that still wait keep their place: however fast changes come, every view has its turn.
            if widget is not None and widget not in self._held:
                widget.pauseRender()
                self._held.append(widget)
        if self._held and not self._waiting:
            self._waiting = True
            qt.QTimer.singleShot(0, self._begin)

    def release(self):
        """All that still wait may be drawn at once."""
        while self._held:
            self._resume()

    def _begin(self):
        # Counted from the first event after the changes. A view resumed sooner leaves its request to CTK's timer, and
        # those of all views would run out together.
        qt.QTimer.singleShot(RENDER_INTERVAL_MS, self._next)

    def _next(self):
        self._waiting = False
        if self._held:
            self._resume()
        if self._held:
            # A new timer, which this round of the event loop does not know yet.
            self._waiting = True
            qt.QTimer.singleShot(0, self._next)

    def _resume(self):
        widget = self._held.pop(0)
        # PythonQt says so of a widget that is gone.
        with suppress(ValueError):
            widget.resumeRender()
