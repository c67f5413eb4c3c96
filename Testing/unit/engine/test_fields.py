import numpy as np
import pytest
import torch

from FiReworkRegistrationLib.engine.fields import (
    bounding_box,
    compose,
    exponential,
    forward_differences,
    jacobian_determinant,
    lengths,
    logarithm,
    one_sided_determinant,
    percent_folded,
    percentile,
    ras_to_voxels,
    resize_field,
    voxels_to_ras,
)
from FiReworkRegistrationLib.engine.warping import identity_grid, warp


def linear_field(matrix, shape):
    """x + u(x) = matrix x in k, j, i voxels about the origin."""
    grid = identity_grid(shape)
    return torch.einsum("rc,bcdhw->brdhw", torch.as_tensor(matrix, dtype=torch.float32), grid) - grid


def test_resized_field_is_the_field_of_the_resized_grid():
    matrix = np.array([[1.05, 0.02, 0], [0, 0.97, 0.01], [0.03, 0, 1.02]])
    coarse, fine = linear_field(matrix, (9, 11, 13)), (17, 21, 25)
    # The fine grid's step is (s - 1) / (s' - 1) of the coarse one: half of it here.
    expected = torch.nn.functional.interpolate(coarse, fine, mode="trilinear", align_corners=True) * 2
    assert torch.allclose(resize_field(coarse, fine), expected, atol=1e-4)


def test_resize_scales_by_s_minus_one():
    field = torch.full((1, 3, 80, 8, 8), 20.0)
    resized = resize_field(field, (160, 8, 8))
    assert resized[0, 0, 5, 0, 0].item() == pytest.approx(20 * 159 / 79, abs=1e-4)
    assert resized[0, 1, 5, 0, 0].item() == pytest.approx(20.0, abs=1e-4)


def test_composition_of_translations_adds():
    first, second = torch.zeros(1, 3, 8, 8, 8), torch.zeros(1, 3, 8, 8, 8)
    first[:, 0], second[:, 2] = 1.0, -2.0
    assert torch.allclose(compose(first, second), first + second)


def test_warping_by_the_composition_is_warping_twice(field):
    image = torch.nn.functional.avg_pool3d(torch.rand(1, 1, 20, 24, 28), 5, 1, 2)
    inner_field = 0.5 * field.flip(2)
    twice = warp(warp(image, field), inner_field)
    once = warp(image, compose(field, inner_field))
    assert (twice - once).abs().max() < 0.02


@pytest.mark.parametrize("scale", [(1.2, 1.0, 1.0), (1.0, 0.8, 1.0), (1.1, 1.1, 0.9)])
def test_jacobian_of_a_known_scaling(scale):
    determinant = jacobian_determinant(linear_field(np.diag(scale), (7, 8, 9)))
    assert torch.allclose(determinant, torch.full_like(determinant, float(np.prod(scale))), atol=1e-4)


def test_jacobian_of_a_shear_and_a_rotation_is_one():
    shear = np.array([[1, 0.3, 0], [0, 1, 0.2], [0, 0, 1]])
    turn = np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1]])
    for matrix in (shear, turn):
        assert torch.allclose(jacobian_determinant(linear_field(matrix, (6, 6, 6))), torch.tensor(1.0), atol=1e-4)


def test_reflection_folds_everywhere_and_its_logarithm_is_finite():
    mirrored = linear_field(np.diag([-1.0, 1, 1]), (6, 6, 6))
    assert percent_folded(mirrored) == 100


def test_what_is_flattened_to_nothing_is_folded():
    assert percent_folded(linear_field(np.diag([0.0, 1, 1]), (6, 6, 6))) == 100


def test_folding_counts_inside_the_mask_only():
    field = torch.zeros(1, 3, 10, 10, 10)
    field[:, 0, :5] = linear_field(np.diag([-1.0, 1, 1]), (10, 10, 10))[:, 0, :5]
    mask = torch.zeros(1, 1, 10, 10, 10)
    mask[:, :, 1:4] = 1
    assert percent_folded(field, mask) == 100
    assert percent_folded(field, 1 - mask) < 50


def test_inside_of_nothing_there_are_no_folds():
    assert percent_folded(torch.zeros(1, 3, 4, 4, 4), torch.zeros(1, 1, 4, 4, 4)) == 0


def test_a_box_has_its_margin_and_ends_at_the_border():
    inside = torch.zeros(9, 8, 7, dtype=torch.bool)
    assert bounding_box(inside, 1) == (slice(0, 9), slice(0, 8), slice(0, 7))
    inside[3:5, 0, 6] = True
    assert bounding_box(inside, 1) == (slice(2, 6), slice(0, 2), slice(5, 7))


