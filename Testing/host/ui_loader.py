"""Loads a .ui file as Slicer does, but refuses what Slicer would only ignore in silence.

Qt's loader takes an unknown property for a dynamic one and an unknown connection for
nothing; here both are errors.
"""

import xml.etree.ElementTree as ElementTree

from PySide6 import QtCore, QtUiTools, QtWidgets

from .api import class_api, class_names
from .objects import unwrap, wrap


class UiError(Exception):
    """Something in a .ui file that Slicer does not know."""


def api_of(class_name):
    """:raises UiError: a class that slicer_api.json does not list."""
    for full_name in class_names():
        if full_name.split(".")[-1] == class_name:
            return class_api(full_name)
    raise UiError(f"class {class_name} is not in slicer_api.json")


def check(root):
    """:raises UiError: a property, signal or slot of the parsed file that its class lacks."""
    widgets = {widget.get("name"): api_of(widget.get("class")) for widget in root.iter("widget")}
    for widget in root.iter("widget"):
        api = widgets[widget.get("name")]
        for prop in widget.findall("property"):
            name, dynamic = prop.get("name"), prop.get("stdset") == "0"
            if not dynamic and name not in api.properties:
                raise UiError(f"{api.short_name} '{widget.get('name')}' has no property '{name}'")
    for sender, signal, receiver, slot in connections(root):
        for name in (sender, receiver):
            if name not in widgets:
                raise UiError(f"connection names '{name}', which is no widget")
        if signal not in widgets[sender].signals:
            raise UiError(f"'{sender}' has no signal {signal}")
        if slot not in widgets[receiver].slots:
            raise UiError(f"'{receiver}' has no slot {slot}")


def connections(root):
    """(sender, signal, receiver, slot) of every connection of the parsed file."""
    return [
        tuple(connection.findtext(part) for part in ("sender", "signal", "receiver", "slot"))
        for connection in root.iter("connection")
    ]


class _Loader(QtUiTools.QUiLoader):
    """Makes the host's own natives where the file names a class of theirs."""

    def createWidget(self, class_name, parent=None, name=""):
        from . import ctk_widgets, qmrml_widgets

        native = {**ctk_widgets.NATIVES, **qmrml_widgets.NATIVES}.get(class_name)
        if native is None:
            return super().createWidget(class_name, parent, name)
        widget = native()
        widget.setParent(parent)
        widget.setObjectName(name)
        return widget


def load_ui(path):
    """The top widget of the file, as a native; connected as the file says."""
    root = ElementTree.parse(path).getroot()
    check(root)
    wanted = connections(root)
    for element in root.findall("connections"):
        root.remove(element)
    buffer = QtCore.QBuffer()
    buffer.setData(ElementTree.tostring(root))
    buffer.open(QtCore.QIODevice.ReadOnly)
    top = _Loader().load(buffer)
    if top is None:
        raise UiError(f"{path} cannot be loaded")
    named = {widget.objectName(): widget for widget in top.findChildren(QtWidgets.QWidget)}
    named[top.objectName()] = top
    for sender, signal, receiver, slot in wanted:
        wrap(named[sender]).connect(signal, _forward(named[receiver], slot.split("(")[0]))
    return top


def _forward(receiver, slot):
    return lambda value: getattr(receiver, slot)(unwrap(value))
