import numpy as np
import pytest
import torch

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.geometry import Volume
from FiReworkRegistrationLib.engine.working_grid import (
    MARGIN_MM,
    anatomical_axes,
    bring_to_grid,
    coarser,
    finer_grid,
    smoothed_for,
    working_grid,
)


def test_axes_are_orthonormal_and_nearest_to_ras(affine):
    axes = anatomical_axes(Volume(np.zeros((4, 4, 4)), affine).grid)
    assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-9)
    assert (np.diag(axes) > 0.7).all() and np.linalg.det(axes) > 0


@pytest.mark.parametrize("spacing", [1.0, 2.0])
def test_content_is_centered_with_a_margin_and_never_cropped(affine, spacing):
    content = np.zeros((20, 24, 28), dtype=bool)
    content[3:9, 5:20, 10:27] = True
    volume = Volume(content.astype(np.float32), affine)
    grid = working_grid(volume, content, spacing)
    assert all(size % 16 == 0 for size in grid.shape)
    assert np.allclose(grid.spacing, spacing)
    corners = np.array(np.meshgrid([9.5, 26.5], [4.5, 19.5], [2.5, 8.5])).reshape(3, 8).T
    ijk = grid.to_ijk(volume.grid.to_ras(corners))
    size = np.array(grid.shape[::-1])
    assert ((ijk * spacing >= MARGIN_MM - spacing) & ((size - ijk) * spacing >= MARGIN_MM - spacing)).all()
    assert np.allclose((ijk.min(axis=0) + ijk.max(axis=0)) / 2, (size - 1) / 2, atol=1e-6)


def test_resampling_keeps_positions(affine, ball):
    volume = Volume(ball.array, affine, "ball")
    grid = working_grid(volume, ball.array > 0.5, 1.0)
    placed = bring_to_grid(volume, grid)[0, 0].numpy()
    for array, lattice in ((volume.array, volume.grid), (placed, grid)):
        weights = array.ravel() / array.sum()
        index = np.stack(np.meshgrid(*(np.arange(n) for n in array.shape), indexing="ij"), -1).reshape(-1, 3)
        center = lattice.to_ras(weights @ index[:, ::-1])
        assert np.allclose(center, volume.grid.to_ras([20, 18, 16]), atol=0.6)


def test_labels_are_not_mixed(ball):
    labels = Volume((ball.array > 0.5).astype(np.uint8) * 7, ball.affine)
    grid = working_grid(labels, labels.array > 0, 3.0)
    assert set(torch.unique(bring_to_grid(labels, grid, mode="nearest")).tolist()) == {0.0, 7.0}


def test_fine_axes_are_smoothed_by_more_voxels_than_coarse_ones():
    impulse = torch.zeros(1, 1, 9, 9, 9)
    impulse[..., 4, 4, 4] = 1
    spread = smoothed_for(impulse, (1.0, 2.0, 4.0), 3.0)[0, 0]
    assert spread[4, 4, 3] > spread[4, 3, 4] > spread[3, 4, 4] == 0


def test_grid_too_large_for_memory_is_refused():
    volume = Volume(np.ones((10, 10, 10), dtype=np.float32), np.diag([50.0, 50.0, 50.0, 1.0]), "whale")
    with pytest.raises(RegistrationError, match=r"whale.*coarser working resolution"):
        working_grid(volume, volume.array > 0, 1.0)


@pytest.mark.parametrize("factor", [1 / 2, 1 / 4])
def test_a_coarser_grid_spans_the_same_box_and_shows_the_same_places(ball, factor):
    grid = working_grid(ball, ball.array > 0.5, 1.0)
    coarse = finer_grid(grid, factor)
    assert np.allclose(coarse.spacing, 1 / factor, rtol=0.1)
    corners = np.array([[0, 0, 0], np.array(coarse.shape[::-1]) - 1])
    assert np.allclose(coarse.to_ras(corners), grid.to_ras([[0, 0, 0], np.array(grid.shape[::-1]) - 1]))
    place = torch.arange(float(grid.shape[2])).expand(1, 1, *grid.shape)
    read = coarser(place, coarse.shape)
    assert read.shape[2:] == coarse.shape
    # Smoothing bends it at the ends only.
    expected = torch.linspace(0, grid.shape[2] - 1, coarse.shape[2])
    assert torch.allclose(read[0, 0, 3, 3, 2:-2], expected[2:-2], atol=0.05)
    noise = torch.rand(1, 1, *grid.shape, generator=torch.Generator().manual_seed(0))
    assert coarser(noise, coarse.shape).std() < 0.5 * noise.std()
