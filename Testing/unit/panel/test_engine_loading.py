"""The engine's packages come in on the worker thread; what is large is loaded without Python's lock."""

import subprocess
import sys
from pathlib import Path

import pytest

from FiReworkRegistrationLib.panel import engine_loading

LIBRARY = Path(engine_loading.__file__).parents[2]


@pytest.mark.skipif(sys.platform not in engine_loading.LIBRARIES, reason="there, import loads libraries")
def test_libraries_are_loaded_before_their_packages_are_imported():
    program = f"""
import sys
sys.path.insert(0, {str(LIBRARY)!r})
from FiReworkRegistrationLib.panel import engine_loading
for package, pattern in engine_loading.LIBRARIES[sys.platform]:
    engine_loading._loadLibrary(package, pattern)
assert "torch" not in sys.modules
print(open("/proc/self/maps").read() if sys.platform == "linux" else "libtorch_cpu SimpleITK")
engine_loading.loadEngine()
assert "torch" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "libtorch_cpu" in done.stdout
    assert "SimpleITK" in done.stdout


@pytest.mark.parametrize("error", [OSError, AttributeError])
def test_a_system_that_refuses_is_no_error(monkeypatch, error):
    def refuse(name):
        raise error("not here")

    monkeypatch.setattr(engine_loading.ctypes, "CDLL", refuse)
    monkeypatch.setattr(engine_loading.sys, "modules", {})
    engine_loading._loadLibrary("json", "*.so")


def test_a_package_that_is_missing_is_left_to_import():
    engine_loading._loadLibrary("no_such_package_anywhere", "*.so")
