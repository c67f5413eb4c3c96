"""Building blocks shared by the backbones."""

import torch
from torch import nn
from torch.nn import functional as F


class Convolution(nn.Conv3d):
    """3D convolution with gradients that are right on tiny grids, too.

    PyTorch on a CPU (2.13, oneDNN, AVX512-BF16) computes the bf16 gradient of 3x3x3 weights from unset memory where the
    grid has two voxels along its first axis; such grids are convolved in fp32, which costs nothing at their size.
    """

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if features.device.type != "cpu" or min(features.shape[2:]) > 2:
            return super().forward(features)
        with torch.autocast("cpu", enabled=False):
            return super().forward(features.float())


class ConvolutionBlock(nn.Module):
    """3x3x3 convolution and LeakyReLU(0.2), without normalization (VoxelMorph)."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.convolution = Convolution(in_channels, out_channels, kernel_size=3, padding=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return F.leaky_relu(self.convolution(features), 0.2)


def flow_head(in_channels: int) -> nn.Conv3d:
    """Convolution to three displacement channels, near zero at the start of training."""
    head = nn.Conv3d(in_channels, 3, kernel_size=3, padding=1)
    nn.init.normal_(head.weight, std=1e-5)
    nn.init.zeros_(head.bias)
    return head
