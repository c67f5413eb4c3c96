"""Dice per structure from segmentations and label maps, wherever they lie in the scene."""

import numpy as np
import pytest
import slicer
import vtk

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.mrml.former_parent import MOVING_TO_WORLD, movingToWorldText
from FiReworkRegistrationLib.mrml.overlap import readOverlap, showOverlap
from FiReworkRegistrationLib.mrml.tables import tableColumns
from FiReworkRegistrationLib.mrml.transforms import mapFromTransformNode
from FiReworkRegistrationLib.mrml.volumes import setVolume, volumeFromNode

CENTERS = {"left": (-8, 0, 0), "right": (9, 3, 2)}


def balls(grid, motion=lambda points: points, radius=7.0):
    """Name to bool array: balls of the fixed world, or where a motion takes them."""
    k, j, i = np.meshgrid(*(np.arange(size) for size in grid.shape), indexing="ij")
    points = grid.to_ras(np.stack([i, j, k], -1))
    return {name: np.linalg.norm(points - motion(np.array(c)), axis=-1) < radius for name, c in CENTERS.items()}


def addLabels(name, grid, arrays, colors=None):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", name)
    values = (3, 7)
    setVolume(node, sum(v * a.astype(np.int16) for v, a in zip(values, arrays.values(), strict=True)), grid.affine)
    if colors:
        table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode", f"{name} colors")
        table.SetTypeToUser()
        table.SetNumberOfColors(8)
        for value, color in zip(values, colors, strict=True):
            table.SetColor(value, color, 1, 0, 0, 1)
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetAndObserveColorNodeID(table.GetID())
    return node


@pytest.fixture
def grids(fixed, moving):
    return volumeFromNode(fixed).grid, volumeFromNode(moving).grid


@pytest.fixture
def result(tools, grids):
    """The transform node of a registration that found the known motion."""
    return tools.addResult(grids[0])


def moved(tools, grid):
    """Balls deformed by the known motion, approximately: it is nearly rigid over 7 mm."""
    return balls(grid, tools.knownMotion)


def test_before_and_after_of_segmentations(tools, fixed, grids, result):
    overlap = readOverlap(
        tools.addSegmentation("A", grids[0], balls(grids[0])),
        tools.addSegmentation("B", grids[1], moved(tools, grids[1])),
        fixed,
    )
    before, after = overlap.dice(), overlap.dice(mapFromTransformNode(result))
    assert list(after) == ["left", "right"]
    assert all(after[name] > 0.85 > before[name] for name in after), (before, after)


def test_segments_that_share_a_layer(tools, fixed, grids):
    both = [tools.addSegmentation(name, grids[0], balls(grids[0])) for name in "AB"]
    both[1].GetSegmentation().CollapseBinaryLabelmaps(True)
    assert both[1].GetSegmentation().GetNumberOfLayers("Binary labelmap") == 1
    assert readOverlap(*both, fixed).dice() == {"left": 1.0, "right": 1.0}


def test_a_moving_node_already_under_the_result(tools, fixed, grids, result):
    nodes = (
        tools.addSegmentation("A", grids[0], balls(grids[0])),
        tools.addSegmentation("B", grids[1], moved(tools, grids[1])),
    )
    free = readOverlap(*nodes, fixed).dice()
    nodes[1].SetAndObserveTransformNodeID(result.GetID())
    assert readOverlap(*nodes, fixed, resultTransform=result).dice() == free
    with pytest.raises(RegistrationError, match="Moving segmentation 'B' is under the nonlinear transform 'result'"):
        readOverlap(*nodes, fixed)
    parent = np.eye(4)
    parent[:3, 3] = (0, 0, 100)
    result.SetAttribute(MOVING_TO_WORLD, movingToWorldText(parent))
    away = readOverlap(*nodes, fixed, resultTransform=result).dice()
    assert away == {"left": 0.0, "right": 0.0}


def test_a_label_map_under_the_result_lies_where_the_moving_volume_was(tools, fixed, grids, result):
    parent = tools.rotation(25, 1)
    parent[:3, 3] = (1, 2, 3)
    labels = [addLabels(name, grids[0], balls(grids[0]), ("Left", "Right")) for name in ("A", "B")]
    labels[1].SetAndObserveTransformNodeID(tools.addLinear("room", parent).GetID())
    before = readOverlap(*labels, fixed, resultTransform=result).dice()
    result.SetAttribute(MOVING_TO_WORLD, movingToWorldText(parent))
    labels[1].SetAndObserveTransformNodeID(result.GetID())
    assert readOverlap(*labels, fixed, resultTransform=result).dice() == before


def test_segmentation_against_label_map(tools, fixed, grids):
    labels = addLabels("B", grids[0], balls(grids[0]), ("Left", "Right"))
    assert readOverlap(tools.addSegmentation("A", grids[0], balls(grids[0])), labels, fixed).dice() == {
        "left": 1,
        "right": 1,
    }


