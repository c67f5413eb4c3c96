import numpy as np
import torch
import torch.nn.functional as F

from FiReworkRegistrationLib.engine.affine_table import affine_table, from_slice, to_unit_box

SHAPE = (5, 6, 7)
MATRIX = np.array([[1.2, 0.1, -0.2, 100], [0.3, 0.9, 0, -200], [0, -0.1, 1.1, 50], [0, 0, 0, 1.0]])


def test_tabulates_the_matrix_at_every_voxel():
    k, j, i = np.meshgrid(*(np.arange(size) for size in SHAPE), indexing="ij")
    expected = np.stack([i, j, k], -1) @ MATRIX[:3, :3].T + MATRIX[:3, 3]
    table = affine_table(MATRIX, SHAPE)
    assert table.dtype == torch.float32 and table.shape == (*SHAPE, 3)
    assert np.abs(table.numpy() - expected).max() < 3e-5


def test_parts_make_the_whole():
    whole = affine_table(MATRIX, SHAPE)
    parts = [affine_table(from_slice(MATRIX, first), (1, *SHAPE[1:])) for first in range(SHAPE[0])]
    assert torch.allclose(torch.cat(parts), whole, atol=3e-5)


def test_unit_box_makes_grid_sample_the_identity():
    image = torch.rand(1, 2, *SHAPE)
    grid = affine_table(to_unit_box(SHAPE), SHAPE)[None]
    assert torch.allclose(F.grid_sample(image, grid, align_corners=True), image, atol=1e-5)
