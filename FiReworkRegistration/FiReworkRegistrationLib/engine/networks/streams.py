"""Two image streams through one set of weights: what the dual-stream backbones share."""

import torch
from torch import nn


class Stems(nn.Module):
    """The first layer of the fixed and of the moving stream.

    With two channels, {fixed, moving}, one layer reads both, as in the papers of the dual-stream networks. With
    FiRework's six the fixed stream reads the fixed image and the moving stream the other five, each by a layer of
    its own; everything behind is shared either way.

    :param in_channels: 2 or more; the first one is the fixed image.
    :param layer: ``layer(channels)`` makes a first layer.
    """

    def __init__(self, in_channels: int, layer):
        super().__init__()
        if in_channels < 2:
            raise ValueError(f"a dual-stream network reads 2 channels or more, got {in_channels}")
        self.fixed = layer(1)
        self.moving = self.fixed if in_channels == 2 else layer(in_channels - 1)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, in_channels, D, H, W) to the first features of both streams."""
        return self.fixed(inputs[:, :1]), self.moving(inputs[:, 1:])
