import pytest
import torch
from torch.nn import functional as F

from FiReworkRegistrationLib.engine.networks.blocks import Convolution, ConvolutionBlock, convolve_joined, flow_head


@pytest.mark.parametrize("grid", [(1, 1, 1), (2, 2, 2), (2, 4, 4), (4, 2, 2), (4, 4, 4)])
def test_bf16_gradients_on_tiny_grids_stay_near_fp32(grid):
    torch.manual_seed(0)
    convolution = Convolution(16, 8, kernel_size=3, padding=1)
    features, incoming = torch.randn(1, 16, *grid), torch.randn(1, 8, *grid)
    convolution(features).backward(incoming)
    exact = convolution.weight.grad.clone()
    for _ in range(5):
        # What an unset gradient would be made of.
        left_behind = [torch.full((2**size,), 1e30) for size in range(4, 18)]
        del left_behind
        convolution.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            convolution(features).float().backward(incoming)
        assert (convolution.weight.grad - exact).norm() < 0.02 * exact.norm()


def test_flow_head_starts_near_no_displacement():
    assert flow_head(8)(torch.rand(1, 8, 4, 4, 4)).abs().max() < 1e-2


@pytest.mark.parametrize("grid", [(1, 1, 1), (2, 3, 4), (5, 4, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_joined_convolution_is_that_of_both_inputs_side_by_side(grid, bias):
    torch.manual_seed(0)
    convolution = torch.nn.Conv3d(5, 4, kernel_size=3, padding=1, bias=bias)
    coarse, skip = torch.randn(2, 3, *grid), torch.randn(2, 2, *(2 * size for size in grid))
    with torch.no_grad():
        found = convolve_joined(convolution, coarse, skip)
        expected = convolution(torch.cat([F.interpolate(coarse, scale_factor=2.0, mode="nearest"), skip], dim=1))
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.allclose(convolve_joined(convolution, coarse, skip), expected, atol=1e-5)


def test_a_joined_convolution_is_trained_through():
    block = ConvolutionBlock(5, 4)
    coarse, skip = torch.randn(1, 3, 2, 2, 2, requires_grad=True), torch.randn(1, 2, 4, 4, 4, requires_grad=True)
    block.joined(coarse, skip).sum().backward()
    assert all(part.grad.any() for part in (coarse, skip, *block.parameters()))


def test_a_joined_convolution_in_bf16_stays_in_bf16():
    coarse, skip = torch.randn(1, 3, 2, 2, 2), torch.randn(1, 2, 4, 4, 4)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = convolve_joined(torch.nn.Conv3d(5, 4, kernel_size=3, padding=1), coarse.bfloat16(), skip.bfloat16())
    assert found.dtype == torch.bfloat16 and found.shape == (1, 4, 4, 4, 4)
