"""Brings torch into the process without the application standing still."""

import ctypes
import importlib.util
import logging
import os
import sys
from pathlib import Path

#: Package to its large library, by what the system calls libraries.
LIBRARIES = {
    "linux": (("torch", "lib/libtorch_cpu.so"), ("SimpleITK", "_SimpleITK*.so")),
    "darwin": (("torch", "lib/libtorch_cpu.dylib"), ("SimpleITK", "_SimpleITK*.so")),
}


def loadEngine():
    """Import what a registration needs; to be called on the worker thread, where it takes seconds the first time."""
    if "torch" not in sys.modules:
        for package, pattern in LIBRARIES.get(sys.platform, ()):
            _loadLibrary(package, pattern)
    from ..engine import registration  # noqa: F401 - brings torch and SimpleITK


def _loadLibrary(package, pattern):
    """Have the system load a library that ``import`` would load with Python's lock held, for half a second.

    Called through ctypes, the system's own function runs without the lock. If this does not work, nothing is lost.
    """
    try:
        spec = importlib.util.find_spec(package)
        if package in sys.modules or spec is None or not spec.origin:
            return
        load = ctypes.CDLL(None).dlopen
        load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
        for path in Path(spec.origin).parent.glob(pattern):
            load(os.fsencode(path), os.RTLD_NOW | os.RTLD_LOCAL)
    except (OSError, AttributeError, ValueError) as error:
        logging.debug("%s is loaded by import: %s", package, error)
