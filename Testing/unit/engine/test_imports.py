import ast
from pathlib import Path

import FiReworkRegistrationLib.engine


def test_engine_imports_no_slicer_qt_or_vtk():
    folder = Path(FiReworkRegistrationLib.engine.__file__).parent
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in names:
                assert name.split(".")[0] not in ("slicer", "qt", "vtk", "ctk", "vtkmodules", "PySide6"), path
