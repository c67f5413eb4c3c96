"""``slicer.app.layoutManager()``: the slice views of the current layout, side by side as Slicer lays them out."""

import time
import xml.etree.ElementTree as ElementTree

import slicer
import vtk
from PySide6 import QtCore, QtGui, QtWidgets

from .api import ClassApi, class_api
from .objects import host_class
from .slice_rendering import SliceRenderer, application_logic


class SliceView(QtWidgets.QLabel):
    """qMRMLSliceView: draws again when something in it has changed, at most 60 times a second.

    As in CTK: a request that comes later than that after another one, which the event loop had no time for, is drawn
    on the spot; a paused view draws when it is resumed.
    """

    INTERVAL = 0.016

    def __init__(self, renderer):
        super().__init__()
        self.setMinimumSize(40, 40)
        self.setSizePolicy(QtWidgets.QSizePolicy.Ignored, QtWidgets.QSizePolicy.Ignored)
        self.renders = 0
        self._renderer, self._requested, self._paused = renderer, None, 0
        self._timer = QtCore.QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(QtCore.Qt.PreciseTimer)
        self._timer.timeout.connect(self._request_render)
        modified = vtk.vtkCommand.ModifiedEvent
        for source in (renderer.slice_node, renderer.composite_node, renderer.logic):
            source.AddObserver(modified, lambda caller, event: self.scheduleRender())

    def scheduleRender(self):
        if self._requested is None:
            self._requested = time.monotonic()
            self._timer.start(round(1000 * self.INTERVAL))
        elif time.monotonic() - self._requested > self.INTERVAL:
            self._request_render()

    def pauseRender(self):
        self._paused += 1
        return self._paused

    def resumeRender(self):
        if not self._paused:
            raise RuntimeError("Cannot resume rendering, pause render count is already 0!")
        self._paused -= 1
        if not self._paused and self._requested is not None:
            self.scheduleRender()
        return self._paused

    def forceRender(self):
        self._timer.stop()
        self._requested = None
        if not self.isVisible() or not self._renderer.slice_node.GetScene():
            return
        self.renders += 1
        pixels = self._renderer.picture()
        height, width, _ = pixels.shape
        image = QtGui.QImage(pixels.tobytes(), width, height, 3 * width, QtGui.QImage.Format_RGB888)
        self.setPixmap(QtGui.QPixmap.fromImage(image))

    def _request_render(self):
        if not self._paused:
            self.forceRender()

    def resizeEvent(self, event):
        self._renderer.resize(self.width(), self.height())
        self.scheduleRender()

    def showEvent(self, event):
        self._renderer.resize(self.width(), self.height())
        self.scheduleRender()


class SliceWidget(QtWidgets.QWidget):
    """qMRMLSliceWidget: a bar with label and color of the view over the picture."""

    def __init__(self, renderer=None):
        super().__init__()
        if renderer is None:
            raise NotImplementedError("the test host makes slice widgets for layouts only")
        self._renderer = renderer
        self._view = SliceView(renderer)
        bar = QtWidgets.QLabel(f" {renderer.slice_node.GetLayoutLabel()}")
        color = QtGui.QColor.fromRgbF(*renderer.slice_node.GetLayoutColor()).name()
        bar.setStyleSheet(f"background: {color}; color: black")
        bar.setFixedHeight(16)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(bar)
        layout.addWidget(self._view, 1)

    def sliceLogic(self):
        return self._renderer.logic

    def mrmlSliceNode(self):
        return self._renderer.slice_node

    def mrmlSliceCompositeNode(self):
        return self._renderer.composite_node

    def sliceView(self):
        return self._view

    def pauseRender(self):
        self._view.pauseRender()

    def resumeRender(self):
        self._view.resumeRender()

    def setRenderPaused(self, paused):
        self.pauseRender() if paused else self.resumeRender()

    def fitSliceToBackground(self):
        self._renderer.logic.FitSliceToBackground()


