"""A small, strict stand-in for the Slicer application, for tests without Slicer.

MRML is real (PyPI slicer-core); widgets are Qt's own (PySide6), seen through objects that
accept what PythonQt accepts and refuse the rest (``slicer_api.json``, taken in Slicer 5.13).
What Slicer has and this host lacks raises NotImplementedError: extend the host, not the module.

``install()`` puts ``qt``, ``ctk`` and the missing parts of ``slicer`` into ``sys.modules``.
"""

from .application import install, new_scene

__all__ = ["install", "new_scene"]
