"""What the session needs of 3D Slicer besides the panel: files, modules, pictures."""

from contextlib import suppress

import ctk
import qt
import slicer

MODULE = "FiReworkRegistration"


class SlicerApplication:
    """The real application; a test host offers the same methods.

    :param root: ``Path`` of the repository.
    """

    #: Seconds that the event loop may stand still; drawing three views without a GPU takes 0.14.
    longest_stall = 0.25

    def __init__(self, root):
        self.root = root
        #: ``Dialogs`` of the session, which watches the windows here; without windows it is asked.
        self.dialogs = None
        self.can_reload, self.has_other_modules = True, True
        # The session types into dialogs, which it cannot do with those of the desktop.
        with suppress(AttributeError):
            qt.QCoreApplication.setAttribute(qt.Qt.AA_DontUseNativeDialogs)

    def open_panel(self):
        """Show the module's panel; its widget object, with the widgets in ``.ui``."""
        if MODULE not in slicer.util.moduleNames():
            factory = slicer.app.moduleManager().factoryManager()
            factory.registerModule(qt.QFileInfo(str(self.root / MODULE / f"{MODULE}.py")))
            factory.loadModules([MODULE])
        slicer.util.selectModule(MODULE)
        slicer.app.processEvents()
        return self._panel()

    def leave_panel(self):
        slicer.util.selectModule("Data")
        slicer.app.processEvents()

    def current_module(self):
        return slicer.util.selectedModule()

    def reload_panel(self):
        """As the Reload button of developer mode does; the new widget object."""
        self._panel().onReload()
        slicer.app.processEvents()
        return self._panel()

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
        window = slicer.util.mainWindow() or self._panel().parent
        if slicer.app.layoutManager() is not None:
            slicer.util.forceRenderAllViews()
        slicer.app.processEvents()
        # Widgets drawn by OpenGL come out black in Qt's own grab on some systems.
        grab = getattr(getattr(ctk, "ctkWidgetsUtils", None), "grabWidget", None)
        return (grab(window) if grab else window.grab()).save(str(path))

    def _panel(self):
        # After a reload only this name leads to the new widget.
        return getattr(slicer.modules, f"{MODULE}Widget", None) or slicer.util.getModuleWidget(MODULE)
