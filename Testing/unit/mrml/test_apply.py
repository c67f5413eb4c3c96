"""The result applied to other nodes of the moving volume: placed under it, or resampled on the fixed grid."""

import numpy as np
import pytest
import slicer
import vtk

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.mrml import apply
from FiReworkRegistrationLib.mrml.apply import applyTo, canResample, placeUnder, resampled
from FiReworkRegistrationLib.mrml.former_parent import FIXED_GRID, MOVING_TO_WORLD, gridText, movingToWorldText
from FiReworkRegistrationLib.mrml.masks import maskFromNode
from FiReworkRegistrationLib.mrml.transforms import setMap
from FiReworkRegistrationLib.mrml.volumes import ijkToRAS, setVolume, volumeFromNode


def movedPicture(tools, node):
    """Voxels of a node that shows the moving world: ``blobs`` where the known motion takes them."""
    return tools.blobs(ijkToRAS(node))


def expected(tools, fixed):
    """What the fixed grid sees of ``blobs`` in the moving world: their value where each point is taken."""
    grid = volumeFromNode(fixed).grid
    k, j, i = np.meshgrid(*(np.arange(size) for size in grid.shape), indexing="ij")
    points = tools.knownMotion(grid.to_ras(np.stack([i, j, k], -1)))
    total = np.zeros(grid.shape)
    for center, width, height in (((0, 0, 0), 14, 100), ((8, -6, 4), 6, 60), ((-9, 5, -6), 5, 80), ((3, 10, 8), 4, 50)):
        total += height * np.exp(-((points - center) ** 2).sum(-1) / (2 * width**2))
    return total


def inner(array):
    return array[6:-6, 6:-6, 6:-6]


def test_volume_is_resampled_on_the_fixed_grid(tools, fixed, moving, result):
    new = applyTo(moving, result, fixed)
    assert new is not moving
    assert new.GetName() == "moving registered"
    np.testing.assert_allclose(ijkToRAS(new), ijkToRAS(fixed), atol=1e-12)
    difference = inner(slicer.util.arrayFromVolume(new) - expected(tools, fixed))
    assert np.abs(difference).mean() < 1.0, "gray levels of 100"
    assert new.GetDisplayNode() is not None
    assert moving.GetParentTransformNode() is None


def test_outside_comes_the_lowest_value(tools, fixed, moving, result):
    slicer.util.arrayFromVolume(moving)[:] -= 1000
    slicer.util.arrayFromVolume(moving)[:, :, 0] = -1000
    array = slicer.util.arrayFromVolume(applyTo(moving, result, fixed))
    assert array.min() == pytest.approx(-1000)


def test_window_of_the_original_is_kept(fixed, moving, result):
    moving.CreateDefaultDisplayNodes()
    moving.GetDisplayNode().SetAutoWindowLevel(False)
    moving.GetDisplayNode().SetWindowLevel(55, 33)
    display = applyTo(moving, result, fixed).GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel(), display.GetAutoWindowLevel()) == (55, 33, 0)


def test_label_map_keeps_its_labels(tools, scene, fixed, moving, result):
    labels = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    setVolume(labels, (7 * (slicer.util.arrayFromVolume(moving) > 60)).astype(np.int16), ijkToRAS(moving))
    colors = scene.AddNewNodeByClass("vtkMRMLColorTableNode", "atlas")
    labels.CreateDefaultDisplayNodes()
    labels.GetDisplayNode().SetAndObserveColorNodeID(colors.GetID())
    new = applyTo(labels, result, fixed)
    array = slicer.util.arrayFromVolume(new)
    assert new.IsA("vtkMRMLLabelMapVolumeNode")
    assert array.dtype == np.int16
    assert set(np.unique(array)) == {0, 7}
    assert np.mean(inner(array > 0) == inner(expected(tools, fixed) > 60)) > 0.95
    assert new.GetDisplayNode().GetColorNode() is colors


