import numpy as np
import pytest
import torch

from FiReworkRegistrationLib.engine.geometry import Grid
from FiReworkRegistrationLib.engine.maps import DisplacementMap, map_of


def similarity_matrix():
    from scipy.spatial.transform import Rotation

    matrix = np.eye(4)
    matrix[:3, :3] = 1.05 * Rotation.from_euler("xyz", (8, -5, 12), degrees=True).as_matrix()
    matrix[:3, 3] = (4.0, -7.0, 2.0)
    return matrix


@pytest.fixture
def grid(affine):
    return Grid((20, 24, 28), affine)


def inner_points(grid, count=50):
    size = np.array(grid.shape[::-1])
    return grid.to_ras(np.random.default_rng(0).uniform(3, size - 4, (count, 3)))


def test_affine_alone_is_exact_on_the_lattice(grid):
    matrix = similarity_matrix()
    dmap = map_of(grid, torch.zeros(1, 3, *grid.shape), matrix, grid)
    points = inner_points(grid)
    assert np.allclose(dmap.at(points), points @ matrix[:3, :3].T + matrix[:3, 3], atol=1e-3)
    jacobian = dmap.jacobian(grid)
    assert np.allclose(jacobian, np.linalg.det(matrix[:3, :3]), atol=1e-3)


def test_one_voxel_along_each_axis_is_one_step_of_the_grid(grid):
    for axis in range(3):
        field = torch.zeros(1, 3, *grid.shape)
        field[:, axis] = 1.0
        dmap = map_of(grid, field, np.eye(4), grid)
        points = inner_points(grid)
        assert np.allclose(dmap.at(points) - points, grid.linear[:, 2 - axis], atol=1e-4)


def test_affine_is_applied_after_the_deformation(grid, field):
    matrix = similarity_matrix()
    deformed = map_of(grid, field, np.eye(4), grid)
    whole = map_of(grid, field, matrix, grid)
    points = inner_points(grid)
    between = deformed.at(points)
    assert np.allclose(whole.at(points), between @ matrix[:3, :3].T + matrix[:3, 3], atol=1e-3)


def test_lattice_grows_over_a_fixed_volume_that_is_larger(grid):
    larger = np.eye(4)
    larger[:3, 3] = grid.center - 60
    fixed = Grid((121, 121, 121), larger)
    matrix = similarity_matrix()
    dmap = map_of(grid, torch.zeros(1, 3, *grid.shape), matrix, fixed)
    corners = fixed.corners()
    assert np.allclose(dmap.at(corners), corners @ matrix[:3, :3].T + matrix[:3, 3], atol=1e-2)


def test_jacobian_beyond_the_lattice_is_that_at_its_border():
    points = np.stack(np.meshgrid(*(np.arange(4.0),) * 3, indexing="ij"), -1)[..., ::-1]
    dmap = DisplacementMap(Grid((4, 4, 4), np.eye(4)), (0.1 * points).astype(np.float32))
    assert np.allclose(dmap.jacobian(Grid((8, 8, 8), np.eye(4))), 1.1**3, atol=1e-4)


def test_jacobian_of_a_part_is_a_part_of_the_jacobian(field):
    grid, corner = Grid((20, 24, 28), np.eye(4)), np.eye(4)
    corner[:3, 3] = (8, 6, 5)
    dmap = map_of(grid, field, np.eye(4), grid)
    part = dmap.jacobian(Grid((6, 7, 9), corner))
    assert np.allclose(part, dmap.jacobian(grid)[5:11, 6:13, 8:17], atol=1e-5)


def test_inverse_undoes_the_whole_map(grid, field):
    dmap = map_of(grid, field, similarity_matrix(), grid)
    moving = Grid(grid.shape, similarity_matrix() @ grid.affine)
    inverse, residual = dmap.inverted(moving)
    points = inner_points(grid)
    there = dmap.at(points)
    assert np.linalg.norm(inverse.at(there) - points, axis=1).max() < 0.35
    assert np.median(np.linalg.norm(inverse.at(there) - points, axis=1)) < 0.05
    assert 0 < residual < 0.4


def test_inverse_of_an_affine_is_exact_without_a_round(grid):
    dmap = map_of(grid, torch.zeros(1, 3, *grid.shape), similarity_matrix(), grid)
    inverse, residual = dmap.inverted(Grid(grid.shape, similarity_matrix() @ grid.affine), rounds=0)
    assert residual < 1e-3
    points = inner_points(grid)
    assert np.allclose(inverse.at(dmap.at(points)), points, atol=2e-3)


def test_resampled_map_agrees_between_the_lattices(grid, field):
    dmap = map_of(grid, field, similarity_matrix(), grid)
    assert np.allclose(dmap.resampled(grid).displacement, dmap.displacement, atol=1e-4)
    assert isinstance(dmap.resampled(grid), DisplacementMap)
