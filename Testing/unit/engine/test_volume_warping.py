import numpy as np
import pytest

from FiReworkRegistrationLib.engine import volume_warping
from FiReworkRegistrationLib.engine.geometry import Grid, Volume
from FiReworkRegistrationLib.engine.maps import DisplacementMap
from FiReworkRegistrationLib.engine.volume_warping import warp_volume

SHIFT = np.array([4.0, -4.0, 2.0])


@pytest.fixture
def moving(ball, affine):
    shift = np.eye(4)
    shift[:3, 3] = SHIFT
    return Volume(ball.array, shift @ affine, "moving")


@pytest.fixture
def fixed(ball, affine):
    return Volume(ball.array, affine, "fixed")


@pytest.fixture
def shifted(fixed):
    """Everything moves by ``SHIFT``, on a lattice of its own that is coarser than the volumes."""
    matrix = np.diag([20.0, 20.0, 20.0, 1.0])
    matrix[:3, 3] = fixed.grid.center - 60
    grid = Grid((7, 7, 7), matrix)
    return DisplacementMap(grid, np.broadcast_to(SHIFT, (7, 7, 7, 3)).astype(np.float32).copy())


def test_a_volume_is_seen_through_the_map(fixed, moving, shifted):
    warped = warp_volume(moving, shifted, fixed)
    assert np.allclose(warped.array, fixed.array, atol=1e-4) and np.array_equal(warped.affine, fixed.affine)
    assert warped.array.dtype == np.float32 and "moving" in warped.name


def test_warping_in_parts_equals_warping_at_once(fixed, moving, shifted, monkeypatch):
    shifted.displacement[3, 3, 3] += 5.0
    at_once = warp_volume(moving, shifted, fixed).array
    monkeypatch.setattr(volume_warping, "WARPED_AT_ONCE", 5000)
    assert np.allclose(warp_volume(moving, shifted, fixed).array, at_once, atol=1e-4)


def test_labels_are_warped_without_new_values(fixed, moving, shifted):
    labels = Volume((moving.array > 0.4).astype(np.int16) * 1024, moving.affine, "labels")
    warped = warp_volume(labels, shifted, fixed, "nearest")
    assert warped.array.dtype == np.int16 and set(np.unique(warped.array)) == {0, 1024}
