import numpy as np
import pytest
import torch

from FiReworkRegistrationLib.engine.warping import Warper, identity_grid, resample_affine, sample, warp


def test_zero_field_is_identity():
    image = torch.rand(1, 1, 9, 10, 11)
    assert torch.allclose(warp(image, torch.zeros(1, 3, 9, 10, 11)), image, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shift", [-2, 3])
def test_whole_voxel_translation_along_each_axis(axis, shift):
    image = torch.rand(1, 1, 12, 13, 14)
    field = torch.zeros(1, 3, 12, 13, 14)
    field[:, axis] = shift
    expected = torch.roll(image, -shift, dims=2 + axis)
    inner = (slice(None), slice(None), *(slice(4, -4),) * 3)
    assert torch.allclose(warp(image, field)[inner], expected[inner], atol=1e-5)


def test_half_precision_input_is_warped_in_float32():
    image = torch.rand(1, 1, 4, 4, 150)
    field = torch.full((1, 3, 4, 4, 150), 0.0)
    field[:, 2] = 0.37
    with torch.autocast("cpu", torch.bfloat16):
        warped = warp(image, field)
    assert warped.dtype == torch.float32
    expected = 0.63 * image[..., :-1] + 0.37 * image[..., 1:]
    assert torch.allclose(warped[..., :-1], expected, atol=1e-4)


def test_affine_resampling_takes_ijk_matrices():
    image = torch.arange(2 * 3 * 4, dtype=torch.float32).reshape(1, 1, 2, 3, 4)
    matrix = np.eye(4)
    matrix[:3, 3] = (1, 0, 0)
    moved = resample_affine(image, matrix, (2, 3, 3))
    assert torch.allclose(moved, image[..., 1:], atol=1e-5)


def test_outside_is_zero_or_the_border():
    image, matrix = torch.ones(1, 1, 3, 3, 3), np.eye(4)
    matrix[0, 3] = 10
    assert resample_affine(image, matrix, (3, 3, 3)).sum() == 0
    assert resample_affine(image, matrix, (3, 3, 3), padding="border").sum() == 27


def test_points_are_in_the_order_of_the_array_axes():
    image = torch.rand(1, 2, 4, 5, 6)
    points = torch.tensor([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0], [0.0, 4.0, 1.0]]).T.reshape(1, 3, 3, 1, 1)
    expected = torch.stack([image[0, :, 1, 2, 3], image[0, :, 3, 4, 5], image[0, :, 0, 4, 1]], dim=1)
    assert torch.allclose(sample(image, points)[0, :, :, 0, 0], expected, atol=1e-5)
    assert torch.equal(sample(image, points, mode="nearest")[0, :, :, 0, 0], expected)


def test_a_warper_warps_its_piece_with_the_same_gradient():
    image, place = torch.rand(1, 1, 9, 10, 11), (..., slice(2, 7), slice(0, 10), slice(3, 11))
    fields = [(3 * torch.randn(1, 3, 9, 10, 11)).requires_grad_()]
    fields.append(fields[0].detach().clone().requires_grad_())
    whole = warp(image, fields[0])[place]
    part = Warper(image, identity_grid((9, 10, 11))[place])(fields[1][place])
    assert torch.allclose(part, whole, atol=1e-5)
    for values in (whole, part):
        values.square().sum().backward()
    # On a voxel's face the slopes of both sides are right.
    assert (fields[0].grad - fields[1].grad).abs().quantile(0.99) < 1e-4


def test_what_has_one_channel_lies_in_memory_as_images_do():
    image = torch.rand(1, 1, 5, 6, 7)
    assert resample_affine(image, np.eye(4), (5, 6, 7)).stride() == image.stride()
