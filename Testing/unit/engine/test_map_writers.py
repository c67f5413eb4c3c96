import numpy as np
import pytest
import torch

from FiReworkRegistrationLib.engine.fields import resize_field
from FiReworkRegistrationLib.engine.geometry import Grid
from FiReworkRegistrationLib.engine.map_writers import MapWriters, finer_than, taper
from FiReworkRegistrationLib.engine.maps import DisplacementMap


def test_taper_is_zero_on_every_face_and_leaves_the_inside():
    field = taper(torch.ones(1, 3, 16, 17, 18))
    assert not field[:, :, 0].any() and not field[:, :, :, -1].any() and not field[..., 0].any()
    assert (field[:, :, 5:-5, 5:-5, 5:-5] == 1).all()


@pytest.fixture
def grid():
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = 2.0 * turn, (5, -8, 3)
    return Grid((20, 18, 22), affine)


def written(writers, field):
    writer = writers.of(field)
    out = np.empty((*writer.lattice.shape, 3), dtype=np.float32)
    writer.write(field, out)
    return DisplacementMap(writer.lattice, out)


def test_the_same_field_on_a_finer_grid_is_the_same_map(grid):
    generator = torch.Generator().manual_seed(0)
    field = resize_field(torch.randn(1, 3, 4, 4, 4, generator=generator), grid.shape)
    linear = np.eye(4)
    linear[:3] += 0.05 * np.random.default_rng(1).normal(size=(3, 4))
    writers = MapWriters(grid, grid, linear)
    fine = resize_field(field, [2 * n - 1 for n in grid.shape])
    assert (finer_than(field, grid), finer_than(fine, grid)) == (1, 2)
    coarse_map, fine_map = written(writers, field), written(writers, fine)
    assert fine_map.grid.spacing == pytest.approx(coarse_map.grid.spacing / 2)
    # Where no factor of the taper is multiplied in, interpolation between both is the same.
    points = grid.to_ras(np.random.default_rng(2).uniform(5, 12, (50, 3)))
    assert np.abs(coarse_map.at(points) - fine_map.at(points)).max() < 1e-3
    corners = grid.corners()
    assert np.abs(fine_map.at(corners) - (corners @ linear[:3, :3].T + linear[:3, 3])).max() < 1e-3


def test_on_a_finer_grid_it_fades_over_as_many_mm(grid):
    writers, field = MapWriters(grid, grid, np.eye(4)), torch.ones(1, 3, *grid.shape)
    fine = written(writers, resize_field(field, [2 * n - 1 for n in grid.shape])).displacement
    np.testing.assert_allclose(fine[::2, ::2, ::2], written(writers, field).displacement, atol=1e-5)


def test_a_writer_is_made_once_for_a_grid(grid):
    writers, field = MapWriters(grid, grid, np.eye(4)), torch.zeros(1, 3, *grid.shape)
    assert writers.of(field) is writers.of(field + 1)
    assert writers.of(torch.zeros(1, 3, *(2 * n - 1 for n in grid.shape))) is not writers.of(field)
