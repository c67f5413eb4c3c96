"""Dialogs that the panel opens: file dialogs get the path that the session has in mind, messages are read."""

import qt


class Dialogs:
    """Looks for a modal window a few times a second and answers it.

    :param checks: a message that nobody expects fails a check.
    :param modal_window: returns the modal window that is open, or None.
    """

    def __init__(self, checks, modal_window):
        self._checks, self._modal_window, self._path, self.texts = checks, modal_window, None, []
        self._expected = 0
        self._timer = qt.QTimer()
        self._timer.setInterval(300)
        self._timer.connect("timeout()", self._answer)

    def __enter__(self):
        self._timer.start()
        return self

    def __exit__(self, *_):
        self._timer.stop()

    def answer_file(self, path):
        """The next file dialog gets this path."""
        self._path = path

    def expect_message(self):
        """The next message box is no failure."""
        self._expected += 1

    def take_path(self):
        """The path that the session has in mind, once; None and a failed check when it has none."""
        path, self._path = self._path, None
        self._checks.check(path is not None, "file dialogs open only when they are asked for")
        return path

    def read(self, text):
        """A message to the user."""
        self.texts.append(text)
        if self._expected:
            self._expected -= 1
        else:
            self._checks.check(False, "no message that was not expected", text)

    def _answer(self):
        window = self._modal_window()
        # A file that takes a second to load has a window with a bar, which goes away by itself.
        if window is None or window.inherits("QProgressDialog"):
            return
        if hasattr(window, "selectFile"):
            self._answer_file(window)
        else:
            self._answer_message(window)

    def _answer_file(self, window):
        path = self.take_path()
        if path is None:
            window.reject()
            return
        # While the name is being edited, Qt leaves it as it is.
        focus = window.focusWidget()
        if focus is not None:
            focus.clearFocus()
        window.selectFile(str(path))
        window.accept()

    def _answer_message(self, window):
        self.read(getattr(window, "text", "") or window.windowTitle)
        window.accept()
