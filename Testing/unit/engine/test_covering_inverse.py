import numpy as np
import pytest

from FiReworkRegistrationLib.engine import covering_inverse
from FiReworkRegistrationLib.engine.geometry import Grid, Volume
from FiReworkRegistrationLib.engine.maps import map_of
from FiReworkRegistrationLib.engine.working_grid import working_grid

MATRIX = np.array([[1.03, 0.07, 0.0, 1.5], [-0.07, 0.98, 0.0, -2.0], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]])


@pytest.fixture
def moving(affine):
    return Volume(np.zeros((18, 16, 20), np.float32), affine, "moving")


@pytest.fixture
def forward(field, moving):
    """A map whose lattice of 2 mm lies around the moving volume."""
    lattice = working_grid(moving, np.ones(moving.array.shape, bool), 2.0, multiple=1, margin=2.0)
    grid = Grid((20, 24, 28), lattice.affine)
    return map_of(grid, field, MATRIX, lattice)


def test_it_covers_the_moving_volume_and_undoes_the_map(forward, moving):
    inverse, residual = covering_inverse.covering_inverse(forward, moving)
    corners = inverse.grid.to_ijk(moving.grid.corners())
    assert (corners >= 0).all() and (corners <= np.array(inverse.grid.shape[::-1]) - 1).all()
    # Linear between the points of a lattice, where the exact inverse is not: so it is finer than the map's own.
    assert np.allclose(inverse.grid.spacing, 1.0)
    assert residual < 0.1
    ijk = np.random.default_rng(1).random((200, 3)) * (np.array(moving.array.shape[::-1]) - 1)
    points = moving.grid.to_ras(ijk)
    assert np.percentile(np.linalg.norm(forward.at(inverse.at(points)) - points, axis=1), 95) < 0.1


def test_a_lattice_of_too_many_voxels_is_coarsened(forward, moving, monkeypatch):
    monkeypatch.setattr(covering_inverse, "MOST_VOXELS", 1000)
    inverse, _ = covering_inverse.covering_inverse(forward, moving)
    assert np.prod(inverse.grid.shape) < 3000
