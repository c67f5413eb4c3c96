import pytest
import torch

from FiReworkRegistrationLib.engine.networks.blocks import Convolution, flow_head


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