class LayoutManager(QtCore.QObject):
    """qSlicerLayoutManager, of which only slice views are drawn; other views stay dark."""

    layoutChanged = QtCore.Signal(int)

    def __init__(self, scene=None):
        super().__init__()
        self.applicationLogic = application_logic(scene)
        self._layout_logic = slicer.vtkMRMLLayoutLogic()
        self._layout_logic.SetMRMLScene(scene)
        self._node = self._layout_logic.GetLayoutNode()
        self._viewport = QtWidgets.QWidget()
        self._viewport.setStyleSheet("background: #202020")
        QtWidgets.QVBoxLayout(self._viewport).setContentsMargins(0, 0, 0, 0)
        self._widgets, self._shown = {}, None
        self._node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._lay_out())
        self.setLayout(self._node.SlicerLayoutFourUpView)
        self._lay_out()

    def setLayout(self, arrangement):
        self._node.SetViewArrangement(arrangement)

    layout = QtCore.Property(int, lambda self: self._node.GetViewArrangement(), setLayout)
    threeDViewCount = QtCore.Property(int, lambda self: 0)
    tableViewCount = QtCore.Property(int, lambda self: 0)
    plotViewCount = QtCore.Property(int, lambda self: 0)

    def layoutLogic(self):
        return self._layout_logic

    def mrmlScene(self):
        return self._node.GetScene()

    def viewport(self):
        return self._viewport

    def sliceViewNames(self):
        """Of all slice views made so far, as in Slicer, also of those not in this layout."""
        return tuple(self._widgets)

    def sliceWidget(self, name):
        return self._widgets.get(name)

    def mrmlSliceLogics(self):
        return self.applicationLogic.GetSliceLogics()

    def resetSliceViews(self):
        for widget in self._widgets.values():
            widget.fitSliceToBackground()

    def _lay_out(self):
        arrangement = self._node.GetViewArrangement()
        if arrangement == self._shown or not self._node.GetCurrentLayoutDescription():
            return
        self._shown = arrangement
        for widget in self._widgets.values():
            widget.setParent(None)
            widget.mrmlSliceNode().SetMappedInLayout(0)
        place = self._viewport.layout()
        while place.count():
            place.takeAt(0).widget().deleteLater()
        place.addWidget(self._build(ElementTree.fromstring(self._node.GetCurrentLayoutDescription())))
        self.layoutChanged.emit(arrangement)

    def _build(self, element):
        """Widget of a <layout> or <view> of a layout description."""
        if element.tag == "view":
            return self._view(element)
        box = QtWidgets.QWidget()
        direction = "TopToBottom" if element.get("type") == "vertical" else "LeftToRight"
        layout = QtWidgets.QBoxLayout(getattr(QtWidgets.QBoxLayout, direction), box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for item in element.findall("item"):
            layout.addWidget(self._build(item[0]), 1)
        return box

    def _view(self, element):
        if element.get("class") != "vtkMRMLSliceNode":
            return QtWidgets.QLabel()
        name = element.get("singletontag")
        if name not in self._widgets:
            node = self.mrmlScene().GetSingletonNode(name, "vtkMRMLSliceNode")
            self._widgets[name] = SliceWidget(SliceRenderer(self.applicationLogic, node))
        widget = self._widgets[name]
        widget.mrmlSliceNode().SetMappedInLayout(1)
        widget.setVisible(True)
        return widget


#: Not in slicer_api.json; these names are what slicer.util.forceRenderAllViews calls.
_WIDGET = class_api("qt.QWidget")
_SLICE_VIEW = ClassApi(
    "slicer.qMRMLSliceView",
    _WIDGET.properties,
    _WIDGET.signals,
    _WIDGET.slots | {"scheduleRender()", "forceRender()"},
    _WIDGET.methods,
)


def open_views(scene):
    """The layout manager of the application, shown or not; from now on ``slicer.app.layoutManager()``."""
    host_class(_SLICE_VIEW, SliceView)
    slicer.qMRMLSliceWidget = host_class(class_api("slicer.qMRMLSliceWidget"), SliceWidget)
    manager = host_class(class_api("layoutManager"), LayoutManager)(scene)
    slicer.app._layout_manager = manager
    return manager
