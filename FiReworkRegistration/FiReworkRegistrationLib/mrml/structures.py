"""Segmentations and label maps as layers of named labels."""

import slicer

from ..engine.texts import tr as _
from .masks import BINARY_LABELMAP, volumeFromLabelmap, withLabelmaps
from .transforms import localToWorld
from .volumes import checkVolumeNode, readVolume


def structuresFromNode(node, volume, role, resultTransform=None, names=None):
    """The structures of a segmentation or label map node as list of engine ``LabelLayer`` in world RAS mm.

    A segment is named by itself, a label by the color table of its volume, or by its number.
    The node is not changed.

    :param volume: engine ``Volume`` whose voxels surfaces are converted to.
    :param role: "Fixed segmentation" or "Moving segmentation", the first words of a message.
    :param resultTransform: transform node of the registration, see ``transforms.localToWorld``.
    :param names: label value to name, of a label map whose own color table shall not count.
    :raises RegistrationError: wrong kind of node, nothing in it, nonlinear parent transform.
    """
    from ..engine.errors import RegistrationError
    from ..engine.overlap import LabelLayer

    if node is None:
        raise RegistrationError(_("{role} is missing; select a segmentation or a label map.").format(role=role))
    who = _("{role} '{name}'").format(role=role, name=node.GetName())
    toWorld = localToWorld(node, role, resultTransform)
    if node.IsA("vtkMRMLSegmentationNode"):
        return _segmentLayers(node, volume, role, toWorld)
    if not node.IsA("vtkMRMLScalarVolumeNode"):
        raise RegistrationError(
            _("{who} is a {kind} node; select a segmentation or a label map.").format(
                who=who, kind=node.GetNodeTagName()
            )
        )
    checkVolumeNode(node, role)
    labels = readVolume(node, role, resultTransform)
    names = labelNames(node, names)
    if not names:
        raise RegistrationError(_("{who} is empty; select a label map that marks structures.").format(who=who))
    return [LabelLayer(labels, names)]


def labelNames(volumeNode, known=None):
    """Label value to name, for every label that occurs in a label map node.

    :param known: value to name, which count more than the node's color table.
    :raises RegistrationError: values that are not whole numbers.
    """
    import numpy as np

    from ..engine.errors import RegistrationError

    array = slicer.util.arrayFromVolume(volumeNode)
    if not np.issubdtype(array.dtype, np.integer) and (array != np.rint(array)).any():
        raise RegistrationError(
            _("'{name}' holds values that are not whole numbers; select a segmentation or a label map.").format(
                name=volumeNode.GetName()
            )
        )
    display = volumeNode.GetDisplayNode()
    colors = display.GetColorNode() if display is not None and volumeNode.IsA("vtkMRMLLabelMapVolumeNode") else None
    known, found = known or {}, {}
    for value in (int(value) for value in np.unique(array) if value != 0):
        name = known.get(value) or _colorName(colors, value)
        # Tables repeat names such as "region", and another one may call another number so: the number tells them apart.
        taken = {*found.values(), *(other for number, other in known.items() if number != value)}
        found[value] = name if name and name not in taken else f"label {value}"
    return found


def _colorName(colors, value):
    if colors is None or not 0 <= value < colors.GetNumberOfColors():
        return ""
    name = colors.GetColorName(value) or ""
    return "" if name.startswith("(") else name


def _segmentLayers(node, volume, role, toWorld):
    from ..engine.overlap import LabelLayer

    return [
        LabelLayer(labels, {segment.GetLabelValue(): segment.GetName() for segment in segments.values()})
        for labels, segments in segmentLayers(node, volume, role, toWorld)
    ]


def segmentLayers(node, volume, role, toWorld):
    """Labels of a segmentation node, layer by layer, converted from surfaces if need be.

    :param toWorld: 4x4 RAS mm of the node.
    :return: list of (engine ``Volume`` of label values in world RAS mm, segment ID to vtkSegment).
    :raises RegistrationError: no segments.
    """
    from ..engine.errors import RegistrationError

    segmentation = node.GetSegmentation()
    if segmentation is None or segmentation.GetNumberOfSegments() == 0:
        raise RegistrationError(
            _("{role} '{name}' has no segments; select another segmentation.").format(role=role, name=node.GetName())
        )
    # Held until the end: without the node its segmentation would go.
    source = withLabelmaps(node, volume, toWorld, role)
    segmentation = source.GetSegmentation()
    layers = []
    for number in range(segmentation.GetNumberOfLayers(BINARY_LABELMAP)):
        labelmap = segmentation.GetLayerDataObject(number, BINARY_LABELMAP)
        if labelmap is None or labelmap.IsEmpty():
            # A segment without a voxel still has a name to be matched; some background stands for it.
            labelmap = _background()
        identifiers = segmentation.GetSegmentIDsForLayer(number, BINARY_LABELMAP)
        segments = {identifier: segmentation.GetSegment(identifier) for identifier in identifiers}
        layers.append((volumeFromLabelmap(labelmap, toWorld, node.GetName()), segments))
    return layers


def _background():
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(2, 2, 2)
    image.AllocateScalars(2, 1)
    image.GetPointData().GetScalars().Fill(0)
    return image
