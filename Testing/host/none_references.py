"""Keeps None alive: PySide6 6.12 gives back one reference too many for every call that returns None.

Measured on Python 3.11: 1000 calls of ``processEvents`` or ``setText`` cost 1000 references, and the interpreter
aborts ("deallocating None") after some 13,000. From Python 3.12 on None is immortal.
"""

import ctypes
import sys

ENOUGH = 1 << 40


def protect_none():
    """Give None more references than any test run can lose; called again it does nothing."""
    if sys.version_info < (3, 12) and sys.getrefcount(None) < ENOUGH // 2:
        ctypes.c_ssize_t.from_address(id(None)).value += ENOUGH
