"""The result put to use: other nodes of the moving volume placed under the transform, or resampled."""

from dataclasses import replace
from functools import partial

import slicer

from ..engine.texts import tr as _
from .former_parent import rememberedFixedGrid, rememberedMovingToWorld
from .language import say
from .masks import BINARY_LABELMAP
from .structures import segmentLayers
from .transforms import followedBy, localToWorld, mapFromTransformNode
from .volumes import checkVolumeNode, ijkToRAS, imageFromArray, readVolume, setVolume, volumeFromNode

ROLE = _("Node")


def canResample(node):
    """Whether a node has voxels: scalar volumes, label maps and segmentations."""
    return node is not None and (node.IsA("vtkMRMLScalarVolumeNode") or node.IsA("vtkMRMLSegmentationNode"))


def applyTo(node, transformNode, fixedNode, *, resample=None, execute=None):
    """Bring a node that belongs to the moving volume to the fixed volume.

    :param node: volume, label map, segmentation, model, markups or any other transformable node.
    :param transformNode: result of a registration.
    :param fixedNode: volume node whose grid a resampled node gets.
    :param resample: True makes a new node on the fixed grid, False places the node itself under the transform;
        None resamples what has voxels and places the rest.
    :param execute: how the heavy part is run, ``execute(function)``; at once if None.
    :return: the new node, or ``node`` itself.
    :raises RegistrationError: a node that cannot be transformed so; nothing is changed.
    """
    _check(node, transformNode, fixedNode)
    if resample is None:
        resample = canResample(node)
    if not resample:
        return placeUnder(node, transformNode)
    return resampled(node, transformNode, fixedNode, execute=execute)


def placeUnder(node, transformNode):
    """Make the result the parent transform of a node, in place of what was its parent.

    :return: ``node``.
    :raises RegistrationError: a node whose parent is not the one that the moving volume had.
    """
    import numpy as np

    from ..engine.errors import RegistrationError

    _check(node, transformNode)
    if node.GetParentTransformNode() is transformNode:
        return node
    if not np.allclose(localToWorld(node, ROLE), rememberedMovingToWorld(transformNode), atol=1e-4):
        if node.GetParentTransformNode() is None:
            raise RegistrationError(
                _(
                    "'{name}' is not where the moving volume was, which lay under a transform when it was registered. "
                    "Resample it on the fixed grid, or register again."
                ).format(name=node.GetName())
            )
        raise RegistrationError(
            _(
                "'{name}' is not where the moving volume was: they had different parent transforms. Harden the "
                "transform on it first (Data module, Harden transform) or take it out of it."
            ).format(name=node.GetName())
        )
    node.SetAndObserveTransformNodeID(transformNode.GetID())
    return node


def resampled(node, transformNode, fixedNode, *, execute=None):
    """A new node "… registered" with the voxels of another one on the fixed volume's grid.

    Label maps and segments are taken to the nearest voxel, other volumes are interpolated linearly (float32) and
    have their lowest value outside.

    :param execute: see :func:`applyTo`.
    :raises RegistrationError: no voxels, vector volumes, nonlinear parent transforms.
    """
    from ..engine.errors import RegistrationError
    from ..engine.volume_warping import warp_volume

    _check(node, transformNode, fixedNode)
    if not canResample(node):
        raise RegistrationError(
            _(
                "'{name}' is a {kind} node, which has no voxels to resample; place it under the transform instead."
            ).format(name=node.GetName(), kind=node.GetNodeTagName())
        )
    toWorld = localToWorld(node, ROLE, transformNode)
    worldMap = followedBy(mapFromTransformNode(transformNode), rememberedMovingToWorld(transformNode))
    fixed = volumeFromNode(fixedNode, _("Fixed volume"))
    there = rememberedFixedGrid(transformNode, fixed.array.shape[::-1])
    if there is not None and transformNode.GetNodeReference(transformNode.GetFixedNodeReferenceRole()) is fixedNode:
        # Where its voxels lay when the map was found: the user may have moved it since, and the result moves along.
        fixed = replace(fixed, affine=there)
    run = execute or (lambda function: function())
    if node.IsA("vtkMRMLSegmentationNode"):
        layers = segmentLayers(node, fixed, _("Segmentation"), toWorld)
        arrays = run(lambda: [warp_volume(labels, worldMap, fixed, "nearest").array for labels, _segments in layers])
        fill = partial(_fillSegmentation, node=node, fixedNode=fixedNode, layers=layers, arrays=arrays)
    else:
        checkVolumeNode(node, _("Volume"))
        volume = readVolume(node, _("Volume"), transformNode)
        mode = "nearest" if node.IsA("vtkMRMLLabelMapVolumeNode") else "bilinear"
        array = run(lambda: warp_volume(volume, worldMap, fixed, mode).array)
        fill = partial(_fillVolume, node=node, fixedNode=fixedNode, array=array)
    # Events were handled meanwhile, and the user may have closed the scene.
    _check(node, transformNode, fixedNode)
    return _added(node, fixedNode, fill)


