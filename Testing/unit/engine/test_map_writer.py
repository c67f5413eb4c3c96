import numpy as np
import pytest
import torch

from FiReworkRegistrationLib.engine.geometry import Grid, Volume, linear_map
from FiReworkRegistrationLib.engine.map_writer import MapWriter
from FiReworkRegistrationLib.engine.map_writers import taper, taper_weights
from FiReworkRegistrationLib.engine.maps import map_lattice
from FiReworkRegistrationLib.engine.registration import Registration

LINEAR = np.array([[1.02, 0.05, 0, 3], [-0.04, 0.97, 0.03, -2], [0.01, 0, 1.01, 5], [0, 0, 0, 1.0]])


def points_of(grid):
    k, j, i = np.meshgrid(*(np.arange(size) for size in grid.shape), indexing="ij")
    return grid.to_ras(np.stack([i, j, k], -1))


def test_writes_the_deformation_then_the_linear_part(affine, field):
    grid = Grid(tuple(field.shape[2:]), affine)
    lattice = map_lattice(grid, grid, margin=7.0)
    out = np.full((*lattice.shape, 3), np.nan, dtype=np.float32)
    MapWriter(lattice, grid, LINEAR).write(field, out)
    before = np.rint(lattice.to_ijk(affine[:3, 3])).astype(int)[::-1]
    deformation = np.zeros((*lattice.shape, 3))
    inside = tuple(slice(start, start + size) for start, size in zip(before, grid.shape, strict=True))
    deformation[inside] = field[0].flip(0).permute(1, 2, 3, 0).numpy() @ affine[:3, :3].T
    points = points_of(lattice)
    assert np.abs(out - (linear_map(LINEAR, points + deformation) - points)).max() < 1e-4


def test_a_second_field_leaves_nothing_of_the_first(affine, field):
    grid = Grid(tuple(field.shape[2:]), affine)
    writer = MapWriter(grid, grid, LINEAR)
    out, fresh = (np.empty((*grid.shape, 3), dtype=np.float32) for _ in range(2))
    writer.write(field, out)
    writer.write(0.5 * field, out)
    MapWriter(grid, grid, LINEAR).write(0.5 * field, fresh)
    assert np.array_equal(out, fresh)


def test_weights_are_those_of_the_taper(affine, field):
    rough = field + 1.0
    grid = Grid(tuple(field.shape[2:]), affine)
    out, expected = (np.empty((*grid.shape, 3), dtype=np.float32) for _ in range(2))
    MapWriter(grid, grid, LINEAR, taper_weights(grid.shape)).write(rough, out)
    MapWriter(grid, grid, LINEAR).write(taper(rough), expected)
    assert np.array_equal(out, expected)


def test_the_registration_writes_what_its_map_holds(ball, affine, tiny_model):
    pair = Volume(ball.array, affine, "fixed"), Volume(ball.array, affine, "moving")
    registration = Registration(*pair, model="tiny", device="cpu", affine="none")
    list(registration.refine(2))
    after = np.linalg.inv(LINEAR)
    writer = registration.map_writers(after).of(registration.iterations[1].field)
    dmap = registration.map(1)
    out = np.empty(dmap.displacement.shape, dtype=np.float32)
    writer.write(registration.iterations[1].field, out)
    points = points_of(dmap.grid)
    assert np.abs(out - (linear_map(after, points + dmap.displacement) - points)).max() < 1e-4
    assert registration.stored_error(1) == 0
    assert registration.stored_bytes == 2 * registration.iterations[1].field.numel() * 4


def test_largest_displacement_is_inside_the_mask(ball, tiny_model):
    registration = Registration(
        ball, Volume(ball.array, ball.affine, "moving"), model="tiny", device="cpu", affine="none"
    )
    for iteration in registration.refine(2):
        inside = registration.mask[0, 0] > 0
        assert iteration.largest == pytest.approx(torch.linalg.norm(iteration.field[0], dim=0)[inside].max().item())
    assert registration.iterations[0].largest == 0
