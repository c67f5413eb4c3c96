"""Building blocks shared by the backbones."""

import torch
from torch import nn
from torch.nn import functional as F


class ConvolutionBlock(nn.Module):
    """3x3x3 convolution and LeakyReLU(0.2), without normalization (VoxelMorph)."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.convolution = nn.Conv3d(in_channels, out_channels, kernel_size=3, padding=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return F.leaky_relu(self.convolution(features), 0.2)


def flow_head(in_channels: int) -> nn.Conv3d:
    """Convolution to three displacement channels, near zero at the start of training."""
    head = nn.Conv3d(in_channels, 3, kernel_size=3, padding=1)
    nn.init.normal_(head.weight, std=1e-5)
    nn.init.zeros_(head.bias)
    return head
