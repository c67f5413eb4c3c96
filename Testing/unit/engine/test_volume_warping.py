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


def test_beyond_its_lattice_a_map_goes_on_as_at_the_border():
    """As in VTK."""
    array = np.random.default_rng(0).random((8, 8, 8)).astype(np.float32)
    small = DisplacementMap(Grid((3, 3, 3), np.eye(4)), np.full((3, 3, 3, 3), (2, 0, 0), np.float32))
    warped = warp_volume(Volume(array), small, Volume(array)).array
    assert np.allclose(warped[..., :6], array[..., 2:], atol=1e-5)


def test_labels_are_warped_without_new_values(fixed, moving, shifted):
    labels = Volume((moving.array > 0.4).astype(np.int16) * 1024, moving.affine, "labels")
    warped = warp_volume(labels, shifted, fixed, "nearest")
    assert warped.array.dtype == np.int16 and set(np.unique(warped.array)) == {0, 1024}


@pytest.mark.parametrize("lowest, outside", [(-1000.0, -1000.0), (-3.4e38, 0.0)])
def test_outside_comes_the_lowest_value_if_it_is_one(fixed, moving, shifted, lowest, outside):
    """A mark for nothing measured is no gray value, and would swallow the others."""
    array = moving.array.astype(np.float32) * 100 - 500
    array[0] = lowest
    far = np.eye(4)
    far[0, 3] = 500
    warped = warp_volume(Volume(array, moving.affine, "moving"), shifted, fixed).array
    center = tuple(size // 2 for size in warped.shape)
    assert warped[center] == pytest.approx(fixed.array[center] * 100 - 500, abs=1e-2)
    away = warp_volume(Volume(array, far @ moving.affine, "moving"), shifted, fixed).array
    assert (away == outside).all()


def test_labels_of_nine_digits_stay_themselves():
    """A float32 does not hold 614454277."""
    labels = np.zeros((4, 4, 4), np.int32)
    labels[1:3] = 614454277
    labels[2, 2, 2] = 5
    volume = Volume(labels)
    still = DisplacementMap(volume.grid, np.zeros((4, 4, 4, 3), np.float32))
    assert np.array_equal(warp_volume(volume, still, volume, "nearest").array, labels)


def test_an_outlier_is_not_what_air_has():
    array = np.full((20, 20, 20), 10, np.int16)
    array[3, 3, 3] = -3000
    volume = Volume(array)
    aside = DisplacementMap(volume.grid, np.full((20, 20, 20, 3), 100, np.float32))
    assert (warp_volume(volume, aside, volume).array == 10).all()
