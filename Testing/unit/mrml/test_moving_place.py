import numpy as np
import pytest

from FiReworkRegistrationLib.mrml.moving_place import FORMER_ROLE, PLACED_ROLE, MovingPlace, takeBackLoaded


@pytest.fixture
def moving(tools):
    """Under a transform of the user's."""
    node = tools.addVolume("moving", np.eye(4))
    node.SetAndObserveTransformNodeID(tools.addLinear("own", np.eye(4)).GetID())
    return node


def parent(node):
    found = node.GetParentTransformNode()
    return found.GetName() if found is not None else None


def references(result):
    return [result.GetNodeReference(role) for role in (PLACED_ROLE, FORMER_ROLE)]


def test_under_the_result_and_back(moving, result):
    place = MovingPlace(moving)
    assert place.put(result) and parent(moving) == "result" and references(result)[0] is moving
    assert not place.put(result)
    place.takeBack()
    assert parent(moving) == "own" and references(result) == [None, None]


def test_what_the_user_does_stays(moving, result, tools):
    place = MovingPlace(moving)
    place.put(result)
    place.leave()
    place.takeBack()
    assert parent(moving) == "result" and references(result) == [None, None]
    moving.SetAndObserveTransformNodeID(None)
    place.put(result)
    other = tools.addLinear("other", np.eye(4))
    moving.SetAndObserveTransformNodeID(other.GetID())
    place.takeBack()
    assert parent(moving) == "other"


def test_taken_out_by_the_user_it_stays_out(moving, result):
    place = MovingPlace(moving)
    place.put(result)
    moving.SetAndObserveTransformNodeID(None)
    place.takeBack()
    assert parent(moving) is None


def test_a_removed_result_takes_no_parent_along(scene, moving, result):
    place = MovingPlace(moving)
    place.put(result)
    scene.RemoveNode(result)
    assert parent(moving) is None, "MRML takes the reference away"
    place.takeBack()
    assert parent(moving) == "own"


def test_a_scene_that_was_saved_meanwhile_has_it_back(scene, moving, result):
    """As of a session that ended with the scene that was saved: nobody here holds the volume."""
    place = MovingPlace(moving)
    place.put(result)
    takeBackLoaded(scene)
    assert parent(moving) == "result", "of a session that is alive"
    del place
    takeBackLoaded(scene)
    assert parent(moving) == "own" and references(result) == [None, None]
    moving.SetAndObserveTransformNodeID(result.GetID())
    takeBackLoaded(scene)
    assert parent(moving) == "result"


def test_a_parent_that_is_gone_does_not_come_back(scene, moving, result, tools):
    place = MovingPlace(moving)
    place.put(result)
    scene.RemoveNode(scene.GetFirstNodeByName("own"))
    place.takeBack()
    tools.addLinear("another", np.eye(4))
    assert moving.GetTransformNodeID() is None
