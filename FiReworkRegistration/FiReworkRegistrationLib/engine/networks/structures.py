"""A U-Net that names the structure of every voxel of one image (Ronneberger et al. 2015; Cicek et al. 2016)."""

import torch
from torch import nn
from torch.nn import functional as F

from .blocks import convolve_joined


class NormalizedBlock(nn.Module):
    """3x3x3 convolution, normalization per image and channel, LeakyReLU(0.1).

    For a batch of one, batch normalization without running statistics is instance normalization
    (Ulyanov et al. 2016), and keeps the channels-last layout that makes it three times as fast on a CPU.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.convolution = nn.Conv3d(in_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.normalization = nn.BatchNorm3d(out_channels, track_running_stats=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self._finished(self.convolution(features))

    def joined(self, coarse: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """``forward`` of ``coarse``, brought to the grid of ``skip``, and ``skip``; see ``convolve_joined``."""
        return self._finished(convolve_joined(self.convolution, coarse, skip))

    def _finished(self, features: torch.Tensor) -> torch.Tensor:
        return F.leaky_relu_(self.normalization(features), 0.1)


class StructureNetwork(nn.Module):
    """Features of every voxel, and the weights that turn them into scores of the structures.

    :param structures: their number; one more class is everything else, number 0.
    :param widths: channels of the levels, the finest first.
    :param features: channels that the scores are made of.
    """

    def __init__(self, structures: int, widths=(16, 32, 64, 128, 128), features=24):
        super().__init__()
        self.multiple = 2 ** (len(widths) - 1)
        self.encoder = nn.ModuleList(
            nn.Sequential(NormalizedBlock(before, width), NormalizedBlock(width, width))
            for before, width in zip((1, *widths), widths, strict=False)
        )
        upwards = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        # Channels are reduced before the grid gets finer: the last level costs the most.
        self.reduce = nn.ModuleList(nn.Conv3d(below, width, kernel_size=1) for below, width in upwards)
        self.decoder = nn.ModuleList(
            NormalizedBlock(2 * width, features if width is widths[0] and level == len(upwards) - 1 else width)
            for level, (_, width) in enumerate(upwards)
        )
        self.scores = nn.Linear(features, structures + 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(1, 1, D, H, W) in [0, 1], axes multiples of ``multiple``, to (1, features, D, H, W).

        One image at a time: see :class:`NormalizedBlock`.
        """
        if len(image) != 1:
            raise ValueError(f"One image at a time, got a batch of {len(image)}.")
        skips, features = [], image
        for block in self.encoder:
            features = block(F.max_pool3d(features, 2) if skips else features)
            skips.append(features)
        for reduce, block, skip in zip(self.reduce, self.decoder, skips[-2::-1], strict=True):
            features = block.joined(reduce(features), skip)
        return features
