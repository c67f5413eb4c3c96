"""What the session needs of 3D Slicer besides the panel: files, modules, pictures."""

import ctk
import qt
import slicer

MODULE = "FiReworkRegistration"


class SlicerApplication:
    """The real application; a test host offers the same methods.

    :param root: ``Path`` of the repository.
    """

    def __init__(self, root):
        self.root = root
        self.can_reload, self.has_transforms_module = True, True

    def open_panel(self):
        """Show the module's panel; its widget object, with the widgets in ``.ui``."""
        if MODULE not in slicer.util.moduleNames():
            factory = slicer.app.moduleManager().factoryManager()
            factory.registerModule(qt.QFileInfo(str(self.root / MODULE / f"{MODULE}.py")))
            factory.loadModules([MODULE])
        slicer.util.selectModule(MODULE)
        slicer.app.processEvents()
        return slicer.util.getModuleWidget(MODULE)

    def leave_panel(self):
        slicer.util.selectModule("Data")
        slicer.app.processEvents()

    def current_module(self):
        return slicer.util.selectedModule()

    def reload_panel(self):
        """As the Reload button of developer mode does; the new widget object."""
        slicer.util.getModuleWidget(MODULE).onReload()
        slicer.app.processEvents()
        return slicer.util.getModuleWidget(MODULE)

    def load_volume(self, path):
        return slicer.util.loadVolume(str(path))

    def save_scene(self, path):
        return slicer.util.saveScene(str(path))

    def load_scene(self, path):
        """Replace the scene by that of a file; whether it could be read."""
        slicer.mrmlScene.Clear(0)
        slicer.app.processEvents()
        return slicer.util.loadScene(str(path)) is not False

    def modal_window(self):
        return slicer.app.activeModalWidget()

    def picture(self, path):
        """The main window as it looks now, as PNG; the panel alone without main window."""
        window = slicer.util.mainWindow() or slicer.util.getModuleWidget(MODULE).parent
        if slicer.app.layoutManager() is not None:
            slicer.util.forceRenderAllViews()
        slicer.app.processEvents()
        # Widgets drawn by OpenGL come out black in Qt's own grab on some systems.
        grab = getattr(getattr(ctk, "ctkWidgetsUtils", None), "grabWidget", None)
        return (grab(window) if grab else window.grab()).save(str(path))
