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
        # In place: nothing else looks at what the convolution gave, and at full resolution a copy takes as long as a
        # tenth of the convolution.
        return F.leaky_relu_(self.convolution(features), 0.2)

    def joined(self, coarse: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """``forward`` of ``coarse``, brought to the grid of ``skip``, and ``skip``; see :func:`convolve_joined`."""
        return F.leaky_relu_(convolve_joined(self.convolution, coarse, skip), 0.2)


#: From the taps -1, 0, 1 of a convolution on the fine grid to the four of a transposed one with stride 2: every other
#: voxel there looks at a coarse voxel once and at the next one twice.
_TAPS = ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def convolve_joined(convolution: nn.Conv3d, coarse: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
    """A 3x3x3 convolution of two inputs side by side, one of which lies on a grid half as fine.

    :param coarse: (B, C, D, H, W), repeated twice along every axis (nearest neighbor).
    :param skip: (B, E, 2D, 2H, 2W); the convolution has C + E input channels.
    :return: (B, out, 2D, 2H, 2W).
    """
    if torch.is_grad_enabled() or coarse.device.type != "cpu" or coarse.dtype != torch.float32:
        finer = F.interpolate(coarse, scale_factor=2, mode="nearest")
        return convolution(torch.cat([finer, skip], dim=1))
    # Of 27 fine voxels a window sees eight coarse ones only. Measured in float32 on a CPU: half the time.
    below, beside = convolution.weight.split((coarse.shape[1], skip.shape[1]), dim=1)
    taps = below.new_tensor(_TAPS)
    below = torch.einsum("oidhw,ad,bh,cw->ioabc", below, taps, taps, taps)
    below, beside = (weight.contiguous(memory_format=torch.channels_last_3d) for weight in (below, beside))
    return F.conv3d(skip, beside, convolution.bias, padding=1).add_(
        F.conv_transpose3d(coarse, below, stride=2, padding=1)
    )


def flow_head(in_channels: int) -> nn.Conv3d:
    """Convolution to three displacement channels, near zero at the start of training."""
    head = nn.Conv3d(in_channels, 3, kernel_size=3, padding=1)
    nn.init.normal_(head.weight, std=1e-5)
    nn.init.zeros_(head.bias)
    return head
