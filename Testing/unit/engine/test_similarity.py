import pytest
import torch
import torch.nn.functional as F

from FiReworkRegistrationLib.engine.similarity import box_mean, global_ncc, gradient_penalty, local_ncc, local_ncc_map


def dense_ncc(fixed, moving, window, epsilon=1e-5):
    """VoxelMorph's formula with one dense convolution, as published."""
    kernel = torch.ones(1, 1, *(window,) * 3, dtype=torch.float64)
    total = lambda image: F.conv3d(image, kernel, padding=window // 2)  # noqa: E731
    f, m, n = fixed.double(), moving.double(), window**3
    sum_f, sum_m = total(f), total(m)
    cross = total(f * m) - sum_f * sum_m / n
    variance_f, variance_m = total(f * f) - sum_f**2 / n, total(m * m) - sum_m**2 / n
    return cross**2 / (variance_f * variance_m + epsilon)


def interior(image, margin=4):
    """Where the window of 9 does not reach the zero padding."""
    mask = torch.zeros_like(image)
    mask[..., margin:-margin, margin:-margin, margin:-margin] = 1
    return mask


@pytest.mark.parametrize("window", [5, 9])
def test_box_sums_equal_the_dense_convolution(window):
    fixed, moving = torch.rand(1, 1, 14, 15, 16), torch.rand(1, 1, 14, 15, 16)
    assert torch.allclose(local_ncc_map(fixed, moving, window).double(), dense_ncc(fixed, moving, window), atol=2e-3)


@pytest.mark.parametrize("window", [5, 9])
def test_the_gradient_is_that_of_the_dense_formula(window):
    fixed, moving = torch.rand(2, 1, 12, 13, 14), torch.rand(2, 1, 12, 13, 14, requires_grad=True)
    weights = torch.rand_like(fixed)
    found, expected = (
        torch.autograd.grad((ncc * weights).sum(), moving)[0]
        for ncc in (local_ncc_map(fixed, moving, window), dense_ncc(fixed, moving, window))
    )
    assert (found - expected).abs().max() < 2e-3 * expected.abs().max()


@pytest.mark.parametrize("window", [1, 3, 5, 7, 9])
def test_the_box_mean_and_its_gradient_are_those_of_a_dense_convolution(window):
    image = torch.rand(2, 3, 6, 11, 9, dtype=torch.float64, requires_grad=True)
    kernel = torch.full((3, 1, window, window, window), 1 / window**3, dtype=torch.float64)
    dense = torch.nn.functional.conv3d(image, kernel, padding=window // 2, groups=3)
    assert torch.allclose(box_mean(image, window), dense)
    weights = torch.rand_like(dense)
    found, expected = (
        torch.autograd.grad((mean * weights).sum(), image)[0] for mean in (box_mean(image, window), dense)
    )
    assert torch.allclose(found, expected)


def test_equal_images_have_ncc_near_one_also_after_a_linear_change_of_contrast():
    image = torch.rand(1, 1, 16, 16, 16)
    assert local_ncc(image, 0.3 * image + 0.2, mask=interior(image)).item() > 0.99
    assert global_ncc(image, 0.3 * image + 0.2).item() == pytest.approx(1, abs=1e-5)
    assert global_ncc(image, -image).item() == pytest.approx(-1, abs=1e-5)


def test_flat_images_give_zero_not_nan():
    flat = torch.full((1, 1, 12, 12, 12), 0.5)
    assert local_ncc(flat, flat, mask=interior(flat)).item() == pytest.approx(0, abs=1e-3)


def test_mask_limits_what_counts():
    fixed = torch.rand(1, 1, 16, 16, 16)
    moving = fixed.clone()
    moving[:, :, 8:] = torch.rand(1, 1, 8, 16, 16)
    mask = torch.zeros_like(fixed)
    mask[:, :, :3] = 1
    assert local_ncc(fixed, moving, mask=mask) > local_ncc(fixed, moving) + 0.2
    assert global_ncc(fixed, moving, mask).item() == pytest.approx(1, abs=1e-5)


def test_gradient_penalty_of_a_ramp():
    field = torch.zeros(1, 3, 6, 6, 6)
    field[:, 1] = 0.5 * torch.arange(6.0).view(6, 1, 1)
    # One of nine derivatives is 0.5; the mean runs over three channels and three axes.
    assert gradient_penalty(field).item() == pytest.approx(0.25 / 9)


def test_an_even_window_has_no_middle():
    with pytest.raises(ValueError, match="odd number"):
        local_ncc(torch.rand(1, 1, 8, 8, 8), torch.rand(1, 1, 8, 8, 8), window=4)
