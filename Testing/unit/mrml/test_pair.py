"""What a registration reads from the scene."""

import numpy as np
import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.mrml.pair import readPair
from FiReworkRegistrationLib.mrml.transforms import setMap


@pytest.fixture
def nodes(tools):
    return tools.addVolume("fixed", tools.GEOMETRIES["oblique"]), tools.addVolume("moving", tools.GEOMETRIES["upright"])


def test_volumes_and_parents(tools, nodes):
    fixed, moving = nodes
    parent = tools.addLinear("tilt", tools.rotation(20, 0))
    fixed.SetAndObserveTransformNodeID(parent.GetID())
    pair = readPair(fixed, moving)
    np.testing.assert_allclose(pair.fixed.affine, tools.rotation(20, 0) @ tools.GEOMETRIES["oblique"], atol=1e-9)
    np.testing.assert_allclose(pair.fixedMatrix, tools.GEOMETRIES["oblique"], atol=1e-9)
    np.testing.assert_allclose(pair.movingToWorld, np.eye(4))
    assert pair.fixedParentID == parent.GetID()
    assert (pair.fixedMask, pair.movingMask, pair.initial) == (None, None, None)


def test_masks_lie_on_the_grids_of_their_volumes(nodes):
    fixed, moving = nodes
    pair = readPair(fixed, moving, fixedMask=fixed, movingMask=fixed)
    np.testing.assert_array_equal(pair.fixedMask.affine, pair.fixed.affine)
    np.testing.assert_array_equal(pair.movingMask.affine, pair.moving.affine)
    assert pair.movingMask.array.dtype == bool


def test_moving_volume_left_under_the_former_result(tools, nodes):
    fixed, moving = nodes
    result = tools.addNonlinear("result")
    moving.SetAndObserveTransformNodeID(result.GetID())
    pair = readPair(fixed, moving, replacedTransform=result)
    np.testing.assert_allclose(pair.moving.affine, tools.GEOMETRIES["upright"], atol=1e-9)
    with pytest.raises(RegistrationError, match="Moving volume 'moving' is under the nonlinear transform 'result'"):
        readPair(fixed, moving)


def test_fixed_volume_under_the_former_result_is_refused(tools, nodes):
    fixed, moving = nodes
    result = tools.addNonlinear("result")
    fixed.SetAndObserveTransformNodeID(result.GetID())
    with pytest.raises(RegistrationError, match="Fixed volume 'fixed' is under the nonlinear"):
        readPair(fixed, moving, replacedTransform=result)


def test_initial_transform(tools, nodes):
    start = tools.addLinear("start", tools.rotation(8, 1))
    pair = readPair(*nodes, initialTransform=start)
    np.testing.assert_allclose(pair.initial, np.linalg.inv(tools.rotation(8, 1)), atol=1e-12)


def test_same_or_missing_nodes_are_refused(nodes):
    fixed, moving = nodes
    with pytest.raises(RegistrationError, match="the same node 'fixed'; select two"):
        readPair(fixed, fixed)
    with pytest.raises(RegistrationError, match="Fixed volume is missing"):
        readPair(None, moving)
    with pytest.raises(RegistrationError, match="Moving volume is missing"):
        readPair(fixed, None)


def test_reading_adds_no_nodes(tools, scene, nodes):
    setMap(tools.addNonlinear("other"), tools.knownMap(readPair(*nodes).fixed.grid))
    before = tools.contents(scene)
    readPair(*nodes, fixedMask=nodes[0], movingMask=nodes[1])
    assert tools.contents(scene) == before
