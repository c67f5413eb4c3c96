"""Loads a .ui file as Slicer does, but refuses what Slicer would only ignore in silence.

Qt's loader takes an unknown property for a dynamic one and an unknown connection for
nothing; here both are errors. So is what Qt 6 reads and Qt 5 does not.
"""

import xml.etree.ElementTree as ElementTree

from PySide6 import QtCore, QtUiTools, QtWidgets

from .api import class_api, class_names
from .objects import unwrap, wrap

#: Type of a property to the tag of its value; enums and flags have names of their own.
TAGS = {
    "bool": "bool", "int": "number", "double": "double", "QString": "string", "QStringList": "stringlist",
    "QKeySequence": "string", "QRect": "rect", "QSize": "size", "QPoint": "point", "QSizePolicy": "sizepolicy",
    "QFont": "font", "QColor": "color", "QPalette": "palette", "QIcon": "iconset", "QPixmap": "pixmap",
    "QCursor": "cursorShape", "QLocale": "locale",
}  # fmt: skip
#: Of all types in slicer_api.json, those of which several values can be set at once.
FLAGS = ("Alignment", "InputMethodHints", "Options", "SynchronizeSiblings", "TextInteractionFlags", "EditTriggers")
#: No properties of a layout, but Qt's loader sets them.
MARGINS = dict.fromkeys(("leftMargin", "topMargin", "rightMargin", "bottomMargin"), "int")
SPACINGS = dict.fromkeys(("horizontalSpacing", "verticalSpacing"), "int")


class UiError(Exception):
    """Something in a .ui file that Slicer does not know."""


def api_of(class_name):
    """:raises UiError: a class that slicer_api.json does not list."""
    for full_name in class_names():
        if full_name.split(".")[-1] == class_name:
            return class_api(full_name)
    raise UiError(f"class {class_name} is not in slicer_api.json")


def check(root):
    """:raises UiError: a class, property, value, signal or slot of the parsed file that Slicer does not know."""
    widgets = {widget.get("name"): api_of(widget.get("class")) for widget in root.iter("widget")}
    check_custom_classes(root)
    for widget in root.iter("widget"):
        check_properties(widget, widgets[widget.get("name")].properties)
    for layout in root.iter("layout"):
        extra = MARGINS | SPACINGS if layout.get("class") == "QGridLayout" else MARGINS
        check_properties(layout, api_of(layout.get("class")).properties | extra)
    for value in [*root.iter("enum"), *root.iter("set")]:
        if any(name.count("::") > 1 for name in (value.text or "").split("|")):
            raise UiError(f"'{value.text}' is a name of Qt 6: Qt 5 has no enum's name in it")
    for sender, signal, receiver, slot in connections(root):
        for name in (sender, receiver):
            if name not in widgets:
                raise UiError(f"connection names '{name}', which is no widget")
        if signal not in widgets[sender].signals:
            raise UiError(f"'{sender}' has no signal {signal}")
        if slot not in widgets[receiver].slots:
            raise UiError(f"'{receiver}' has no slot {slot}")


def check_custom_classes(root):
    """Slicer's loader would make plain widgets of the others."""
    declared = {custom.findtext("class") for custom in root.iter("customwidget")}
    for widget in root.iter("widget"):
        if not widget.get("class").startswith("Q") and widget.get("class") not in declared:
            raise UiError(f"class {widget.get('class')} is missing from <customwidgets>")


def check_properties(element, known):
    """:param known: of the element's class, name to type."""
    owner = f"{element.get('class')} '{element.get('name')}'"
    for prop in element.findall("property"):
        name, dynamic = prop.get("name"), prop.get("stdset") == "0"
        if name not in known:
            if dynamic:
                continue
            raise UiError(f"{owner} has no property '{name}'")
        kind, tag = known[name], prop[0].tag if len(prop) else None
        if kind.endswith("(read only)"):
            raise UiError(f"property '{name}' of {owner} is read only")
        if tag != tag_of(kind):
            raise UiError(f"property '{name}' of {owner} is a {kind}, and <{tag}> is none")


def tag_of(kind):
    """Tag of a value of that type; None if a .ui file cannot have one."""
    scope, _, short_name = kind.rpartition("::")
    if kind in TAGS or kind.endswith("*") or (kind.startswith("Q") and not scope):
        return TAGS.get(kind)
    return "set" if short_name in FLAGS else "enum"


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
