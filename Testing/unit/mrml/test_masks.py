"""Label maps and segmentations become masks on the grid of their volume."""

import numpy as np
import pytest
import slicer
import vtk

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.mrml.former_parent import MOVING_TO_WORLD, movingToWorldText
from FiReworkRegistrationLib.mrml.masks import maskFromNode, volumeFromLabelmap
from FiReworkRegistrationLib.mrml.volumes import setVolume, volumeFromNode


@pytest.fixture
def volume(tools, geometry):
    return volumeFromNode(tools.addVolume("brain", geometry))


def ball(volume, center=(0.0, 0.0, 0.0), radius=12.0):
    """Voxels of a volume within a sphere in world mm."""
    k, j, i = np.meshgrid(*(np.arange(size) for size in volume.array.shape), indexing="ij")
    return np.linalg.norm(volume.grid.to_ras(np.stack([i, j, k], -1)) - center, axis=-1) < radius


def labelMap(array, affine, name="mask"):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", name)
    setVolume(node, array.astype(np.uint8), affine)
    return node


def addSegment(node, array, affine, name, first=(0, 0, 0)):
    """A binary labelmap segment whose extent starts at ``first`` (i, j, k)."""
    from vtk.util.numpy_support import numpy_to_vtk

    image = slicer.vtkOrientedImageData()
    last = [start + size - 1 for start, size in zip(first, array.shape[::-1], strict=True)]
    image.SetExtent(first[0], last[0], first[1], last[1], first[2], last[2])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(array, dtype=np.uint8).ravel(), deep=True))
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(affine))
    return node.AddSegmentFromBinaryLabelmapRepresentation(image, name, [1, 0, 0], name)


@pytest.fixture
def segmentation(scene):
    return scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "labels")


def threeVoxels(tools, volume):
    """A transform that moves by three voxels along i, so that resampling rounds nothing."""
    shift = np.eye(4)
    shift[:3, 3] = 3 * volume.grid.linear[:, 0]
    return tools.addLinear("shift", shift)


def dice(a, b):
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def test_label_map_on_the_same_grid(volume):
    mask = maskFromNode(labelMap(ball(volume) * 5, volume.affine), volume)
    np.testing.assert_array_equal(mask.array, ball(volume))
    np.testing.assert_array_equal(mask.affine, volume.affine)


def test_label_map_of_another_geometry_is_resampled(tools, volume):
    other = volumeFromNode(tools.addVolume("other", tools.placed(np.eye(4), (1, 1, 1), (2, 0, 0), (60, 60, 60)),
                                           tools.blobs(np.eye(4), (60, 60, 60))))  # fmt: skip
    mask = maskFromNode(labelMap(ball(other), other.affine), volume)
    assert dice(mask.array, ball(volume)) > 0.96


def test_label_map_under_a_linear_transform(tools, volume):
    node = labelMap(ball(volume), volume.affine)
    node.SetAndObserveTransformNodeID(threeVoxels(tools, volume).GetID())
    assert dice(maskFromNode(node, volume).array, ball(volume, 3 * volume.grid.linear[:, 0])) > 0.99


def test_label_map_under_the_result_that_the_next_registration_replaces(tools, volume):
    result, before = tools.addNonlinear("result"), np.eye(4)
    before[:3, 3] = 3 * volume.grid.linear[:, 0]
    result.SetAttribute(MOVING_TO_WORLD, movingToWorldText(before))
    node = labelMap(ball(volume), volume.affine)
    node.SetAndObserveTransformNodeID(result.GetID())
    mask = maskFromNode(node, volume, replacedTransform=result)
    assert dice(mask.array, ball(volume, 3 * volume.grid.linear[:, 0])) > 0.99


def test_what_is_below_0_is_outside(tools, volume):
    inside = ball(volume)
    node = tools.addVolume("signed", volume.affine, np.where(inside, 1.0, -1.0).astype(np.float32))
    np.testing.assert_array_equal(maskFromNode(node, volume).array, inside)


def test_one_segment_and_all_segments(volume, segmentation):
    left, right = ball(volume, (-8, 0, 0), 8), ball(volume, (8, 3, 0), 8)
    identifier = addSegment(segmentation, left, volume.affine, "left")
    addSegment(segmentation, right, volume.affine, "right")
    np.testing.assert_array_equal(maskFromNode(segmentation, volume, segmentID=identifier).array, left)
    np.testing.assert_array_equal(maskFromNode(segmentation, volume).array, left | right)