def test_segmentation_keeps_segments_and_layers(tools, scene, fixed, moving, result):
    picture, grid = slicer.util.arrayFromVolume(moving), volumeFromNode(moving).grid
    node = tools.addSegmentation("labels", grid, {"core": picture > 90, "rim": (picture > 50) & (picture <= 90)})
    node.GetSegmentation().CollapseBinaryLabelmaps(True)
    node.GetSegmentation().GetSegment("core").SetTag("DicomTag", "kept")
    new = applyTo(node, result, fixed)
    segmentation = new.GetSegmentation()
    assert segmentation.GetSegmentIDs() == node.GetSegmentation().GetSegmentIDs()
    assert segmentation.GetNumberOfLayers("Binary labelmap") == 1
    assert segmentation.GetSegment("core").GetColor() == (0, 0.5, 1)
    seen = expected(tools, fixed)
    volume = volumeFromNode(fixed)
    core, rim = (maskFromNode(new, volume, segmentID=name).array for name in ("core", "rim"))
    assert np.mean(inner(core) == inner(seen > 90)) > 0.95
    assert np.mean(inner(rim) == inner((seen > 50) & (seen <= 90))) > 0.93
    assert not (core & rim).any()
    assert new.GetDisplayNode() is not None


def test_segments_keep_their_order_whatever_layers_they_share(tools, fixed, moving, result):
    picture, grid = slicer.util.arrayFromVolume(moving), volumeFromNode(moving).grid
    arrays = {"whole": picture > 50, "core": picture > 90, "rim": (picture > 5) & (picture <= 50)}
    segmentation = tools.addSegmentation("labels", grid, arrays)
    segmentation.GetSegmentation().CollapseBinaryLabelmaps(False)
    assert segmentation.GetSegmentation().GetNumberOfLayers("Binary labelmap") == 2
    new = applyTo(segmentation, result, fixed)
    assert list(new.GetSegmentation().GetSegmentIDs()) == list(arrays)


def test_a_segmentation_is_edited_on_the_fixed_grid(tools, fixed, moving, result):
    array = slicer.util.arrayFromVolume(moving) > 90
    new = applyTo(tools.addSegmentation("labels", volumeFromNode(moving).grid, {"core": array}), result, fixed)
    converter, geometry = slicer.vtkSegmentationConverter, slicer.vtkOrientedImageData()
    text = new.GetSegmentation().GetConversionParameter(converter.GetReferenceImageGeometryParameterName())
    converter.DeserializeImageGeometry(text, geometry, False)
    assert geometry.GetDimensions() == fixed.GetImageData().GetDimensions()


def test_outputs_follow_the_fixed_parent(tools, fixed, moving, result):
    parent = tools.addLinear("room", tools.rotation(5, 2))
    fixed.SetAndObserveTransformNodeID(parent.GetID())
    setMap(result, tools.knownMap(volumeFromNode(fixed).grid))
    new = applyTo(moving, result, fixed)
    assert new.GetParentTransformNode() is parent
    difference = inner(slicer.util.arrayFromVolume(new) - expected(tools, fixed))
    assert np.abs(difference).mean() < 1.0


def test_a_volume_already_under_the_result(fixed, moving, result):
    before = slicer.util.arrayFromVolume(applyTo(moving, result, fixed)).copy()
    moving.SetAndObserveTransformNodeID(result.GetID())
    after = slicer.util.arrayFromVolume(applyTo(moving, result, fixed))
    np.testing.assert_allclose(after, before, atol=1e-4)


def test_the_moving_volumes_former_parent(tools, fixed, moving, result):
    """The result then leads to coordinates below that parent, also for nodes placed elsewhere."""
    before = slicer.util.arrayFromVolume(applyTo(moving, result, fixed)).copy()
    parent = tools.rotation(25, 1)
    parent[:3, 3] = (10, 20, 30)
    room = tools.addLinear("room", parent)
    moving.SetAndObserveTransformNodeID(room.GetID())
    result.SetAttribute(MOVING_TO_WORLD, movingToWorldText(parent))
    after = slicer.util.arrayFromVolume(applyTo(moving, result, fixed))
    np.testing.assert_allclose(after, before, atol=0.05)
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "points")
    points.SetAndObserveTransformNodeID(room.GetID())
    assert applyTo(points, result, fixed).GetParentTransformNode() is result


def test_markups_and_models_are_placed(tools, scene, fixed, result):
    start = np.array([4.0, -3.0, 6.0])
    there = tools.knownMotion(start)
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "points")
    points.AddControlPoint(there.tolist())
    model = scene.AddNewNodeByClass("vtkMRMLModelNode", "skull")
    sphere = vtk.vtkSphereSource()
    sphere.Update()
    model.SetAndObservePolyData(sphere.GetOutput())
    for node in (points, model):
        assert not canResample(node)
        assert applyTo(node, result, fixed) is node
        assert node.GetParentTransformNode() is result
    assert applyTo(points, result, fixed) is points, "twice does no harm"
    world = [0.0, 0.0, 0.0]
    points.GetNthControlPointPositionWorld(0, world)
    np.testing.assert_allclose(world, start, atol=0.05)


