"""Which widget can show which type of parameter: only the pairs that Slicer knows."""

import enum
import math

import qt
import slicer


class Connector:
    """Reads, writes and follows one widget."""

    signal = "valueChanged"

    def __init__(self, widget, parameter):
        self.widget, self.parameter, self.callback = widget, parameter, None

    def onChanged(self, callback):
        self.callback = lambda *arguments: callback()
        getattr(self.widget, self.signal).connect(self.callback)

    def disconnect(self):
        getattr(self.widget, self.signal).disconnect(self.callback)

    def read(self):
        return self.widget.value

    def write(self, value):
        self.widget.value = value


class NumberConnector(Connector):
    """The widget gets the parameter's bounds; a spin box without one, all that a number can be.

    :raises RuntimeError: a slider needs both bounds: its two ends have to be somewhere.
    """

    SLIDERS = ("QSlider", "ctkSliderWidget")
    WIDEST = {int: (-(2**31), 2**31 - 1), float: (-math.inf, math.inf)}

    def __init__(self, widget, parameter):
        super().__init__(widget, parameter)
        shown_by, kind, bounds = type(widget).__name__, parameter.kind, parameter.bounds()
        if shown_by in self.SLIDERS and None in bounds:
            raise RuntimeError(f"Cannot have a connection to {shown_by} where the {kind.__name__} types is unbounded.")
        lowest, highest = (widest if bound is None else bound for bound, widest in zip(bounds, self.WIDEST[kind]))
        widget.minimum, widget.maximum = lowest, highest


class ChoiceConnector(Connector):
    """A combo box is filled by the parameter's choices or by its enum's labels."""

    signal = "currentIndexChanged"

    def __init__(self, widget, parameter):
        super().__init__(widget, parameter)
        if issubclass(parameter.kind, enum.Enum):
            self.choices = list(parameter.kind)
            labels = [member.label() if hasattr(member, "label") else member.name for member in self.choices]
        else:
            choices = [v.choices for v in parameter.validators if hasattr(v, "choices")]
            if not choices:
                raise RuntimeError("a QComboBox requires the Choice annotation")
            self.choices, labels = list(choices[0]), [str(choice) for choice in choices[0]]
        widget.clear()
        for label in labels:
            widget.addItem(label)

    def read(self):
        return self.choices[self.widget.currentIndex]

    def write(self, value):
        self.widget.currentIndex = self.choices.index(value)


class CheckedConnector(Connector):
    signal = "toggled"

    def read(self):
        return self.widget.checked

    def write(self, value):
        self.widget.checked = value


class TextConnector(Connector):
    signal = "textChanged"

    def read(self):
        return self.widget.text

    def write(self, value):
        self.widget.text = value


class NodeConnector(Connector):
    signal = "currentNodeChanged"

    def __init__(self, widget, parameter):
        super().__init__(widget, parameter)
        widget.nodeTypes = [kind.__name__ for kind in parameter.node_kinds]

    def read(self):
        return self.widget.currentNode()

    def write(self, value):
        self.widget.setCurrentNode(value)


def connector(widget, parameter):
    """:raises RuntimeError: Slicer has no connector for this widget and this type."""
    kind, shown_by = parameter.kind, type(widget)
    if parameter.is_node and shown_by is slicer.qMRMLNodeComboBox:
        return NodeConnector(widget, parameter)
    if kind is int and shown_by in (qt.QSlider, qt.QSpinBox):
        return NumberConnector(widget, parameter)
    if kind is float and shown_by.__name__ in ("QDoubleSpinBox", "ctkSliderWidget"):
        return NumberConnector(widget, parameter)
    if kind is bool and shown_by in (qt.QCheckBox, qt.QPushButton):
        return CheckedConnector(widget, parameter)
    if shown_by is qt.QComboBox and not parameter.is_node:
        return ChoiceConnector(widget, parameter)
    if kind is str and shown_by is qt.QLineEdit:
        return TextConnector(widget, parameter)
    raise RuntimeError(f"Unable to create GUI connector from datatype '{kind}' to widget type '{shown_by.__name__}'")
