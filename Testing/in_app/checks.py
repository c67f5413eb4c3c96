"""Lines of checks and measurements, and whether all went well."""

import sys
import time
import traceback
from contextlib import contextmanager


class Checks:
    """Prints each check as it is made and remembers the failed ones.

    :param write: takes one line; the console if None.
    """

    def __init__(self, write=None):
        self._write = write or (lambda line: print(line, flush=True))
        self._began = time.monotonic()
        self.passed, self.failed = 0, []

    def check(self, good, text, detail=""):
        """One thing that must hold; ``detail`` is what was found instead."""
        if good:
            self.passed += 1
        else:
            self.failed.append(text)
        found = f": {detail}" if detail != "" and not good else ""
        self._line("ok  " if good else "FAIL", text + found)
        return bool(good)

    def measured(self, text, value, unit):
        """A figure worth knowing, which decides nothing."""
        self._line("    ", f"{text}: {value:.3g} {unit}")

    @contextmanager
    def step(self, title):
        """A part of the session; an exception in it fails it, and the session goes on."""
        self._line("----", title)
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            self.check(False, f"{title} without exception", f"{type(error).__name__}: {error}")

    @contextmanager
    def watching_exceptions(self):
        """Exceptions in callbacks, which Qt swallows, fail a check; they reach Python's own hook."""
        seen, former = [], sys.excepthook

        def remember(kind, error, trace):
            seen.append(f"{kind.__name__}: {error}")
            former(kind, error, trace)

        sys.excepthook = remember
        try:
            yield
        finally:
            sys.excepthook = former
            self.check(
                not seen, "no exception in any callback", f"{len(seen)}, such as {'; '.join(sorted(set(seen))[:3])}"
            )

    def summary(self):
        """Prints the outcome; returns the exit code."""
        total = self.passed + len(self.failed)
        self._line("====", f"{self.passed} of {total} checks passed")
        for text in self.failed:
            self._line("FAIL", text)
        return 1 if self.failed or not self.passed else 0

    def _line(self, mark, text):
        self._write(f"[{time.monotonic() - self._began:7.1f} s] {mark} {text}")