def test_segmentation_can_be_placed_too(tools, fixed, moving, result):
    grid = volumeFromNode(moving).grid
    node = tools.addSegmentation("labels", grid, {"all": np.ones(grid.shape)})
    count = slicer.mrmlScene.GetNumberOfNodes()
    assert applyTo(node, result, fixed, resample=False) is node
    assert slicer.mrmlScene.GetNumberOfNodes() == count


def test_heavy_work_goes_through_execute(fixed, moving, result):
    ran = []
    applyTo(moving, result, fixed, execute=lambda function: ran.append(1) or function())
    assert ran == [1]


def test_failure_leaves_the_scene(tools, scene, fixed, moving, result):
    before = tools.contents(scene)

    def stopped(function):
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        applyTo(moving, result, fixed, execute=stopped)
    assert tools.contents(scene) == before


def test_a_failure_while_it_is_written_leaves_the_scene_too(tools, scene, monkeypatch, fixed, moving, result):
    def full(*arguments):
        raise MemoryError("no room")

    before = tools.contents(scene)
    monkeypatch.setattr(apply, "setVolume", full)
    with pytest.raises(MemoryError):
        applyTo(moving, result, fixed)
    assert tools.contents(scene) == before


@pytest.mark.parametrize("gone", ["fixed", "moving", "result"])
def test_a_node_removed_meanwhile(scene, gone, fixed, moving, result):
    def removing(function):
        scene.RemoveNode({"fixed": fixed, "moving": moving, "result": result}[gone])
        return function()

    with pytest.raises(RegistrationError, match="not in the scene any more"):
        applyTo(moving, result, fixed, execute=removing)
    assert scene.GetFirstNodeByName("moving registered") is None


def test_bad_choices_are_refused(tools, scene, fixed, moving, result):
    def refused(message, node, transform=result, action=applyTo, **options):
        before = tools.contents(scene)
        with pytest.raises(RegistrationError, match=message):
            action(node, transform, *([fixed] if action is not placeUnder else []), **options)
        assert tools.contents(scene) == before

    refused("Nothing is selected", None)
    refused("not in the scene any more; register again", moving, None)
    refused("'result' is the transform of the registration itself", result)
    refused("'fixed' is the fixed volume", fixed)
    refused(
        "'table' is a Table node, which cannot be transformed", scene.AddNewNodeByClass("vtkMRMLTableNode", "table")
    )
    model = scene.AddNewNodeByClass("vtkMRMLModelNode", "skull")
    refused("'skull' is a Model node, which has no voxels", model, action=resampled)
    model.SetAndObserveTransformNodeID(tools.addLinear("shift", tools.rotation(9, 0)).GetID())
    refused("'skull' is not where the moving volume was.*[Hh]arden", model, action=placeUnder)
    above = tools.addLinear("above", np.eye(4))
    result.SetAndObserveTransformNodeID(above.GetID())
    refused("'above' is above the transform", above)
    moving.SetAndObserveTransformNodeID(tools.addNonlinear().GetID())
    refused("Node 'moving' is under the nonlinear transform 'bent'", moving)


def test_labels_follow_a_fixed_volume_that_was_moved_after_it_was_registered(tools, fixed, moving, result):
    result.SetAttribute(FIXED_GRID, gridText(volumeFromNode(fixed)))
    result.SetNodeReferenceID(result.GetFixedNodeReferenceRole(), fixed.GetID())
    before = slicer.util.arrayFromVolume(applyTo(moving, result, fixed)).copy()
    room = tools.addLinear("atlas space", tools.rotation(30, 1))
    fixed.SetAndObserveTransformNodeID(room.GetID())
    new = applyTo(moving, result, fixed)
    np.testing.assert_allclose(slicer.util.arrayFromVolume(new), before, atol=1e-4)
    assert new.GetParentTransformNode() is room
    fixed.HardenTransform()
    np.testing.assert_allclose(slicer.util.arrayFromVolume(applyTo(moving, result, fixed)), before, atol=1e-4)


def test_a_node_without_a_parent_is_not_told_to_harden(tools, scene, result):
    result.SetAttribute(MOVING_TO_WORLD, movingToWorldText(tools.rotation(10, 0)))
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "points")
    with pytest.raises(RegistrationError, match=r"not where the moving volume was, which lay under.*Resample it"):
        placeUnder(points, result)
