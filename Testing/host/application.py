"""``slicer.app``, and the putting together of all stand-ins."""

import os
import sys
import tempfile
import types

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import slicer
import slicer.util
from PySide6 import QtWidgets

from .api import class_api
from .objects import settable, unwrap, wrap


class Application:
    """``slicer.app``: what Slicer has not is an AttributeError, what the host has not, NotImplementedError.

    What tests look at or set has a leading underscore: code under test must not find it.
    """

    majorVersion, minorVersion, applicationName = 5, 13, "3D Slicer"
    doubleClickInterval = 400
    defaultScenePath = tempfile.gettempdir()

    def __init__(self):
        self._qt = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["Slicer"])
        self._connected = []  # (signal, callback)
        self._testing = False
        self._opened_nodes = []  # of openNodeModule
        self._layout_manager = None
        self._extensions_manager = None  # not every Slicer has one
        self._dictionary = lambda context, text: text  # of the user's language

    def translate(self, context, text):
        return self._dictionary(context, text)

    def processEvents(self):
        self._qt.processEvents()

    def testingEnabled(self):
        return self._testing

    def layoutManager(self):
        """None as in an application without main window, until a test opens slice views."""
        return self._layout_manager

    def openNodeModule(self, node):
        self._opened_nodes.append(node)

    def sendEvent(self, receiver, event):
        return self._qt.sendEvent(unwrap(receiver), event)

    def topLevelWidgets(self):
        return [wrap(widget) for widget in self._qt.topLevelWidgets()]

    def activeModalWidget(self):
        return wrap(self._qt.activeModalWidget())

    def applicationLogic(self):
        if self._layout_manager is None:
            raise NotImplementedError("the test host has an application logic with slice views only")
        return unwrap(self._layout_manager).applicationLogic

    def connect(self, signal, callback):
        if signal not in class_api("slicer.app").signals:
            return False
        self._connected.append((signal, callback))
        return True

    def disconnect(self, signal, callback):
        known = (signal, callback) in self._connected
        if known:
            self._connected.remove((signal, callback))
        return known

    def _emit(self, signal):
        """What Slicer does: call all that are connected."""
        for _signal, callback in [entry for entry in self._connected if entry[0] == signal]:
            callback()

    def __setattr__(self, name, value):
        """As on any C++ object: only properties can be set."""
        api = class_api("slicer.app")
        if name in api.properties:
            value = settable(api, name, value)
        elif not name.startswith("_"):
            raise AttributeError(f"qSlicerApplication has no attribute named '{name}'")
        object.__setattr__(self, name, value)

    def __getattr__(self, name):
        if name == "extensionsManagerModel" and self._extensions_manager is not None:
            return lambda: self._extensions_manager
        api = class_api("slicer.app")
        if name in api.properties or api.has_method(name) or api.signatures(name):
            raise NotImplementedError(f"the test host has no slicer.app.{name} yet")
        raise AttributeError(f"qSlicerApplication has no attribute named '{name}'")


def install():
    """Put ``qt``, ``ctk`` and what slicer-core lacks into ``sys.modules``; once is enough."""
    if hasattr(slicer, "app"):
        return
    slicer.app = Application()
    from . import ctk_widgets, qmrml_widgets, qt_module

    sys.modules["qt"] = qt_module.make_qt()
    sys.modules["ctk"] = ctk_widgets.make_ctk()
    qmrml_widgets.add_to_slicer()

    # These need qt and the qMRML widgets above.
    from . import language, packaging, parameter_node, scripted_module

    _add("i18n", language.make_module())

    slicer.modules = types.SimpleNamespace(plots=Plots())
    _add("packaging", packaging.make_module())
    _add("parameterNodeWrapper", parameter_node.make_module())
    _add("ScriptedLoadableModule", scripted_module.make_module())


def _add(name, module):
    sys.modules[f"slicer.{name}"] = module
    setattr(slicer, name, module)


class Plots:
    """``slicer.modules.plots``."""

    @staticmethod
    def logic():
        logic = slicer.vtkSlicerPlotsLogic()
        logic.SetMRMLScene(slicer.mrmlScene)
        logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        return logic


def new_scene():
    """An empty scene as ``slicer.mrmlScene``."""
    slicer.mrmlScene = slicer.vtkMRMLScene()
    return slicer.mrmlScene
