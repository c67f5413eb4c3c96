"""CTK widgets as plain PySide6 ones: the part of their behavior that panels use."""

from PySide6 import QtCore, QtWidgets

from .qt_module import QtModule


class CollapsibleButton(QtWidgets.QWidget):
    """ctkCollapsibleButton: a header that shows and hides the widgets laid out in it."""

    contentsCollapsed = QtCore.Signal(bool)
    toggled = QtCore.Signal(bool)
    clicked = QtCore.Signal(bool)
    HEADER = 26

    def __init__(self, text="", parent=None):
        super().__init__(parent)
        self._collapsed = False
        self._header = QtWidgets.QToolButton(self)
        self._header.setToolButtonStyle(QtCore.Qt.ToolButtonTextBesideIcon)
        self._header.setAutoRaise(True)
        self._header.clicked.connect(lambda: self._set_collapsed(not self._collapsed))
        self._set_text(text)
        self._draw_arrow()
        self.setContentsMargins(0, self.HEADER, 0, 0)

    def resizeEvent(self, event):
        self._header.setGeometry(0, 0, self.width(), self.HEADER)

    def showEvent(self, event):
        self._apply()

    def _apply(self):
        for child in self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindDirectChildrenOnly):
            if child is not self._header:
                child.setVisible(not self._collapsed)

    def _draw_arrow(self):
        self._header.setArrowType(QtCore.Qt.RightArrow if self._collapsed else QtCore.Qt.DownArrow)

    def _set_collapsed(self, collapsed):
        if collapsed != self._collapsed:
            self._collapsed = collapsed
            self._draw_arrow()
            self._apply()
            self.contentsCollapsed.emit(collapsed)

    def _set_text(self, text):
        self._header.setText(text)

    collapsed = QtCore.Property(bool, lambda self: self._collapsed, _set_collapsed)
    text = QtCore.Property(str, lambda self: self._header.text(), _set_text)


class CollapsibleGroupBox(QtWidgets.QGroupBox):
    """ctkCollapsibleGroupBox: a group box whose check mark shows and hides what is in it."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self.setCheckable(True)
        self.setChecked(True)
        self.toggled.connect(self._apply)

    def showEvent(self, event):
        self._apply()

    def _apply(self):
        for child in self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindDirectChildrenOnly):
            child.setVisible(self.isChecked())
        self.setMaximumHeight(16777215 if self.isChecked() else self.fontMetrics().height() + 6)

    collapsed = QtCore.Property(
        bool, lambda self: not self.isChecked(), lambda self, collapsed: self.setChecked(not collapsed)
    )


class SliderWidget(QtWidgets.QWidget):
    """ctkSliderWidget: slider and spin box over one float."""

    valueChanged = QtCore.Signal(float)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Horizontal)
        self._slider.setRange(0, 1000)
        self._box = QtWidgets.QDoubleSpinBox()
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._box)
        self._slider.sliderMoved.connect(lambda step: self.setValue(self._low + step * self._span / 1000))
        self._box.valueChanged.connect(self._follow)
        self._box.valueChanged.connect(self.valueChanged)

    _low = property(lambda self: self._box.minimum())
    _span = property(lambda self: max(self._box.maximum() - self._box.minimum(), 1e-9))

    def _follow(self, value):
        self._slider.setValue(round(1000 * (value - self._low) / self._span))

    def setValue(self, value):
        self._box.setValue(value)

    value = QtCore.Property(float, lambda self: self._box.value(), setValue)
    minimum = QtCore.Property(float, lambda self: self._box.minimum(), lambda self, v: self._box.setMinimum(v))
    maximum = QtCore.Property(float, lambda self: self._box.maximum(), lambda self, v: self._box.setMaximum(v))
    singleStep = QtCore.Property(float, lambda self: self._box.singleStep(), lambda self, v: self._box.setSingleStep(v))
    decimals = QtCore.Property(int, lambda self: self._box.decimals(), lambda self, v: self._box.setDecimals(v))


NATIVES = {
    "ctkCollapsibleButton": CollapsibleButton,
    "ctkCollapsibleGroupBox": CollapsibleGroupBox,
    "ctkSliderWidget": SliderWidget,
}


def make_ctk():
    return QtModule("ctk", NATIVES.__getitem__)
