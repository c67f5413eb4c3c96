"""qMRML widgets as plain PySide6 ones over the real MRML scene."""

import shiboken6
import slicer
import vtk
from PySide6 import QtCore, QtGui, QtWidgets

from .api import class_api
from .objects import host_class


class MRMLWidget(QtWidgets.QWidget):
    """qMRMLWidget: hands its scene on."""

    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene):
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)


def _kept(name, kind=bool):
    """A Qt property that is stored and redraws the list when set."""

    def write(self, value):
        self._values[name] = value
        self._refresh()

    return QtCore.Property(kind, lambda self: self._values[name], write)


class NodeComboBox(QtWidgets.QWidget):
    """qMRMLNodeComboBox: the scene's nodes of its classes, one of them current.

    As in Slicer, the first node becomes current by itself unless ``noneEnabled`` is set.
    """

    currentNodeChanged = QtCore.Signal(object)
    currentNodeIDChanged = QtCore.Signal(str)
    nodeAddedByUser = QtCore.Signal(object)

    nodeTypes = _kept("nodeTypes", "QStringList")
    showChildNodeTypes = _kept("showChildNodeTypes")
    showHidden = _kept("showHidden")
    noneEnabled = _kept("noneEnabled")
    noneDisplay = _kept("noneDisplay", str)
    addEnabled = _kept("addEnabled")
    removeEnabled = _kept("removeEnabled")
    renameEnabled = _kept("renameEnabled")
    editEnabled = _kept("editEnabled")
    selectNodeUponCreation = _kept("selectNodeUponCreation")
    baseName = _kept("baseName", str)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene, self._observers, self._nodes, self._current = None, [], [], None
        self._attributes, self._labels = {}, {}
        self._values = {
            "nodeTypes": [], "showChildNodeTypes": True, "showHidden": False, "noneEnabled": False,
            "noneDisplay": "None", "addEnabled": True, "removeEnabled": True, "renameEnabled": False,
            "editEnabled": False, "selectNodeUponCreation": True, "baseName": "",
        }  # fmt: skip
        self._box = QtWidgets.QComboBox()
        self._box.activated.connect(self._choose)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene):
        if scene is self._scene:
            return
        for tag in self._observers:
            self._scene.RemoveObserver(tag)
        self._scene = scene
        events = (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent) if scene else ()
        self._observers = [scene.AddObserver(event, lambda caller, event: self._on_scene(caller)) for event in events]
        self._refresh()

    def _on_scene(self, scene):
        if shiboken6.isValid(self):
            self._refresh()
        else:
            for tag in self._observers:
                scene.RemoveObserver(tag)

    def currentNode(self):
        return self._current

    def setCurrentNode(self, node):
        if isinstance(node, str):
            node = self._scene.GetNodeByID(node)
        node = node if node in self._nodes else None
        if node is None and not self._values["noneEnabled"] and self._nodes:
            node = self._nodes[0]
        if node is not self._current:
            self._current = node
            self.currentNodeChanged.emit(node)
            self.currentNodeIDChanged.emit(self.currentNodeID)
        self._draw()

    setCurrentNodeID = setCurrentNode
    currentNodeID = QtCore.Property(str, lambda self: self._current.GetID() if self._current else "", setCurrentNode)

    def nodeCount(self):
        return len(self._nodes)

    def addNode(self):
        node = self._scene.CreateNodeByClass(self._values["nodeTypes"][0])
        node.UnRegister(None)
        node.SetName(self._scene.GenerateUniqueName(self._values["baseName"]))
        for name, (_kind, value) in self._attributes.items():
            node.SetAttribute(name, value)
        self._scene.AddNode(node)
        self.nodeAddedByUser.emit(node)
        self.setCurrentNode(node)
        return node

    def addAttribute(self, node_type, name, value):
        """Only nodes of that class with that attribute; new ones get it."""
        self._attributes[name] = (node_type, value)
        self._refresh()

    def setNodeTypeLabel(self, label, node_type):
        """What the menu calls nodes of a class."""
        self._labels[node_type] = label

    def nodeTypeLabel(self, node_type):
        return self._labels.get(node_type, node_type.removeprefix("vtkMRML").removesuffix("Node"))

    def _fits(self, node):
        for name, (kind, value) in self._attributes.items():
            if node.IsA(kind) and node.GetAttribute(name) != value:
                return False
        if node.GetHideFromEditors() and not self._values["showHidden"]:
            return False
        if self._values["showChildNodeTypes"]:
            return any(node.IsA(kind) for kind in self._values["nodeTypes"])
        return node.GetClassName() in self._values["nodeTypes"]

    def _refresh(self):
        nodes = [self._scene.GetNthNode(i) for i in range(self._scene.GetNumberOfNodes())] if self._scene else []
        self._nodes = [node for node in nodes if self._fits(node)]
        self.setCurrentNode(self._current)

    def _draw(self):
        names = [self._values["noneDisplay"]] if self._values["noneEnabled"] or not self._nodes else []
        self._first = len(names)
        self._box.clear()
        self._box.addItems(names + [node.GetName() or "" for node in self._nodes])
        self._box.setCurrentIndex(self._first + self._nodes.index(self._current) if self._current else 0)

    def _choose(self, index):
        self.setCurrentNode(self._nodes[index - self._first] if index >= self._first else None)


class TableView(QtWidgets.QTableView):
    """qMRMLTableView: the cells of a table node, as text."""

    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._node, self._tag, self._scene = None, None, None
        self.setModel(QtGui.QStandardItemModel(self))

    def setMRMLScene(self, scene):
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)

    def mrmlTableNode(self):
        return self._node

    def setMRMLTableNode(self, node):
        if self._node is not None:
            self._node.RemoveObserver(self._tag)
        self._node = node
        if node is not None:
            self._tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._fill())
        self._fill()

    def _fill(self):
        model = self.model()
        model.clear()
        if self._node is None:
            return
        # As in Slicer, the first row shows the names of the columns unless the node says otherwise.
        first = 1 if self._node.GetUseFirstColumnAsRowHeader() else 0
        columns = range(first, self._node.GetNumberOfColumns())
        names = [self._node.GetColumnName(column) for column in columns]
        if self._node.GetUseColumnTitleAsColumnHeader():
            model.setHorizontalHeaderLabels([self._header(name) for name in names])
        else:
            model.appendRow([QtGui.QStandardItem(name) for name in names])
        for row in range(self._node.GetNumberOfRows()):
            cells = [self._node.GetCellText(row, column) for column in columns]
            model.appendRow([QtGui.QStandardItem(text) for text in cells])
            if first:
                model.setVerticalHeaderItem(model.rowCount() - 1, QtGui.QStandardItem(self._node.GetCellText(row, 0)))

    def _header(self, column):
        """As qMRMLTableModel does: the unit stands behind the title."""
        title, unit = self._node.GetColumnTitle(column), self._node.GetColumnUnitLabel(column)
        return f"{title} [{unit}]" if unit else title


NATIVES = {"qMRMLWidget": MRMLWidget, "qMRMLNodeComboBox": NodeComboBox, "qMRMLTableView": TableView}


def add_to_slicer():
    """``slicer.qMRMLWidget`` and the like."""
    for name, native in NATIVES.items():
        setattr(slicer, name, host_class(class_api(f"slicer.{name}"), native))