def _check(node, transformNode, fixedNode=None):
    from ..engine.errors import RegistrationError

    if node is None:
        raise RegistrationError(_("Nothing is selected to apply the transform to; select a node."))
    if transformNode is None or transformNode.GetScene() is None:
        raise RegistrationError(_("The transform of the registration is not in the scene any more; register again."))
    name = f"'{node.GetName()}'"
    if node.GetScene() is not transformNode.GetScene():
        raise RegistrationError(_("{name} is not in the scene any more; select another node.").format(name=name))
    if node is transformNode:
        raise RegistrationError(
            _("{name} is the transform of the registration itself; select another node.").format(name=name)
        )
    if fixedNode is not None and fixedNode.GetScene() is not node.GetScene():
        raise RegistrationError(
            _("Fixed volume '{fixed}' is not in the scene any more; register again.").format(fixed=fixedNode.GetName())
        )
    if node is fixedNode:
        raise RegistrationError(
            _("{name} is the fixed volume, which stays where it is; select another node.").format(name=name)
        )
    if not node.IsA("vtkMRMLTransformableNode"):
        raise RegistrationError(
            _("{name} is a {kind} node, which cannot be transformed.").format(name=name, kind=node.GetNodeTagName())
        )
    if node.IsA("vtkMRMLTransformNode") and transformNode.IsTransformNodeMyParent(node):
        raise RegistrationError(
            _("{name} is above the transform of the registration; select another node.").format(name=name)
        )


def _added(node, fixedNode, fill):
    """A new node of the same class that ``fill`` completes; no node is left if it cannot."""
    scene = node.GetScene()
    name = say(_("{name} registered").format(name=node.GetName()))
    new = scene.AddNewNodeByClass(node.GetClassName(), scene.GenerateUniqueName(name))
    try:
        with slicer.util.NodeModify(new):
            fill(new)
            new.SetAndObserveTransformNodeID(fixedNode.GetTransformNodeID())
    except Exception:
        scene.RemoveNode(new)
        raise
    return new


def _fillVolume(new, node, fixedNode, array):
    setVolume(new, array, ijkToRAS(fixedNode), fixedNode.GetTransformNodeID())
    new.CreateDefaultDisplayNodes()
    before, after = node.GetDisplayNode(), new.GetDisplayNode()
    if before is None or after is None:
        return
    after.SetAndObserveColorNodeID(before.GetColorNodeID())
    if before.IsA("vtkMRMLScalarVolumeDisplayNode") and after.IsA("vtkMRMLScalarVolumeDisplayNode"):
        after.SetAutoWindowLevel(False)
        after.SetWindowLevel(before.GetWindow(), before.GetLevel())


def _fillSegmentation(new, node, fixedNode, layers, arrays):
    """Segments with their names, colors and terms, in the order of the original."""
    segmentation = new.GetSegmentation()
    segmentation.SetSourceRepresentationName(BINARY_LABELMAP)
    made = {}
    for (_labels, segments), array in zip(layers, arrays, strict=True):
        # One label map a layer, as in the original: 100 structures would else fill the memory.
        image = _labelmap(array, ijkToRAS(fixedNode))
        for identifier, segment in segments.items():
            copy = slicer.vtkSegment()
            copy.DeepCopyMetadata(segment)
            copy.SetLabelValue(segment.GetLabelValue())
            copy.AddRepresentation(BINARY_LABELMAP, image)
            made[identifier] = copy
    for identifier in node.GetSegmentation().GetSegmentIDs():
        segmentation.AddSegment(made[identifier], identifier)
    new.SetReferenceImageGeometryParameterFromVolumeNode(fixedNode)
    new.CreateDefaultDisplayNodes()


def _labelmap(array, matrix):
    image = slicer.vtkOrientedImageData()
    image.ShallowCopy(imageFromArray(array))
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(matrix))
    return image
