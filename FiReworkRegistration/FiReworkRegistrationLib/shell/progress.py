"""A progress bar of one line for a shell."""

import sys

_WIDTH = 24


class ProgressLine:
    """Draws over itself on a terminal; prints whole lines to a file or pipe."""

    def __init__(self, stream=None):
        self.stream = stream or sys.stderr
        self.terminal = self.stream.isatty()
        self._last = ""

    def show(self, fraction: float, message: str) -> None:
        """:param fraction: 0 to 1."""
        if not self.terminal:
            # A log file wants each message once, not a hundred fractions of it.
            if message != self._last:
                print(message, file=self.stream, flush=True)
        else:
            filled = round(_WIDTH * min(max(fraction, 0.0), 1.0))
            print(f"\r\x1b[K[{'#' * filled}{'.' * (_WIDTH - filled)}] {message}", end="", file=self.stream, flush=True)
        self._last = message

    def done(self, message: str) -> None:
        """Replace the bar by a last line."""
        print(f"\r\x1b[K{message}" if self.terminal else message, file=self.stream, flush=True)
        self._last = ""
