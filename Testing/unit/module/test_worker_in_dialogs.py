"""The worker while a dialog of the application handles events by itself."""

import time

import slicer
from PySide6 import QtCore

from FiReworkRegistrationLib.panel.worker import Worker


def test_a_dialog_of_the_applications_own_lets_the_thread_compute(app, monkeypatch):
    """PythonQt keeps Python's lock while such a dialog is open, and calls only timers then."""
    worker, given = Worker(interval=0.01), []
    monkeypatch.setattr(worker, "_giveLock", lambda: given.append(time.monotonic() - worker._waited > 0.04))

    def dialog():
        loop = QtCore.QEventLoop()
        QtCore.QTimer.singleShot(200, loop.quit)
        loop.exec()

    worker.post(dialog)
    worker.run(lambda: time.sleep(0.1))
    assert sum(given) >= 5
    count = len(given)
    slicer.app.processEvents()
    time.sleep(0.03)
    slicer.app.processEvents()
    assert len(given) == count
    assert worker.stop()
