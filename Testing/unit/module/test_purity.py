"""Start-up stays light, and the rooms of the library stay apart."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LIBRARY = ROOT / "FiReworkRegistration" / "FiReworkRegistrationLib"
HEAVY = ("numpy", "torch", "scipy", "SimpleITK", "safetensors")

# slicer-core brings numpy, unlike Slicer: so imports are watched too, not only what is there in the end.
PROGRAM = f"""
import builtins, sys
sys.path[:0] = [{str(ROOT / "FiReworkRegistration")!r}, {str(ROOT / "Testing")!r}]
import host
host.install()
host.new_scene()
before, asked, plain = set(sys.modules), set(), builtins.__import__
def watched(name, *arguments, **keywords):
    asked.add(name)
    return plain(name, *arguments, **keywords)
builtins.__import__ = watched
import FiReworkRegistration
import FiReworkRegistrationLib.panel.dependencies, FiReworkRegistrationLib.panel.readiness
%s
print(*sorted(asked.union(sys.modules) - before.difference(asked)))
"""

#: The panel as it is opened first, with two volumes loaded afterwards.
OPENED = """
import slicer, qt, vtk
class Parent(slicer.qMRMLWidget):
    isEntered = True
parent = Parent()
parent.setLayout(qt.QVBoxLayout())
parent.setMRMLScene(slicer.mrmlScene)
panel = FiReworkRegistration.FiReworkRegistrationWidget(parent)
panel.setup()
panel.enter()
for name in "AB":
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name).SetAndObserveImageData(vtk.vtkImageData())
slicer.app.processEvents()
assert panel.ui.registerButton.enabled
panel.exit()
"""


def modules_after(statements=""):
    done = subprocess.run([sys.executable, "-c", PROGRAM % statements], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}


def imports_of(path, file_scope_only=False):
    """Top-level names of what a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if file_scope_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def test_importing_the_module_brings_no_heavy_package():
    assert not modules_after().intersection(HEAVY)


def test_an_import_of_numpy_would_be_noticed():
    assert "numpy" in modules_after("import numpy.linalg")


def test_opening_the_panel_brings_no_heavy_package():
    assert not modules_after(OPENED).intersection(HEAVY)


def loaded_at_start():
    folders = [folder for folder in ("panel", "mrml") if (LIBRARY / folder).is_dir()]
    files = [path for folder in folders for path in (LIBRARY / folder).rglob("*.py")]
    return [LIBRARY.parent / "FiReworkRegistration.py", LIBRARY / "__init__.py", *files]


@pytest.mark.parametrize("path", loaded_at_start(), ids=lambda path: path.name)
def test_no_heavy_import_at_file_scope(path):
    assert not set(imports_of(path, file_scope_only=True)).intersection(HEAVY)


@pytest.mark.parametrize("path", sorted((LIBRARY / "engine").rglob("*.py")), ids=lambda path: path.stem)
def test_the_engine_knows_no_slicer(path):
    assert not set(imports_of(path)).intersection({"slicer", "qt", "ctk", "vtk", "vtkmodules", "PySide6"})


@pytest.mark.parametrize("path", sorted((LIBRARY / "mrml").rglob("*.py")), ids=lambda path: path.stem)
def test_the_bridge_knows_no_qt(path):
    assert not set(imports_of(path)).intersection({"qt", "ctk", "PySide6"})


@pytest.mark.parametrize("path", sorted(LIBRARY.rglob("*.py")), ids=lambda path: path.stem)
def test_the_library_knows_no_test_host(path):
    assert "host" not in set(imports_of(path))
