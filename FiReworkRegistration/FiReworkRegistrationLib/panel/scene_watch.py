"""What the panel does when the scene is closed or read, or when nodes come and go."""

import qt
import slicer
import vtk

from .input_section import chooseDefaults


class SceneWatch:
    """Observes the scene for the module's widget, through the widget's own observers.

    :param widget: the module's widget; its parameter node and its sections follow the scene.
    :param nodeParameters: names of the parameters that are nodes.
    """

    def __init__(self, widget, nodeParameters):
        self._widget, self._nodeParameters, self._waiting = widget, nodeParameters, False
        scene = slicer.mrmlScene
        for event, callback in (
            (scene.StartCloseEvent, self._onStartClose),
            (scene.EndCloseEvent, self._onEndClose),
            (scene.StartImportEvent, self._onStartImport),
            (scene.EndImportEvent, self._onEndImport),
            (scene.NodeAddedEvent, self._onNodesChanged),
            (scene.NodeRemovedEvent, self._onNodesChanged),
        ):
            widget.addObserver(scene, event, callback)
        # Before the selectors hear of it: they would choose the node's neighbor in the list.
        widget.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self._onNodeAboutToBeRemoved, priority=100.0)

    @property
    def _isEntered(self):
        return getattr(self._widget.parent, "isEntered", False) and not self._widget.isResting

    @property
    def _sections(self):
        return self._widget.sections

    def _onStartClose(self, caller, event):
        self._sections.forgetScene()
        self._widget.setParameterNode(None)

    def _onEndClose(self, caller, event):
        if self._isEntered:
            self._widget.initializeParameterNode()

    def _onStartImport(self, caller, event):
        # The selectors lose their rows while nodes are read, and would write that down as a choice.
        # What is running has its own.
        self._sections.result.rest()
        self._widget.setParameterNode(None)

    def _onEndImport(self, caller, event):
        # Later: other widgets still go through what was read.
        qt.QTimer.singleShot(0, self._afterImport)

    def _afterImport(self):
        if self._isEntered:
            self._widget.initializeParameterNode()
            if not self._sections.runner.running:
                self._sections.result.showResult()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onNodeAboutToBeRemoved(self, caller, event, node):
        if slicer.mrmlScene.IsClosing():
            return
        if self._widget.ui.applySelector.currentNode() is node:
            # Also while the panel is left: no parameter tells this selector what it had.
            self._widget.ui.applySelector.setCurrentNode(None)
        parameters = self._sections.parameters
        if not parameters:
            return
        for name in self._nodeParameters:
            if getattr(parameters, name) is node:
                setattr(parameters, name, None)

    def _onNodesChanged(self, caller, event):
        # Later: a node is added before it is loaded, and many may come at once.
        if self._isEntered and not self._waiting:
            self._waiting = True
            qt.QTimer.singleShot(0, self._afterNodesChanged)

    def _afterNodesChanged(self):
        self._waiting = False
        sections = self._sections
        if not sections.parameters or slicer.mrmlScene.IsImporting():
            return
        if sections.parameters.parameterNode.GetScene() is None:
            # The set of choices in use was removed.
            self._widget.onParameterSetChosen()
            return
        if not sections.runner.running:
            chooseDefaults(sections.parameters)
        sections.update()
