"""The session's application without 3D Slicer: the test host in one off-screen window, panel beside slice views."""

import importlib
import sys
from pathlib import Path

import qt
import slicer
from PySide6 import QtWidgets

from host.constants_alive import protect_constants
from host.layout_manager import open_views
from host.objects import unwrap, wrap
from host.scene_files import SceneFiles

from .application import MODULE

PANEL_WIDTH, SIZE = 480, (1480, 940)


class _ModuleParent(slicer.qMRMLWidget):
    """What Slicer's module panel is to the scripted widget: knows whether the module is shown."""

    isEntered = False


class HostApplication:
    """Same methods as ``SlicerApplication``; ``host.install()`` and ``host.new_scene()`` come first.

    :param root: ``Path`` of the repository.
    """

    #: Three views drawn by MRML logic, on cores that compute at the same time.
    longest_stall = 1.0
    has_other_modules = False
    can_reload = True

    def __init__(self, root):
        protect_constants()
        self.root, self.dialogs = root, None
        self._panel, self._module, self._hidden = None, None, []
        self._manager = open_views(slicer.mrmlScene)
        self._files = SceneFiles(slicer.mrmlScene)
        self._scroll = QtWidgets.QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFixedWidth(PANEL_WIDTH)
        self._window = QtWidgets.QWidget()
        layout = QtWidgets.QHBoxLayout(self._window)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._scroll)
        layout.addWidget(unwrap(self._manager).viewport(), 1)
        self._window.resize(*SIZE)
        self._window.show()
        slicer.util.mainWindow = lambda verbose=True: None
        slicer.util.errorDisplay = lambda text, **_: self.dialogs.read(text)
        qt.QFileDialog.getSaveFileName = staticmethod(lambda *_: str(self.dialogs.take_path() or ""))

    def open_panel(self):
        if self._panel is None:
            self._module = importlib.import_module(MODULE)
            self._make_panel()
        self._panel.parent.isEntered = True
        self._panel.enter()
        slicer.app.processEvents()
        return self._panel

    def leave_panel(self):
        self._panel.parent.isEntered = False
        self._panel.exit()
        slicer.app.processEvents()

    def current_module(self):
        return MODULE if self._panel.parent.isEntered else "Data"

    def reload_panel(self):
        """As ``onReload`` does, without Slicer's own part of it."""
        self.leave_panel()
        self._panel.cleanup()
        for name in [name for name in sys.modules if name.split(".")[0] in (MODULE, f"{MODULE}Lib")]:
            del sys.modules[name]
        # Slicer hides the old widgets too; deleted ones would still hear of the scene.
        self._hidden.append(self._scroll.takeWidget())
        self._panel = None
        return self.open_panel()

    def load_volume(self, path):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", Path(path).name.split(".")[0])
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetFileName(str(path))
        storage.SetSingleFile(True)
        if not storage.ReadData(node):
            raise RuntimeError(f"'{path}' cannot be read")
        node.CreateDefaultDisplayNodes()
        for logic in self._manager.mrmlSliceLogics():
            logic.GetSliceCompositeNode().SetBackgroundVolumeID(node.GetID())
        self._manager.resetSliceViews()
        slicer.app.processEvents()
        return node

    def save_scene(self, path):
        return self._files.save(path)

    def load_scene(self, path):
        slicer.mrmlScene.Clear(0)
        slicer.app.processEvents()
        return self._files.load(path)

    def modal_window(self):
        return wrap(QtWidgets.QApplication.activeModalWidget())

    def picture(self, path):
        slicer.app.processEvents()
        slicer.util.forceRenderAllViews()
        return self._window.grab().save(str(path))

    def _make_panel(self):
        parent = _ModuleParent()
        parent.setLayout(qt.QVBoxLayout())
        parent.setMRMLScene(slicer.mrmlScene)
        self._panel = self._module.FiReworkRegistrationWidget(parent)
        self._panel.setup()
        self._scroll.setWidget(unwrap(parent))
        parent.show()
