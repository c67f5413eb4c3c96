"""Results read from a scene file work as they did when they were saved."""

import numpy as np
import pytest
import slicer

from FiReworkRegistrationLib.mrml.loaded import restoreLinear
from FiReworkRegistrationLib.mrml.volumes import volumeFromNode


@pytest.fixture
def result(result):
    result.SetAttribute("FiRework.iterations", "3")
    return result


def mapped(node, points):
    return np.array([node.GetTransformFromParent().TransformPoint(point) for point in points])


def test_a_loaded_field_is_linear_again(tools, fixed, result, tmp_path):
    # Halfway between its points a rough field tells the two ways of interpolation apart.
    slicer.util.arrayFromGridTransform(result)[::2] += 3
    points = tools.randomInside(volumeFromNode(fixed).grid)
    before = mapped(result, points)
    scene = tools.savedAndLoaded(result, tmp_path / "result.h5")
    node = scene.GetFirstNodeByName("result")
    assert np.abs(mapped(node, points) - before).max() > 0.1, "Slicer reads it as cubic"
    assert restoreLinear(scene) == [node]
    np.testing.assert_allclose(mapped(node, points), before, atol=1e-4)


def test_once_is_enough_and_others_are_left_alone(tools, scene, result):
    tools.addNonlinear("other").GetTransformFromParent().SetInterpolationModeToCubic()
    tools.addLinear("linear", np.eye(4))
    changed = result.GetMTime()
    assert restoreLinear(scene) == [result]
    assert result.GetMTime() == changed
    assert scene.GetFirstNodeByName("other").GetTransformFromParent().GetInterpolationMode() == 2


def test_a_hardened_result_is_no_single_field(tools, scene, result):
    linear = tools.addLinear("linear", tools.rotation(5, 0))
    result.SetAndObserveTransformNodeID(linear.GetID())
    result.HardenTransform()
    assert restoreLinear(scene) == [result]