def test_voxels_to_ras_and_back(affine, field):
    linear = affine[:3, :3]
    ras = voxels_to_ras(field, linear)
    k, j, i = 5, 6, 7
    expected = linear @ field[0, :, k, j, i].flip(0).numpy()
    assert np.allclose(ras[k, j, i], expected, atol=1e-5)
    assert torch.allclose(ras_to_voxels(ras, linear), field, atol=1e-5)


def test_lengths_of_vectors_along_an_axis():
    vectors = torch.tensor([[[3.0, 0.0], [4.0, 0.0], [12.0, 0.0]]])
    assert lengths(vectors, dim=1).tolist() == [[13.0, 0.0]]


@pytest.mark.parametrize(("count", "percent", "expected"), [(100, 95, 95), (10, 99, 10)])
def test_percentile_of_many_and_of_few_values(count, percent, expected):
    assert percentile(torch.arange(1, count + 1), percent) == expected


def test_one_sided_determinants_of_a_linear_map_are_all_its_determinant():
    matrix = torch.tensor([[0.2, 0.1, 0.0], [-0.1, 0.3, 0.05], [0.0, 0.1, -0.4]])
    field = torch.einsum("ab,bdhw->adhw", matrix, identity_grid((6, 7, 8))[0])[None]
    expected = torch.linalg.det(torch.eye(3) + matrix).item()
    for signs in ((1, 1, 1), (-1, 1, -1), (-1, -1, -1)):
        determinant = one_sided_determinant(forward_differences(field), signs)
        assert determinant.shape == (1, 1, 4, 5, 6)
        assert torch.allclose(determinant, torch.tensor(expected), atol=1e-5)


def test_one_sided_determinants_see_what_central_differences_miss():
    field = torch.zeros(1, 3, 8, 8, 8)
    field[:, 0, ::2] = 1.2
    assert (jacobian_determinant(field)[..., 1:-1, :, :] > 0).all()
    assert (one_sided_determinant(forward_differences(field), (1, 1, 1)) < 0).any()


def smooth_velocity(longest, size=32):
    generator = torch.Generator().manual_seed(3)
    coarse = torch.randn(1, 3, 6, 6, 6, generator=generator)
    coarse[:, :, [0, -1]] = coarse[:, :, :, [0, -1]] = coarse[..., [0, -1]] = 0
    field = torch.nn.functional.interpolate(coarse, (size,) * 3, mode="trilinear", align_corners=True)
    return field * (longest / field.norm(dim=1).max())


def test_exponential_of_a_constant_is_the_constant():
    velocity = torch.tensor([1.5, -0.5, 0.25]).view(1, 3, 1, 1, 1).expand(1, 3, 8, 9, 10)
    assert torch.allclose(exponential(velocity), velocity, atol=1e-5)


def test_exponential_of_a_linear_velocity_is_that_of_its_matrix():
    from scipy.linalg import expm

    matrix = np.array([[0.05, 0.08, 0.0], [-0.08, -0.03, 0.0], [0.02, 0.0, 0.04]])
    middle = torch.full((3,), 10.0)

    def about(linear):
        shift = torch.as_tensor(linear - np.eye(3), dtype=torch.float32) @ middle
        return linear_field(linear, (21, 21, 21)) - shift.view(1, 3, 1, 1, 1)

    found = exponential(about(matrix + np.eye(3)), squarings=10)
    inside = (..., *[slice(4, 17)] * 3)
    assert torch.allclose(found[inside], about(expm(matrix))[inside], atol=5e-3)


def test_exponential_does_not_fold_and_its_inverse_has_the_opposite_velocity():
    velocity = smooth_velocity(longest=8.0)
    assert percent_folded(velocity) > 1
    field = exponential(velocity)
    assert percent_folded(field) == 0
    left = compose(field, exponential(-velocity))
    # Fields are trilinear between voxels, so not exactly.
    assert left.norm(dim=1).max() < 1 and left.norm(dim=1).mean() < 0.05


def test_logarithm_comes_near_the_velocity():
    velocity = smooth_velocity(longest=2.5)
    field = exponential(velocity)
    found = logarithm(field, rounds=12)
    assert (exponential(found) - field).norm(dim=1).mean() < 0.01
    assert not logarithm(torch.zeros(1, 3, 4, 4, 4)).any()
