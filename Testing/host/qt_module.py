"""The module ``qt``: PySide6 classes as PythonQt shows them."""

import enum
import types

from PySide6 import QtCore, QtGui, QtWidgets

from .api import class_api, class_names
from .objects import HostObject, host_class, relay, unwrap, wrap
from .ui_loader import load_ui

#: Values and helpers that are no widgets; PySide6's own serve, but for their enums.
PASSED_THROUGH = (
    "Qt", "QIcon", "QPixmap", "QSize", "QPoint", "QPointF", "QColor", "QFont", "QSizePolicy", "QFile", "QEvent",
)  # fmt: skip


class QtModule(types.ModuleType):
    """``qt`` or ``ctk``: a name outside slicer_api.json is an AttributeError."""

    def __init__(self, name, natives):
        super().__init__(name)
        for full_name in class_names():
            package, _, short_name = full_name.partition(".")
            if package == name:
                setattr(self, short_name, host_class(class_api(full_name), natives(short_name)))

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"the test host's module '{self.__name__}' has no '{name}': look in slicer_api.json")


class ValueClass:
    """A class of PySide6 with its enums as in Qt 5: their members are its own, and the enum has none to be asked for.

    :param native: the class.
    """

    def __init__(self, native):
        self._native = native

    def __call__(self, *arguments):
        return self._native(*map(unwrap, arguments))

    def __instancecheck__(self, thing):
        return isinstance(thing, self._native)

    def __getattr__(self, name):
        found = getattr(self._native, name)
        if isinstance(found, enum.EnumMeta):
            raise AttributeError(f"{self._native.__name__}.{name} has no members in Qt 5: they are in the class itself")
        return found


class UiLoader:
    """``qt.QUiLoader``, as ``slicer.util.loadUI`` uses it."""

    def load(self, file):
        return wrap(load_ui(file.fileName()))


class _SingleShot:
    """``qt.QTimer.singleShot(ms, function)`` of the class; of an object, its property of the same name."""

    def __get__(self, timer, owner=None):
        if timer is not None:
            return timer._host_native.property("singleShot")
        return lambda milliseconds, callback: QtCore.QTimer.singleShot(milliseconds, relay("timeout()", callback))


def _ask_for_path(ask):
    """A static file dialog of Qt: PythonQt knows no names of arguments, and returns the path alone."""

    def run(parent=None, caption="", directory="", filters="", /):
        return ask(unwrap(parent), caption, directory, filters, options=QtWidgets.QFileDialog.DontUseNativeDialog)[0]

    return staticmethod(run)


def mouse_event(kind, position, button, buttons, modifiers):
    """``qt.QMouseEvent`` as in Qt 5."""
    return QtGui.QMouseEvent(kind, position, position, button, buttons, modifiers)


class Settings(dict):
    """``qt.QSettings``: nothing is kept, so that a test cannot depend on an earlier one."""

    contains = dict.__contains__
    value = dict.get
    setValue = dict.__setitem__


def make_qt():
    module = QtModule("qt", lambda name: getattr(QtWidgets, name, None) or getattr(QtCore, name))
    for name in PASSED_THROUGH:
        native = next(getattr(m, name) for m in (QtCore, QtGui, QtWidgets) if hasattr(m, name))
        setattr(module, name, ValueClass(native))
    type.__setattr__(module.QTimer, "singleShot", _SingleShot())
    module.QFileDialog.getSaveFileName = _ask_for_path(QtWidgets.QFileDialog.getSaveFileName)
    module.QObject = HostObject
    module.QUiLoader = UiLoader
    module.QMouseEvent = mouse_event
    module.QSettings = Settings
    return module