def test_segments_that_share_a_layer_stay_apart(volume, segmentation):
    left, right = ball(volume, (-10, 0, 0), 7), ball(volume, (10, 0, 0), 7)
    addSegment(segmentation, left, volume.affine, "left")
    identifier = addSegment(segmentation, right, volume.affine, "right")
    segmentation.GetSegmentation().CollapseBinaryLabelmaps(True)
    assert segmentation.GetSegmentation().GetNumberOfLayers("Binary labelmap") == 1
    np.testing.assert_array_equal(maskFromNode(segmentation, volume, segmentID=identifier).array, right)


def test_segment_extent_that_does_not_start_at_zero(volume, segmentation):
    whole = np.zeros(volume.array.shape, dtype=bool)
    whole[4:10, 5:12, 6:15] = True
    addSegment(segmentation, whole[4:10, 5:12, 6:15], volume.affine, "box", first=(6, 5, 4))
    np.testing.assert_array_equal(maskFromNode(segmentation, volume).array, whole)


def test_segmentation_under_a_linear_transform(tools, volume, segmentation):
    addSegment(segmentation, ball(volume), volume.affine, "brain")
    segmentation.SetAndObserveTransformNodeID(threeVoxels(tools, volume).GetID())
    assert dice(maskFromNode(segmentation, volume).array, ball(volume, 3 * volume.grid.linear[:, 0])) > 0.99


def test_surface_segment_is_converted_without_touching_the_node(tools, volume, segmentation):
    segmentation.SetSourceRepresentationToClosedSurface()
    sphere = vtk.vtkSphereSource()
    sphere.SetRadius(12)
    sphere.SetThetaResolution(40)
    sphere.SetPhiResolution(40)
    sphere.Update()
    segmentation.AddSegmentFromClosedSurfaceRepresentation(sphere.GetOutput(), "ball", [1, 0, 0], "ball")
    shift = np.eye(4)
    shift[:3, 3] = (0, 0, 4)
    segmentation.SetAndObserveTransformNodeID(tools.addLinear("shift", shift).GetID())
    mask = maskFromNode(segmentation, volume)
    assert dice(mask.array, ball(volume, (0, 0, 4))) > 0.9
    assert not segmentation.GetSegmentation().ContainsRepresentation("Binary labelmap")


def test_nodes_do_not_change(tools, scene, volume, segmentation):
    addSegment(segmentation, ball(volume), volume.affine, "brain")
    before, changed = scene.GetNumberOfNodes(), segmentation.GetMTime()
    maskFromNode(segmentation, volume)
    assert (scene.GetNumberOfNodes(), segmentation.GetMTime()) == (before, changed)


def test_what_was_read_does_not_change_with_the_segment(volume, segmentation):
    addSegment(segmentation, ball(volume), volume.affine, "brain")
    labelmap = slicer.vtkOrientedImageData()
    segmentation.GetBinaryLabelmapRepresentation("brain", labelmap)
    array = volumeFromLabelmap(labelmap, np.eye(4), "brain").array
    labelmap.GetPointData().GetScalars().Fill(0)
    assert array.any()


def test_bad_masks_are_refused(tools, scene, volume, segmentation):
    def refused(node, message, **choice):
        with pytest.raises(RegistrationError, match=message):
            maskFromNode(node, volume, "Fixed mask", **choice)

    refused(segmentation, "Fixed mask 'labels' has no segments; segment")
    addSegment(segmentation, ball(volume), volume.affine, "brain")
    refused(segmentation, "Fixed mask 'labels' has no segment 'tumor'; select", segmentID="tumor")
    refused(labelMap(ball(volume) * 0, volume.affine, "nothing"), "Fixed mask 'nothing' marks nothing inside 'brain'")
    far = volume.affine.copy()
    far[:3, 3] += 500
    refused(labelMap(ball(volume), far, "away"), "Fixed mask 'away' marks nothing inside")
    refused(scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "hollow"), "Fixed mask 'hollow' has no image data")
    refused(scene.AddNewNodeByClass("vtkMRMLModelNode", "skull"), "Fixed mask 'skull' is a Model node")
    segmentation.SetAndObserveTransformNodeID(tools.addNonlinear().GetID())
    refused(segmentation, "Fixed mask 'labels' is under the nonlinear transform 'bent'.*harden")
