"""The VoxelMorph U-Net (Balakrishnan et al., IEEE TMI 2019), written from the paper.

With the two channels of VoxelMorph it has 327,331 parameters, with the six of FiRework
(arXiv 2410.09595) 329,059: only the first convolution grows, by 4 x 16 x 27 = 1,728.
"""

import torch
from torch import nn
from torch.nn import functional as F

from .blocks import ConvolutionBlock, flow_head


class VoxelMorphUNet(nn.Module):
    """Max-pool U-Net from ``in_channels`` images to a displacement field on the same grid.

    :param in_channels: 2 (fixed, moving) or 6 (FiRework).
    :param encoder: filters of the encoder levels, each followed by a 2x max-pool.
    :param decoder: filters of the decoder levels, each followed by a nearest 2x upsampling
        and the skip connection of that level.
    :param final: filters of the convolutions at full resolution before the flow head.
    """

    def __init__(self, in_channels=6, encoder=(16, 32, 32, 32), decoder=(32, 32, 32, 32), final=(32, 16, 16)):
        super().__init__()
        if len(encoder) != len(decoder):
            raise ValueError(f"encoder and decoder need equal depth, got {len(encoder)} and {len(decoder)}")
        if not encoder or not final:
            raise ValueError(f"encoder and final need one filter at least, got {list(encoder)} and {list(final)}")
        #: Every grid axis must be a multiple of this.
        self.multiple = 2 ** len(encoder)
        channels = in_channels
        self.encoder = nn.ModuleList()
        for filters in encoder:
            self.encoder.append(ConvolutionBlock(channels, filters))
            channels = filters
        self.decoder = nn.ModuleList()
        for filters, skip in zip(decoder, reversed(encoder), strict=True):
            self.decoder.append(ConvolutionBlock(channels, filters))
            channels = filters + skip
        self.final = nn.ModuleList()
        for filters in final:
            self.final.append(ConvolutionBlock(channels, filters))
            channels = filters
        self.flow = flow_head(channels)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, D, H, W) to a field (B, 3, D, H, W) float32, voxels, channels k, j, i."""
        features, skips = inputs, []
        for block in self.encoder:
            features = block(features)
            skips.append(features)
            features = F.max_pool3d(features, 2)
        features = self.decoder[0](features)
        for block in (*self.decoder[1:], self.final[0]):
            features = block.joined(features, skips.pop())
        for block in self.final[1:]:
            features = block(features)
        # The head's sums are small differences of larger features: keep them in full precision.
        with torch.autocast(features.device.type, enabled=False):
            return self.flow(features.float())
