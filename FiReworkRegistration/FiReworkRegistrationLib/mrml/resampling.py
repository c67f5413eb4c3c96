"""What a volume node shows, through all its transforms, on the grid of another one."""

import slicer
import vtk

from .volumes import ijkToRAS, imageFromArray


def coarsened(volumeNode, mostVoxels=None):
    """Grid of a volume node with every n-th voxel, n chosen so that at most ``mostVoxels`` are left.

    :return: (n, dimensions along i, j, k, 4x4 IJK to local RAS mm of the coarser grid).
    """
    import numpy as np

    dimensions = volumeNode.GetImageData().GetDimensions()
    step = 1
    while mostVoxels and np.prod([-(-size // step) for size in dimensions]) > mostVoxels:
        step += 1
    return step, tuple(-(-size // step) for size in dimensions), ijkToRAS(volumeNode) @ np.diag([step] * 3 + [1])


def arrayOnGrid(volumeNode, fixedNode, mostVoxels=None):
    """A volume as it appears in the scene, under its transforms, sampled on the fixed volume's voxels.

    :param volumeNode: scalar volume node, under any transforms, also nonlinear ones.
    :param fixedNode: the volume node whose grid is taken.
    :param mostVoxels: a coarser grid if the fixed one has more voxels, see :func:`coarsened`.
    :return: (k, j, i) array, not to be written to; linear interpolation, outside the image its lowest value.
    """
    from vtk.util.numpy_support import vtk_to_numpy

    step, dimensions, matrix = coarsened(fixedNode, mostVoxels)
    if _onGrid(volumeNode, fixedNode):
        return slicer.util.arrayFromVolume(volumeNode)[::step, ::step, ::step]
    toMoving = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(
        fixedNode.GetParentTransformNode(), volumeNode.GetParentTransformNode(), toMoving
    )
    rasToIJK = vtk.vtkMatrix4x4()
    volumeNode.GetRASToIJKMatrix(rasToIJK)
    voxelToVoxel = vtk.vtkGeneralTransform()
    voxelToVoxel.PostMultiply()
    voxelToVoxel.Concatenate(slicer.util.vtkMatrixFromArray(matrix))
    voxelToVoxel.Concatenate(toMoving)
    voxelToVoxel.Concatenate(rasToIJK)
    reslice = vtk.vtkImageReslice()
    reslice.SetInputData(_atOrigin(volumeNode.GetImageData()))
    reslice.SetResliceTransform(voxelToVoxel)
    reslice.SetOutputOrigin(0, 0, 0)
    reslice.SetOutputSpacing(1, 1, 1)
    reslice.SetOutputExtent(0, dimensions[0] - 1, 0, dimensions[1] - 1, 0, dimensions[2] - 1)
    reslice.SetInterpolationModeToLinear()
    reslice.SetBackgroundLevel(volumeNode.GetImageData().GetScalarRange()[0])
    reslice.Update()
    scalars = reslice.GetOutput().GetPointData().GetScalars()
    return vtk_to_numpy(scalars).reshape(dimensions[::-1])


def writeArray(volumeNode, array, matrix, parentTransformID):
    """Array (k, j, i) into a volume node; in place if shape and type are those that it has.

    :param matrix: 4x4 IJK to local RAS mm.
    """
    import numpy as np

    with slicer.util.NodeModify(volumeNode):
        volumeNode.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
        volumeNode.SetAndObserveTransformNodeID(parentTransformID)
    current = slicer.util.arrayFromVolume(volumeNode) if volumeNode.GetImageData() is not None else np.empty(0)
    if current.shape == array.shape and current.dtype == array.dtype:
        current[:] = array
        slicer.util.arrayFromVolumeModified(volumeNode)
    else:
        volumeNode.SetAndObserveImageData(imageFromArray(array))


def _onGrid(volumeNode, fixedNode):
    """Same voxels at the same places, so that nothing needs sampling."""
    import numpy as np

    return (
        volumeNode.GetImageData().GetDimensions() == fixedNode.GetImageData().GetDimensions()
        and volumeNode.GetTransformNodeID() == fixedNode.GetTransformNodeID()
        and np.allclose(ijkToRAS(volumeNode), ijkToRAS(fixedNode), atol=1e-4)
    )


def _atOrigin(image):
    """Slicer keeps geometry in the node; images of foreign origin or spacing would be placed twice."""
    copy = vtk.vtkImageData()
    copy.ShallowCopy(image)
    copy.SetOrigin(0, 0, 0)
    copy.SetSpacing(1, 1, 1)
    return copy
