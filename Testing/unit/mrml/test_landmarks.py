"""TRE of paired landmarks, before and after."""

import numpy as np
import pytest
import slicer

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.mrml.former_parent import MOVING_TO_WORLD, movingToWorldText
from FiReworkRegistrationLib.mrml.landmarks import readLandmarks, showLandmarks
from FiReworkRegistrationLib.mrml.tables import tableColumns
from FiReworkRegistrationLib.mrml.transforms import setMap
from FiReworkRegistrationLib.mrml.volumes import volumeFromNode

POINTS = np.array([(3.0, -4, 5), (8, 0, 1), (-6, 4, 9), (2, 10, -7)])


def addPoints(name, points, labels=None):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
    for index, point in enumerate(points):
        node.AddControlPoint(list(point), labels[index] if labels else f"{name}-{index + 1}")
    return node


@pytest.fixture
def pair(tools):
    return addPoints("F", POINTS), addPoints("M", tools.knownMotion(POINTS))


def test_before_and_after(tools, fixed, pair):
    landmarks = readLandmarks(*pair)
    before = landmarks.errors()
    np.testing.assert_allclose(before, np.linalg.norm(tools.knownMotion(POINTS) - POINTS, axis=1), atol=1e-9)
    after = landmarks.errors(tools.knownMap(volumeFromNode(fixed).grid))
    assert after.max() < 0.1 < before.min()
    assert landmarks.labels == ("F-1", "F-2", "F-3", "F-4")


def test_pairs_by_label_whatever_the_order(tools, pair):
    labels = ["AC", "PC", "left", "right"]
    turned = addPoints("T", tools.knownMotion(POINTS)[::-1], labels[::-1])
    landmarks = readLandmarks(addPoints("L", POINTS, labels), turned)
    np.testing.assert_allclose(landmarks.moving, tools.knownMotion(POINTS), atol=1e-9)


def test_equal_labels_pair_by_order():
    landmarks = readLandmarks(addPoints("A", POINTS, ["x"] * 4), addPoints("B", POINTS + 1, ["x"] * 4))
    np.testing.assert_allclose(landmarks.errors(), np.sqrt(3), atol=1e-9)


def test_points_not_yet_placed_do_not_count(pair):
    pair[0].AddControlPoint([0, 0, 0], "later")
    pair[0].UnsetNthControlPointPosition(4)
    assert len(readLandmarks(*pair).labels) == 4


def test_linear_parents_count(tools, pair):
    before = readLandmarks(*pair).errors()
    parent = tools.rotation(30, 0)
    for node in pair:
        node.SetAndObserveTransformNodeID(tools.addLinear("both", parent).GetID())
    landmarks = readLandmarks(*pair)
    np.testing.assert_allclose(landmarks.errors(), before, atol=1e-9)
    np.testing.assert_allclose(landmarks.fixed, POINTS @ parent[:3, :3].T, atol=1e-9)


def test_moving_landmarks_already_under_the_result(scene, tools, fixed, pair):
    result = scene.AddNewNodeByClass("vtkMRMLTransformNode", "result")
    setMap(result, tools.knownMap(volumeFromNode(fixed).grid))
    free = readLandmarks(*pair).moving
    pair[1].SetAndObserveTransformNodeID(result.GetID())
    np.testing.assert_allclose(readLandmarks(*pair, resultTransform=result).moving, free)
    shift = np.eye(4)
    shift[:3, 3] = 5
    result.SetAttribute(MOVING_TO_WORLD, movingToWorldText(shift))
    placed = readLandmarks(*pair, resultTransform=result)
    np.testing.assert_allclose(placed.moving, free + 5)


def test_table(scene):
    errors = np.array([3.0, 4.0])
    table = showLandmarks(scene, ("AC", "PC"), {"Before": errors, "After": errors / 10}, "M to F")
    assert tableColumns(table) == {
        "Landmark": ["Mean", "AC", "PC"], "Before": [3.5, 3.0, 4.0], "After": [0.35, 0.3, 0.4],
    }  # fmt: skip
    assert table.GetColumnUnitLabel("After") == "mm"
    assert showLandmarks(scene, ("AC", "PC"), {"After": errors}, table=table) is table


def test_a_table_that_was_removed_is_made_anew(scene):
    columns = {"After": np.array([3.0, 4.0])}
    table = showLandmarks(scene, ("AC", "PC"), columns)
    scene.RemoveNode(table)
    again = showLandmarks(scene, ("AC", "PC"), columns, table=table)
    assert again is not table and again.GetScene() is scene


def test_unusable_nodes_are_refused(scene, tools, pair, fixed):
    def refused(first, second, message):
        with pytest.raises(RegistrationError, match=message):
            readLandmarks(first, second)

    refused(None, pair[1], "Fixed landmarks are missing")
    refused(pair[0], pair[0], "the same node 'F'")
    refused(pair[0], fixed, "Moving landmarks 'fixed' is a Volume node; select a point list")
    refused(pair[0], addPoints("E", []), "Moving landmarks 'E' have no points")
    refused(pair[0], addPoints("three", POINTS[:3]), "'F' has 4 points and 'three' 3; place")
    pair[1].SetAndObserveTransformNodeID(tools.addNonlinear().GetID())
    refused(*pair, "Moving landmarks 'M' is under the nonlinear transform 'bent'")


UP = np.array([0, 0, 2])


def skip(node, index):
    node.UnsetNthControlPointPosition(index)


@pytest.mark.parametrize("labels", [["AC", "PC", "left", "right"], None])
def test_a_point_that_one_list_lacks_leaves_the_others_at_their_partners(labels):
    fixed, moving = addPoints("L", POINTS, labels), addPoints("M", POINTS + UP, labels)
    skip(fixed, 1)
    skip(moving, 2)
    landmarks = readLandmarks(fixed, moving)
    np.testing.assert_allclose(landmarks.errors(), 2, atol=1e-9)
    assert landmarks.labels == (("AC", "right") if labels else ("L-1", "L-4"))
    assert landmarks.alone == (("PC", "left") if labels else ("L-2", "L-3"))


def test_labels_are_compared_as_names_of_structures_are():
    fixed = addPoints("A", POINTS, ["Culmen", "AC ", "left", "right"])
    moving = addPoints("B", POINTS[::-1] + UP, ["Right", "LEFT", "ac", "culmen"])
    np.testing.assert_allclose(readLandmarks(fixed, moving).errors(), 2, atol=1e-9)


def test_lists_without_a_point_in_common():
    fixed, moving = addPoints("A", POINTS[:2]), addPoints("B", POINTS[:2])
    skip(fixed, 0)
    skip(moving, 1)
    moving.AddControlPoint([0, 0, 0])
    skip(moving, 0)
    with pytest.raises(RegistrationError, match=r"do not pair up|No landmark is placed in both"):
        readLandmarks(fixed, moving)