def test_label_maps_match_by_value(fixed, grids):
    named = addLabels("A", grids[0], balls(grids[0]), ("left", "right"))
    other = addLabels("B", grids[0], balls(grids[0]), ("links", "rechts"))
    bare = addLabels("C", grids[0], balls(grids[0]))
    assert readOverlap(named, other, fixed).dice() == {"left": 1.0, "right": 1.0}
    assert readOverlap(bare, named, fixed).dice() == {"label 3": 1.0, "label 7": 1.0}
    # A number that only the moving one has, called in its table as another number of the fixed one.
    array = slicer.util.arrayFromVolume(named)
    array[array == 3] = 0
    overlap = readOverlap(named, addLabels("D", grids[0], balls(grids[0]), ("right", "rechts")), fixed)
    assert overlap.dice() == {"right": 1.0} and overlap.alone == ["label 3"]


def test_label_map_under_a_linear_transform(tools, fixed, grids):
    parent = tools.rotation(10, 2)
    place = np.linalg.inv(parent) @ grids[0].affine
    from FiReworkRegistrationLib.engine.geometry import Grid

    labels = addLabels("B", Grid(grids[0].shape, place), balls(grids[0]), ("left", "right"))
    labels.SetAndObserveTransformNodeID(tools.addLinear("turned", parent).GetID())
    assert readOverlap(tools.addSegmentation("A", grids[0], balls(grids[0])), labels, fixed).dice() == {
        "left": 1,
        "right": 1,
    }


def test_surfaces_are_converted(tools, fixed, grids):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "surface")
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    for name, center in CENTERS.items():
        sphere = vtk.vtkSphereSource()
        sphere.SetCenter(center)
        sphere.SetRadius(7)
        sphere.SetThetaResolution(30)
        sphere.SetPhiResolution(30)
        sphere.Update()
        node.AddSegmentFromClosedSurfaceRepresentation(sphere.GetOutput(), name, [1, 0, 0], name)
    dice = readOverlap(tools.addSegmentation("A", grids[0], balls(grids[0])), node, fixed).dice()
    assert all(value > 0.85 for value in dice.values()), dice


def test_an_empty_segment(tools, fixed, grids):
    node = tools.addSegmentation("A", grids[0], balls(grids[0]))
    node.GetSegmentation().AddEmptySegment("tumor", "tumor")
    dice = readOverlap(node, node_copy(node), fixed).dice()
    assert dice["left"] == 1.0
    assert np.isnan(dice["tumor"])


def node_copy(node):
    copy = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "copy")
    copy.GetSegmentation().DeepCopy(node.GetSegmentation())
    return copy


def test_table_of_all_columns(scene, fixed, grids):
    dice = {"left": 0.5, "right": float("nan")}
    table = showOverlap(scene, {"Before": dice, "After": {"left": 0.9, "right": 0.7}}, "B to A")
    columns = tableColumns(table)
    assert table.GetName() == "B to A Dice"
    assert columns["Structure"] == ["Mean", "left", "right"]
    assert columns["Before"][:2] == [0.5, 0.5]
    assert columns["After"] == [0.8, 0.9, 0.7]
    assert showOverlap(scene, {"After": dice}, table=table) is table
    assert list(tableColumns(table)) == ["Structure", "After"]


def test_nodes_do_not_change(tools, scene, fixed, grids):
    nodes = (
        tools.addSegmentation("A", grids[0], balls(grids[0])),
        addLabels("B", grids[0], balls(grids[0]), ("left", "right")),
    )
    before = scene.GetNumberOfNodes(), [node.GetMTime() for node in nodes]
    readOverlap(*nodes, fixed).dice()
    assert (scene.GetNumberOfNodes(), [node.GetMTime() for node in nodes]) == before


def test_unusable_nodes_are_refused(tools, scene, fixed, grids):
    good = tools.addSegmentation("A", grids[0], balls(grids[0]))

    def refused(first, second, message):
        with pytest.raises(RegistrationError, match=message):
            readOverlap(first, second, fixed)

    refused(None, good, "Fixed segmentation is missing; select")
    refused(good, good, "are the same node 'A'")
    refused(good, scene.AddNewNodeByClass("vtkMRMLModelNode", "skull"), "Moving segmentation 'skull' is a Model node")
    refused(good, scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "none"), "'none' has no segments")
    image = volumeFromNode(fixed)
    refused(good, fixed, "'fixed' holds values that are not whole numbers")
    empty = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "nothing")
    setVolume(empty, np.zeros(image.array.shape, dtype=np.uint8), image.affine)
    refused(good, empty, "Moving segmentation 'nothing' is empty")
