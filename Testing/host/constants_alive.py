"""Keeps None, True and False alive: PySide6 6.12 gives back one reference too many for calls that return them.

Measured on Python 3.11: 1000 calls of ``processEvents`` or ``setText`` cost None 1000 references, and the interpreter
aborts ("deallocating None") after some 13,000; True and False last some 500 tests of the panel. From Python 3.12 on
all three are immortal.
"""

import ctypes
import sys

ENOUGH = 1 << 40


def protect_constants():
    """Give them more references than any test run can lose; called again it does nothing."""
    if sys.version_info >= (3, 12):
        return
    for constant in (None, True, False):
        if sys.getrefcount(constant) < ENOUGH // 2:
            ctypes.c_ssize_t.from_address(id(constant)).value += ENOUGH
