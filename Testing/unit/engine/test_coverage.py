"""Coverage: how much of the fixed content lies inside the moving volume."""

import numpy as np
import pytest

from FiReworkRegistrationLib.engine.coverage import coverage
from FiReworkRegistrationLib.engine.geometry import Grid


@pytest.fixture
def grid(affine):
    return Grid((20, 24, 28), affine)


def test_same_grid_is_covered_whole(grid):
    assert coverage(np.ones(grid.shape), grid, grid, np.eye(4)) == 1.0


def test_shift_by_half_the_field_of_view(grid):
    shift = np.eye(4)
    shift[:3, 3] = 14 * grid.linear[:, 0]
    assert coverage(np.ones(grid.shape), grid, grid, shift) == pytest.approx(0.5)


def test_only_the_mask_counts(grid):
    shift, mask = np.eye(4), np.zeros(grid.shape)
    shift[:3, 3] = 14 * grid.linear[:, 0]
    mask[:, :, :14] = 1
    assert coverage(mask, grid, grid, shift) == 1.0
    assert coverage(1 - mask, grid, grid, shift) == 0.0


def test_empty_mask_is_covered_nowhere(grid):
    assert coverage(np.zeros(grid.shape), grid, grid, np.eye(4)) == 0.0


def test_large_masks_are_sampled():
    grid = Grid((60, 60, 60), np.eye(4))
    shift = np.eye(4)
    shift[2, 3] = 30
    assert coverage(np.ones(grid.shape), grid, grid, shift) == pytest.approx(0.5, abs=0.01)
