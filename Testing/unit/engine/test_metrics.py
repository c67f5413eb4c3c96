import numpy as np
import pytest
import torch

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.fields import percent_folded
from FiReworkRegistrationLib.engine.metrics import (
    average_surface_distance,
    dice_per_label,
    hausdorff95,
    mean_dice,
    nondiffeomorphic_volume,
    surface_distances,
    surface_figures,
    target_registration_error,
)
from FiReworkRegistrationLib.engine.warping import identity_grid


def test_dice_of_known_overlaps():
    first, second = np.zeros((4, 4, 4), int), np.zeros((4, 4, 4), int)
    first[:2], second[1:3] = 1, 1
    first[3], second[3] = 5, 5
    assert dice_per_label(first, second) == {1: 0.5, 5: 1.0}
    assert mean_dice(dice_per_label(first, second)) == 0.75
    assert np.isnan(dice_per_label(first, second, [9])[9])
    assert mean_dice(dice_per_label(first, second, [5, 9])) == 1.0


def cube(start, size=6):
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[start : start + size, 5:11, 5:11] = True
    return mask


def test_surface_distance_of_equal_masks_is_zero():
    distances = surface_distances(cube(5), cube(5), (1, 1, 1))
    assert average_surface_distance(distances) == 0 == hausdorff95(distances)


def test_surface_distance_in_mm_of_shifted_plates():
    first, second = np.zeros((12, 8, 8), bool), np.zeros((12, 8, 8), bool)
    first[3], second[7] = True, True
    distances = surface_distances(first, second, (1.5, 1, 1))
    assert average_surface_distance(distances) == pytest.approx(6.0)
    assert hausdorff95(distances) == pytest.approx(6.0)


def test_both_surfaces_count_alike_however_large_they_are():
    assert average_surface_distance((np.ones(3), np.full(1, 5.0))) == 3.0


def test_a_surface_counts_as_far_as_the_longer_structure_reaches():
    first, second = np.zeros((20, 8, 8), int), np.zeros((20, 8, 8), int)
    first[3:5, 2:6, 2:6], second[3:15, 2:6, 2:6] = 1, 1
    assert surface_figures(first, second, (1, 1, 1))[1][1] > 8


def test_surface_figures_of_labels_and_of_a_missing_one():
    first, second = cube(5).astype(int) * 3, cube(6).astype(int) * 3
    first[0, 0, 0] = 8
    figures = surface_figures(first, second, (1, 1, 1))
    assert 0 < figures[3][0] < 1 and figures[3][1] == pytest.approx(1.0)
    assert np.isnan(figures[8]).all()


def test_empty_mask_is_refused():
    with pytest.raises(RegistrationError, match="not empty"):
        surface_distances(cube(5), np.zeros((20, 20, 20), bool), (1, 1, 1))


def test_ndv_of_identity_and_of_a_smooth_field_is_zero(field):
    assert nondiffeomorphic_volume(torch.zeros(1, 3, 8, 8, 8)) == pytest.approx(0, abs=1e-5)
    assert nondiffeomorphic_volume(0.2 * field) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_ndv_of_a_reflection_is_everything(axis):
    grid = identity_grid((6, 7, 8))
    field = torch.zeros_like(grid)
    field[:, axis] = -2 * grid[:, axis]
    assert nondiffeomorphic_volume(field) == pytest.approx(100, abs=1e-3)


def test_ndv_finds_the_checkerboard_that_central_differences_miss():
    board = identity_grid((8, 8, 8)).sum(1, keepdim=True) % 2
    field = torch.cat([1.5 * board, torch.zeros_like(board), torch.zeros_like(board)], dim=1)
    inner = torch.zeros_like(board)
    inner[..., 1:-1, 1:-1, 1:-1] = 1
    assert percent_folded(field, inner) == 0
    assert nondiffeomorphic_volume(field, inner) > 1


def test_ndv_of_a_mirrored_field_is_the_same():
    """A cell is split into tetrahedra in two ways, which mirror each other."""
    field = 0.8 * torch.randn(1, 3, 7, 8, 9, generator=torch.Generator().manual_seed(0))
    mirrored = field.flip(2) * torch.tensor([-1.0, 1, 1]).view(1, 3, 1, 1, 1)
    assert 0 < nondiffeomorphic_volume(field) == pytest.approx(nondiffeomorphic_volume(mirrored), rel=1e-4)


@pytest.mark.parametrize(("plane", "expected"), [(4, 0), (5, 100)])
def test_ndv_of_the_mask_is_that_of_the_cells_behind_its_voxels(plane, expected):
    field, mask = torch.zeros(1, 3, 8, 8, 8), torch.zeros(1, 1, 8, 8, 8)
    field[0, 0, 6:] = -2.0
    mask[:, :, plane] = 1
    assert nondiffeomorphic_volume(field, mask) == pytest.approx(expected, abs=1e-3)


def test_tre_of_known_offsets():
    fixed, moving = np.zeros((2, 3)), np.array([[3.0, 4, 0], [0, 0, 2]])
    assert target_registration_error(fixed, moving).tolist() == [5.0, 2.0]
    with pytest.raises(RegistrationError, match="do not pair up"):
        target_registration_error(fixed, moving[:1])


def test_labels_of_nine_digits_need_no_table_of_all_numbers_below():
    first = np.array([[[0, 614454277, 614454277, 7]]])
    second = np.array([[[0, 614454277, 7, 7]]])
    assert dice_per_label(first, second) == {7: pytest.approx(2 / 3), 614454277: pytest.approx(2 / 3)}
    assert np.isnan(dice_per_label(first, second, [5, 614454277])[5])
    assert surface_figures(first, second, (1, 1, 1), [614454277])[614454277][1] == pytest.approx(1, abs=0.1)


def test_no_label_gives_no_figure():
    empty = np.zeros((2, 2, 2), int)
    assert dice_per_label(empty, empty, []) == {} and np.isnan(mean_dice({}))
    assert surface_figures(empty, empty, (1, 1, 1)) == {}
