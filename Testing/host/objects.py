"""Qt objects as PythonQt shows them: properties are attributes, signals connect by signature.

A ``HostObject`` holds a PySide6 object (its native) and lets through what ``slicer_api.json``
lists for its class. Code under test sees host objects only.
"""

import inspect
import traceback

import shiboken6
from PySide6 import QtCore

from .api import ClassApi, argument_count

#: Tracebacks of callbacks that raised. Slicer prints them and goes on; a test looks here.
callback_errors = []
#: Connections that PythonQt refuses without an exception; a test of a panel looks here.
refused_connections = []

_host_classes = {}  # native class -> HostObject class
_host_objects = {}  # address of the native -> HostObject

_QOBJECT = ClassApi(
    "qt.QObject",
    {"objectName": "QString"},
    frozenset({"destroyed()", "destroyed(QObject*)", "objectNameChanged(QString)"}),
    frozenset({"deleteLater()"}),
    frozenset({"children", "inherits", "isWidgetType", "blockSignals", "parent", "setObjectName", "setParent"}),
)
_ACCEPTED = {
    "bool": (bool, int),
    "int": (int, float),
    "double": (int, float),
    "QString": str,
    "QStringList": (list, tuple),
}


class HostObject:
    """Base of every class in the host's ``qt``, ``ctk`` and of its qMRML widgets."""

    _host_api = _QOBJECT
    _host_native_class = QtCore.QObject

    def __init__(self, *arguments):
        self._host_adopt(self._host_native_class(*map(unwrap, arguments)))

    def _host_adopt(self, native):
        object.__setattr__(self, "_host_native", native)
        object.__setattr__(self, "_host_connections", [])
        _host_objects[shiboken6.getCppPointer(native)[0]] = self

    def __getattr__(self, name):
        """Reached for what Python itself does not find: everything of Qt."""
        api = self._host_api
        if name.startswith("__") or name in ("_host_native", "_host_connections"):
            raise AttributeError(name)
        self._host_check_alive(name)
        if name == "name":  # PythonQt's short form
            name = "objectName"
        if name in api.properties:
            value = self._host_native.property(name)
            return tuple(value) if isinstance(value, list) else wrap(value)
        if api.signatures(name):
            return HostSignal(self, api.signatures(name)[0])
        if api.has_method(name):
            return self._host_method(name)
        raise AttributeError(f"{api.short_name} has no attribute named '{name}'")

    def __setattr__(self, name, value):
        api = self._host_api
        if name == "name":
            name = "objectName"
        if name not in api.properties:
            if "_host_api" not in type(self).__dict__:  # a Python subclass may have attributes of its own
                object.__setattr__(self, name, value)
                return
            raise AttributeError(f"{api.short_name} has no attribute named '{name}'")
        self._host_check_alive(name)
        self._host_native.setProperty(name, unwrap(settable(api, name, value)))

    def _host_method(self, name):
        method = getattr(self._host_native, name + "_" if name in ("raise", "print", "exec") else name, None)
        if method is None:
            raise NotImplementedError(f"the test host has no {self._host_api.short_name}.{name} yet")
        return lambda *args, **kwargs: wrap(method(*map(unwrap, args), **kwargs))

    def _host_check_alive(self, name):
        if not shiboken6.isValid(self._host_native):
            raise ValueError(f"Trying to access '{name}' of a destroyed {self._host_api.short_name} object")

    def className(self):
        return self._host_api.short_name

    def property(self, name):
        return wrap(self._host_native.property(name))

    def setProperty(self, name, value):
        return self._host_native.setProperty(name, unwrap(value))

    def connect(self, signature, callback):
        """True, or False where there is no such signal, as in PythonQt: no exception."""
        if signature.replace(" ", "") not in self._host_api.signals or not callable(callback):
            print(f"connect: {self._host_api.short_name} has no signal {signature}")
            refused_connections.append(f"{self._host_api.short_name}: {signature}")
            return False
        native_callback = relay(signature, callback)
        self._host_connections.append((signature, callback, native_callback))
        getattr(self._host_native, signature.split("(")[0]).connect(native_callback)
        return True

    def disconnect(self, signature, callback):
        for connection in self._host_connections:
            if connection[:2] == (signature, callback):
                getattr(self._host_native, signature.split("(")[0]).disconnect(connection[2])
                self._host_connections.remove(connection)
                return True
        return False


def settable(api, name, value):
    """The value as that property keeps it.

    :raises AttributeError: the property is read only.
    :raises ValueError: it has another type.
    """
    kind = api.properties[name]
    if kind.endswith("(read only)"):
        raise AttributeError(f"Property '{name}' of {api.short_name} is not writable")
    if not isinstance(value, _ACCEPTED.get(kind, object)):
        raise ValueError(f"Property '{name}' of {api.short_name} is a {kind}, got {value!r}")
    return int(value) if kind == "int" else value


class HostSignal:
    """``widget.clicked``: connects the signature with most arguments."""

    def __init__(self, owner, signature):
        self._owner, self._signature = owner, signature

    def connect(self, callback):
        return self._owner.connect(self._signature, callback)

    def disconnect(self, callback):
        return self._owner.disconnect(self._signature, callback)


def relay(signature, callback):
    """What Qt calls: passes as many arguments as both sides have; prints what the callback raises."""
    offered = argument_count(signature)
    count = min(offered, _positional_count(callback))
    as_bool = signature.endswith("(bool)")

    def call(*arguments):
        try:
            callback(*[bool(a) if as_bool else wrap(a) for a in arguments[:count]])
        except Exception:
            callback_errors.append(traceback.format_exc())
            traceback.print_exc()

    # PySide6 counts the parameters of what it is given; to *arguments it would pass none.
    return {0: lambda: call(), 1: lambda a: call(a), 2: lambda a, b: call(a, b)}[offered]


def _positional_count(callback):
    try:
        parameters = inspect.signature(callback).parameters.values()
    except (TypeError, ValueError):
        return 0
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 99
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def host_class(api, native_class):
    """The HostObject class of that API over that native class, made once."""
    if native_class not in _host_classes:
        _host_classes[native_class] = type(
            api.short_name, (HostObject,), {"_host_api": api, "_host_native_class": native_class}
        )
    return _host_classes[native_class]


def wrap(value):
    """Natives to host objects, also in lists; anything else unchanged."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(wrap, value)) if type(value) in (list, tuple) else value
    if not isinstance(value, QtCore.QObject):
        return value
    known = _host_objects.get(shiboken6.getCppPointer(value)[0])
    if known is not None and known._host_native is value:
        return known
    found = next((_host_classes[c] for c in type(value).__mro__ if c in _host_classes), HostObject)
    host_object = found.__new__(found)
    host_object._host_adopt(value)
    return host_object


def unwrap(value):
    """Host objects to natives, also in lists; anything else unchanged."""
    if isinstance(value, (list, tuple)) and any(isinstance(v, HostObject) for v in value):
        return [unwrap(v) for v in value]
    return value._host_native if isinstance(value, HostObject) else value
