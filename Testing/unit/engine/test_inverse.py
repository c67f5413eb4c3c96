import numpy as np
import torch

from FiReworkRegistrationLib.engine import maps
from FiReworkRegistrationLib.engine.geometry import Grid
from FiReworkRegistrationLib.engine.maps import DisplacementMap

GRID = Grid((24, 26, 28), np.diag([2.0, 2.0, 2.0, 1.0]))


def squeezing(factor):
    """x -> x + s(x) along i, mm, whose derivative falls to ``factor`` in the middle; an affine besides."""
    i = np.arange(28) * 2.0
    slope = (factor - 1) * np.exp(-(((i - 27) / 5) ** 2))
    along = np.concatenate([[0], np.cumsum(slope[1:] + slope[:-1])])
    along -= np.linspace(0, along[-1], 28)
    displacement = np.zeros((24, 26, 28, 3), np.float32)
    displacement[..., 0] = along + 0.05 * i + 3.0
    displacement[..., 1] = -2.0
    return DisplacementMap(GRID, displacement)


def test_a_map_that_squeezes_space_is_inverted_too():
    dmap = squeezing(0.03)
    inverse, residual = dmap.inverted(GRID)
    points = np.array([[x, 20.0, 22.0] for x in np.linspace(14, 40, 27)])
    assert np.abs(inverse.at(dmap.at(points)) - points).max() < 0.6
    # Between lattice points a curve that steep is not a straight line: what is left is interpolation.
    assert residual < 0.3


def test_newton_is_what_brings_it_there(monkeypatch):
    def worst(dmap):
        inverse = dmap.inverted(GRID, rounds=1)[0]
        targets = dmap.grid.to_ras(np.array([[i, 10, 10] for i in range(8, 20)]))
        return np.abs(dmap.at(inverse.at(targets)) - targets).max()

    exact = worst(squeezing(0.03))
    monkeypatch.setattr(maps, "newton_inverse", lambda *arguments: None)
    assert exact < 0.03 < worst(squeezing(0.03))


def test_a_map_that_bends_along_several_axes_is_inverted_too():
    displacement = squeezing(0.1).displacement.copy()
    displacement[..., 0] += (6 * np.sin(np.arange(26) / 1.5))[:, None]
    displacement[..., 1] += 3 * np.sin(np.arange(28) / 4)
    dmap = DisplacementMap(GRID, displacement)
    inverse = dmap.inverted(GRID, rounds=3)[0]
    index = np.meshgrid(np.arange(9, 20), np.arange(8, 18), [11])
    targets = GRID.to_ras(np.stack(index, -1).reshape(-1, 3))
    miss = np.linalg.norm(dmap.at(inverse.at(targets)) - targets, axis=1)
    assert np.percentile(miss, 95) < 0.03


def test_where_there_is_no_inverse_newton_makes_no_point_worse(monkeypatch):
    grid = Grid((16, 16, 16), np.diag([2.0, 2.0, 2.0, 1.0]))
    k, j, i = np.indices(grid.shape)
    folds = 5 * np.stack([np.sin(i + j), np.sin(j + k), np.sin(k + i)], -1)
    folded = DisplacementMap(grid, folds.astype(np.float32))
    inner = grid.to_ras(np.stack(np.meshgrid(*(np.arange(4, 12),) * 3), -1).reshape(-1, 3))

    def misses():
        inverse = folded.inverted(grid, rounds=5)[0]
        return np.linalg.norm(folded.at(inverse.at(inner)) - inner, axis=1)

    improved = misses()
    monkeypatch.setattr(maps, "newton_inverse", lambda *arguments: None)
    before = misses()
    assert (improved <= before + 1e-3).all() and (improved < before - 0.1).any()


def test_a_folded_map_ends_and_stays_finite():
    inverse, residual = squeezing(-0.5).inverted(GRID)
    assert np.isfinite(inverse.displacement).all() and residual < 5
    assert torch.is_inference_mode_enabled() is False


def test_a_finer_lattice_misses_less_and_may_begin_with_the_coarse_inverse():
    dmap = squeezing(0.3)
    coarse, residual = dmap.inverted(GRID)
    fine = Grid(tuple(2 * n - 1 for n in GRID.shape), np.diag([1.0, 1.0, 1.0, 1.0]))
    whole, fine_residual = dmap.inverted(fine)
    begun, begun_residual = dmap.inverted(fine, 2, coarse)
    assert fine_residual < 0.7 * residual
    assert abs(begun_residual - fine_residual) < 0.01
    np.testing.assert_allclose(begun.displacement, whole.displacement, atol=0.05)


def test_it_begins_with_the_inverse_that_it_is_given(monkeypatch):
    dmap = squeezing(0.3)
    coarse, _residual = dmap.inverted(GRID)
    monkeypatch.setattr(maps, "newton_inverse", lambda *arguments: None)
    fine = Grid(tuple(2 * n - 1 for n in GRID.shape), np.eye(4))
    begun = dmap.inverted(fine, 0, coarse)[0]
    np.testing.assert_allclose(begun.displacement, coarse.resampled(fine).displacement, atol=1e-5)
