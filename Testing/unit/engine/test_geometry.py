import numpy as np
import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.geometry import Grid, Volume


def test_points_to_ras_and_back(affine):
    grid = Grid((5, 6, 7), affine)
    points = np.random.default_rng(1).uniform(0, 5, (10, 3))
    assert np.allclose(grid.to_ijk(grid.to_ras(points)), points)
    assert np.allclose(grid.to_ras([1, 2, 3]), (affine @ [1, 2, 3, 1])[:3])
    assert np.allclose(grid.corners().mean(axis=0), grid.center)


def test_spacing_and_directions(affine):
    grid = Grid((5, 6, 7), affine)
    assert np.allclose(grid.directions * grid.spacing, affine[:3, :3])
    assert np.allclose(np.linalg.norm(grid.directions, axis=0), 1)


GOOD = np.random.default_rng(0).random((4, 5, 6)).astype(np.float32)


def bad_volumes():
    nan, infinite = GOOD.copy(), GOOD.copy()
    nan[0, 0, 0], infinite[0, 0, 0] = np.nan, np.inf
    singular, flat = np.eye(4), np.eye(4)
    singular[:3, 1] = singular[:3, 0]
    flat[2, 2] = 0
    return {
        "one slice": (GOOD[:1], np.eye(4), "single slice or 2D"),
        "2D": (GOOD[0], np.eye(4), "single slice or 2D"),
        "three slices": (GOOD[:3], np.eye(4), "only 3 slices"),
        "4D": (np.stack([GOOD, GOOD]), np.eye(4), "extract one scalar 3D volume"),
        "NaN": (nan, np.eye(4), "1 NaN, infinite or huge"),
        "infinite": (infinite, np.eye(4), "1 NaN, infinite or huge"),
        "huge": (np.where(GOOD.max() == GOOD, -1e300, GOOD.astype(float)), np.eye(4), "1 NaN, infinite or huge"),
        "constant": (np.ones_like(GOOD), np.eye(4), "constant"),
        "singular": (GOOD, singular, "singular direction"),
        "zero spacing": (GOOD, flat, "zero spacing"),
        "no position": (GOOD, np.full((4, 4), np.nan), "IJK-to-RAS"),
        "complex": (GOOD.astype(complex), np.eye(4), "real scalar type"),
    }


@pytest.mark.parametrize("case", list(bad_volumes()))
def test_bad_volumes_are_named_with_a_remedy(case):
    array, affine, message = bad_volumes()[case]
    with pytest.raises(RegistrationError, match=message) as raised:
        Volume(array, affine, "MR head").check("Fixed volume")
    assert str(raised.value).startswith("Fixed volume 'MR head'")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64, bool])
def test_usual_types_pass(dtype):
    assert Volume((GOOD > 0.5).astype(dtype)).check("Fixed volume")
