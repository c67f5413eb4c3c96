"""The user's hands: real mouse events where the application lets a script make them, else Qt's own click and drag."""

import qt
import slicer


class Hands:
    """Clicks, drags and chooses in widgets of the panel; afterwards the application has handled the events."""

    def __init__(self):
        #: False as soon as one mouse event could not be made.
        self.real_mouse = True

    def click(self, button):
        """A left click in the middle of a push button or on the box of a check box.

        :raises AssertionError: the button is disabled, which a user's click would not get through either.
        """
        assert button.enabled, f"'{button.objectName}' is disabled: {button.toolTip}"
        # Of a wide check box only the box and the text take clicks.
        middle = min(button.width, 20) / 2, button.height / 2
        done = []
        if hasattr(button, "clicked"):
            button.connect("clicked(bool)", lambda checked=False: done.append(checked))
        if not (button.isVisible() and self._mouse(button, "MouseButtonPress", *middle)
                and self._mouse(button, "MouseButtonRelease", *middle) and done):  # fmt: skip
            button.click()
        slicer.app.processEvents()

    def drag(self, slider, value):
        """Take a QSlider's handle to a value and let go, over every value on the way, as a slow hand does."""
        # Qt's own notion of a handle held by the user: sliderMoved, valueChanged and at the end sliderReleased.
        slider.setSliderDown(True)
        step = 1 if value >= slider.value else -1
        for each in range(int(slider.value) + step, int(value) + step, step):
            slider.setSliderPosition(each)
            slicer.app.processEvents()
        slider.setSliderDown(False)
        slicer.app.processEvents()

    def choose(self, combo, index):
        """Take an entry of a QComboBox."""
        combo.setCurrentIndex(index)
        slicer.app.processEvents()

    def select(self, selector, node):
        """Take a node in a qMRMLNodeComboBox."""
        selector.setCurrentNode(node)
        slicer.app.processEvents()

    def _mouse(self, widget, kind, x, y):
        """Send one event; False where PythonQt does not offer what it takes."""
        try:
            pressed = qt.Qt.LeftButton if kind == "MouseButtonPress" else qt.Qt.NoButton
            event = qt.QMouseEvent(
                getattr(qt.QEvent, kind), qt.QPointF(x, y), qt.Qt.LeftButton, pressed, qt.Qt.NoModifier
            )
            slicer.app.sendEvent(widget, event)
        except Exception:
            self.real_mouse = False
            return False
        return True
