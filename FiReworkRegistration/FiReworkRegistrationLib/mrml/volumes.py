"""Volume nodes to engine volumes, and arrays into volume nodes."""

import slicer
import vtk

from ..engine.texts import tr as _
from .transforms import localToWorld

VOLUME = _("Volume")


def volumeFromNode(volumeNode, role=VOLUME, replacedTransform=None):
    """A scalar volume node as engine ``Volume`` in world RAS mm, array (k, j, i) copied.

    Linear parent transforms are part of the volume's affine.

    :param role: "Fixed volume" or "Moving volume", the first words of a message.
    :param replacedTransform: see ``transforms.localToWorld``.
    :raises RegistrationError: missing or empty node, vector, 2D or 4D data, NaN, constant image, singular
        geometry, nonlinear parent transform.
    """
    checkVolumeNode(volumeNode, role)
    return readVolume(volumeNode, role, replacedTransform).check(role)


def readVolume(volumeNode, role, replacedTransform=None):
    """Array and world geometry of a checked volume node as engine ``Volume``, values not checked."""
    import numpy as np

    from ..engine.geometry import Volume

    array = np.array(slicer.util.arrayFromVolume(volumeNode))
    affine = localToWorld(volumeNode, role, replacedTransform) @ ijkToRAS(volumeNode)
    return Volume(array, affine, volumeNode.GetName())


def checkVolumeNode(volumeNode, role):
    """:raises RegistrationError: not a node that holds one scalar 3D image."""
    from ..engine.errors import RegistrationError

    if volumeNode is None:
        raise RegistrationError(_("{role} is missing; select a volume.").format(role=role))
    who = _("{role} '{name}'").format(role=role, name=volumeNode.GetName())
    if not volumeNode.IsA("vtkMRMLScalarVolumeNode"):
        raise RegistrationError(
            _("{who} is a {kind} node; select a scalar volume.").format(who=who, kind=volumeNode.GetNodeTagName())
        )
    image = volumeNode.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None or image.GetNumberOfPoints() == 0:
        raise RegistrationError(
            _("{who} has no image data; load the volume again or select another one.").format(who=who)
        )
    components = image.GetNumberOfScalarComponents()
    if components != 1:
        raise RegistrationError(
            _(
                "{who} has {components} values in every voxel (a vector, color or time volume); extract one scalar "
                "volume from it first (Vector to Scalar Volume module)."
            ).format(who=who, components=components)
        )


def ijkToRAS(volumeNode):
    """IJK-to-RAS of a volume node without its parents, (4, 4) float64, mm."""
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def setVolume(volumeNode, array, matrix, parentTransformID=None, copy=True):
    """Put an array into a volume node, with its place in space, replacing what the node held.

    The node gets a new image; the former one stays as it was for whoever holds it.

    :param array: (k, j, i), any numeric type.
    :param matrix: 4x4 IJK to RAS mm, without parents.
    :param parentTransformID: node ID of the parent transform, or None.
    :param copy: see :func:`imageFromArray`.
    """
    volumeNode.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    volumeNode.SetAndObserveImageData(imageFromArray(array, copy))
    volumeNode.SetAndObserveTransformNodeID(parentTransformID)


def imageFromArray(array, copy=True):
    """Array (k, j, i) as vtkImageData of one component, origin 0 and spacing 1.

    :param copy: False lets the image have the array's own memory; nobody else may write there then.
    """
    import numpy as np
    from vtk.util.numpy_support import numpy_to_vtk

    image = vtk.vtkImageData()
    image.SetDimensions(*(int(size) for size in array.shape[::-1]))
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(array).ravel(), deep=copy))
    return image
