"""Masks: a label map or a segmentation, on the grid of the volume it belongs to."""

import slicer
import vtk

from ..engine.texts import tr as _
from .transforms import localToWorld
from .volumes import checkVolumeNode, readVolume

BINARY_LABELMAP = "Binary labelmap"
MASK = _("Mask")


def maskFromNode(maskNode, volume, role=MASK, segmentID=None, replacedTransform=None):
    """A mask node as engine ``Volume`` of bool on the grid of ``volume``.

    A mask of another geometry is resampled to that grid, nearest neighbor. The node is not changed.

    :param maskNode: label map, scalar volume (voxels > 0 count) or segmentation node.
    :param volume: engine ``Volume`` in world RAS mm that the mask belongs to.
    :param role: "Fixed mask" or "Moving mask", the first words of a message.
    :param segmentID: of a segmentation; all segments together if None.
    :param replacedTransform: see ``transforms.localToWorld``.
    :raises RegistrationError: empty mask, wrong kind of node, unknown segment, nonlinear parent transform.
    """
    from ..engine.errors import RegistrationError

    if maskNode.IsA("vtkMRMLSegmentationNode"):
        mask = _segmentationMask(maskNode, volume, role, segmentID, replacedTransform)
    else:
        checkVolumeNode(maskNode, role)
        mask = _resampled(readVolume(maskNode, role, replacedTransform), volume)
    if not mask.array.any():
        raise RegistrationError(
            _(
                "{role} '{name}' marks nothing inside '{volume}'; mark the brain in it, check that it lies over "
                "the volume, or select no mask."
            ).format(role=role, name=maskNode.GetName(), volume=volume.name)
        )
    return mask


def _segmentationMask(segmentationNode, volume, role, segmentID, replacedTransform):
    """The chosen segments, each resampled to the grid of ``volume``, united."""
    import numpy as np

    from ..engine.errors import RegistrationError
    from ..engine.geometry import Volume

    name = segmentationNode.GetName()
    segmentation = segmentationNode.GetSegmentation()
    if segmentation is None or segmentation.GetNumberOfSegments() == 0:
        raise RegistrationError(
            _("{role} '{name}' has no segments; segment the brain in it or select no mask.").format(
                role=role, name=name
            )
        )
    if segmentID and segmentation.GetSegment(segmentID) is None:
        raise RegistrationError(
            _("{role} '{name}' has no segment '{segment}'; select one of its segments.").format(
                role=role, name=name, segment=segmentID
            )
        )
    toWorld = localToWorld(segmentationNode, role, replacedTransform)
    source = withLabelmaps(segmentationNode, volume, toWorld, role)
    united = np.zeros(volume.array.shape, dtype=bool)
    for identifier in [segmentID] if segmentID else segmentation.GetSegmentIDs():
        labelmap = slicer.vtkOrientedImageData()
        if source.GetBinaryLabelmapRepresentation(identifier, labelmap) and not labelmap.IsEmpty():
            united |= _resampled(volumeFromLabelmap(labelmap, toWorld, name), volume).array
    return Volume(united, volume.affine, name)


def withLabelmaps(segmentationNode, volume, toWorld, role):
    """The node itself if it has label maps, else a copy outside the scene that they are made in."""
    import numpy as np

    from ..engine.errors import RegistrationError

    if segmentationNode.GetSegmentation().ContainsRepresentation(BINARY_LABELMAP):
        return segmentationNode
    segmentation = slicer.vtkSegmentation()
    segmentation.DeepCopy(segmentationNode.GetSegmentation())
    # Voxels of the volume: a surface's default ones are far finer.
    geometry = slicer.vtkOrientedImageData()
    geometry.SetDimensions(*(int(size) for size in volume.array.shape[::-1]))
    geometry.SetGeometryFromImageToWorldMatrix(
        slicer.util.vtkMatrixFromArray(np.linalg.inv(toWorld) @ volume.grid.affine)
    )
    converter = slicer.vtkSegmentationConverter
    segmentation.SetConversionParameter(
        converter.GetReferenceImageGeometryParameterName(), converter.SerializeImageGeometry(geometry)
    )
    if not segmentation.CreateRepresentation(BINARY_LABELMAP):
        raise RegistrationError(
            _(
                "{role} '{name}' cannot be converted to a label map; create its binary labelmap representation in "
                "the Segmentations module."
            ).format(role=role, name=segmentationNode.GetName())
        )
    copy = slicer.vtkMRMLSegmentationNode()
    copy.SetAndObserveSegmentation(segmentation)
    return copy


def volumeFromLabelmap(labelmap, toWorld, name):
    """A vtkOrientedImageData, whose extent may start anywhere, as engine ``Volume`` in world RAS mm."""
    import numpy as np
    from vtk.util.numpy_support import vtk_to_numpy

    from ..engine.geometry import Volume

    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    first = np.eye(4)
    first[:3, 3] = labelmap.GetExtent()[::2]
    shape = tuple(reversed(labelmap.GetDimensions()))
    # A copy: the engine reads it on another thread, while the user may go on painting.
    array = vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(shape).copy()
    return Volume(array, toWorld @ slicer.util.arrayFromVTKMatrix(matrix) @ first, name)


def _resampled(mask, volume):
    """Voxels > 0 of a mask as bool ``Volume`` on the grid of ``volume``, nearest neighbor."""
    import numpy as np

    from ..engine.geometry import Volume
    from ..engine.working_grid import bring_to_grid

    inside = mask.array > 0
    if inside.shape != volume.array.shape or not np.allclose(mask.affine, volume.affine, atol=1e-3):
        inside = bring_to_grid(Volume(inside, mask.affine, mask.name), volume.grid, mode="nearest")[0, 0].numpy() > 0
    return Volume(inside, volume.affine, mask.name)
