"""Several sets of choices in one scene, such as one for each pair of volumes."""

from slicer.i18n import tr as _

#: Reference from the module's own set, which every scene has, to the one that is in use.
CURRENT = "FiRework.currentParameters"


def currentSet(own):
    """The node of the set in use: ``own``, unless another one was chosen that is still there."""
    return own.GetNodeReference(CURRENT) or own


class ParameterSets:
    """A list of the sets in the scene; choosing one shows its choices, "Create new" makes an empty one.

    :param selector: qMRMLNodeComboBox.
    :param moduleName: that every set carries as an attribute.
    :param own: returns the node of the module's own set.
    :param onChosen: called when another set is in use.
    """

    def __init__(self, selector, moduleName, own, onChosen):
        self._selector, self._own, self._onChosen = selector, own, onChosen
        self._showing = False
        self._isShown = False
        selector.setNodeTypeLabel(_("parameter set"), "vtkMRMLScriptedModuleNode")
        selector.addAttribute("vtkMRMLScriptedModuleNode", "ModuleName", moduleName)
        selector.connect("currentNodeChanged(vtkMRMLNode*)", self._onNodeChanged)

    def show(self, node):
        """:param node: of the set in use; None while the panel is left: what the selector then says is not heard."""
        self._isShown = node is not None
        if not self._isShown:
            return
        self._showing = True
        self._selector.setCurrentNode(node)
        # The module makes its own set again at once, and nothing would be gone.
        self._selector.removeEnabled = node is not self._own()
        self._showing = False

    def _onNodeChanged(self, node):
        scene = self._selector.mrmlScene()
        if self._showing or not self._isShown or node is None or scene.IsClosing() or scene.IsImporting():
            return
        own = self._own()
        if node is currentSet(own):
            return
        own.SetNodeReferenceID(CURRENT, None if node is own else node.GetID())
        self._onChosen()
