"""The inputs of the panel: defaults, swap, and which segment of a segmentation is the mask."""

import slicer
from slicer.i18n import tr as _

from ..mrml.former_parent import PAIR_ROLES


def chooseDefaults(parameters):
    """The first two volumes of the scene, if nothing is chosen yet and no others are in question."""
    if parameters is None or parameters.fixedVolume or parameters.movingVolume:
        return
    volumes = [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        if node.GetClassName() == "vtkMRMLScalarVolumeNode"
        and node.GetImageData()
        and not node.GetHideFromEditors()
        and node not in (parameters.outputVolume, parameters.outputJacobian)
    ]
    if len(volumes) == 2:
        parameters.fixedVolume, parameters.movingVolume = volumes


def swap(parameters):
    """Exchange fixed and moving with all that belongs to them. Outputs would be of the other direction: new ones."""
    for first, second in (
        ("fixedVolume", "movingVolume"),
        ("fixedMask", "movingMask"),
        ("fixedSegment", "movingSegment"),
        ("fixedStructures", "movingStructures"),
        ("fixedLandmarks", "movingLandmarks"),
    ):
        a, b = getattr(parameters, first), getattr(parameters, second)
        setattr(parameters, first, b)
        setattr(parameters, second, a)
    parameters.initialTransform = None
    parameters.outputTransform = parameters.outputVolume = parameters.outputJacobian = None


class PairWatch:
    """Notices that another pair of volumes, or another set of choices, is in use than before."""

    def __init__(self):
        self._identifiers = None

    def changed(self, parameters):
        """Whether it is another pair since the last call. Its outputs are new ones then: a result stays as it is."""
        pair = (parameters.fixedVolume, parameters.movingVolume)
        nodes = (*pair, parameters.parameterNode)
        before, self._identifiers = self._identifiers, [node and node.GetID() for node in nodes]
        if self._identifiers == before:
            return False
        outputs = (parameters.outputTransform, parameters.outputVolume, parameters.outputJacobian)
        if None not in pair and any(_isResultOfOthers(node, *pair) for node in outputs):
            parameters.outputTransform = parameters.outputVolume = parameters.outputJacobian = None
        return True


def _isResultOfOthers(node, fixedNode, movingNode):
    if not node:
        return False
    roles = PAIR_ROLES
    if node.IsA("vtkMRMLTransformNode"):
        if not node.GetAttribute("FiRework.model"):
            return False
        roles = (node.GetFixedNodeReferenceRole(), node.GetMovingNodeReferenceRole())
    elif not any(node.GetNodeReferenceID(role) for role in roles):
        return False
    return [node.GetNodeReference(role) for role in roles] != [fixedNode, movingNode]


class SegmentChoice:
    """A combo box of the segments of the mask that is chosen; hidden for label maps."""

    def __init__(self, comboBox, maskName, segmentName):
        self._comboBox, self._maskName, self._segmentName = comboBox, maskName, segmentName
        self._parameters = None
        self._shown = self._filling = False
        comboBox.connect("currentIndexChanged(int)", self._onChosen)

    def update(self, parameters):
        """Show what the parameter node says."""
        self._parameters = parameters
        mask = getattr(parameters, self._maskName) if parameters else None
        isSegmentation = mask is not None and mask.IsA("vtkMRMLSegmentationNode")
        self._comboBox.setVisible(isSegmentation)
        segments = [("", _("All segments"))]
        if isSegmentation:
            segmentation = mask.GetSegmentation()
            segments += [(name, segmentation.GetSegment(name).GetName()) for name in segmentation.GetSegmentIDs()]
        if segments != self._shown:
            self._fill(segments)
        chosen = getattr(parameters, self._segmentName) if parameters else ""
        identifiers = [identifier for identifier, name in segments]
        if chosen in identifiers:
            self._comboBox.currentIndex = identifiers.index(chosen)
        else:
            # Of another mask, or removed: Register would look for it in vain.
            setattr(parameters, self._segmentName, "")

    def _fill(self, segments):
        self._filling = True
        self._comboBox.clear()
        for _identifier, name in segments:
            self._comboBox.addItem(name)
        self._shown, self._filling = segments, False

    def _onChosen(self, index):
        if self._parameters and not self._filling and 0 <= index < len(self._shown):
            setattr(self._parameters, self._segmentName, self._shown[index][0])
