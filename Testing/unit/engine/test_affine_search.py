import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from test_affine import moved, shape  # noqa: F401

from FiReworkRegistrationLib.engine.affine_search import rigid_matrix, rotation_vectors, search_start
from FiReworkRegistrationLib.engine.errors import Cancelled
from FiReworkRegistrationLib.engine.geometry import linear_map


def test_rotations_begin_with_none_and_stay_in_the_ball():
    vectors = rotation_vectors()
    lengths = np.linalg.norm(vectors, axis=1)
    assert lengths[0] == 0 and lengths.max() <= 45 and (np.diff(lengths) >= 0).all()
    assert len(np.unique(vectors, axis=0)) == len(vectors)


def test_a_pose_turns_about_the_center_and_shifts():
    matrix = rigid_matrix(np.array([0, 0, 90.0, 1, 2, 3]), np.array([10.0, 0, 0]), np.array([0, 5.0, 0]))
    assert linear_map(matrix, np.array([[10.0, 0, 0], [11.0, 0, 0]])) == pytest.approx(
        np.array([[1, 7, 3], [1, 8, 3]]), abs=1e-9
    )


def test_a_turned_object_is_found(shape):  # noqa: F811
    truth = np.eye(4)
    center = shape.grid.center
    truth[:3, :3] = Rotation.from_euler("xyz", (25, -20, 15), degrees=True).as_matrix()
    truth[:3, 3] = center - truth[:3, :3] @ center
    other = moved(shape, truth)
    found = search_start(shape, other, center, center)
    points = shape.grid.to_ras(np.argwhere(shape.array > 0)[::50, ::-1])
    error = lambda matrix: np.linalg.norm(linear_map(matrix, points) - linear_map(truth, points), axis=1).mean()  # noqa: E731
    assert error(found) < 0.4 * error(np.eye(4)) and error(found) < 8


def test_it_can_be_cancelled(shape):  # noqa: F811
    with pytest.raises(Cancelled):
        search_start(shape, shape, shape.grid.center, shape.grid.center, cancelled=lambda: True)


@pytest.mark.parametrize("turn", [(180, 0, 0), (0, 180, 0), (0, 0, -90)])
def test_a_header_that_turns_the_head_over_is_found(shape, turn):  # noqa: F811
    truth = np.eye(4)
    center = shape.grid.center
    truth[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    truth[:3, 3] = center - truth[:3, :3] @ center
    found = search_start(shape, moved(shape, truth), center, center)
    angle = Rotation.from_matrix(found[:3, :3] @ truth[:3, :3].T).magnitude()
    assert np.rad2deg(angle) < 10
