"""Displacement bases by attention, DMR (Chen et al., "Deformer", MICCAI 2022), written from the paper.

At the published settings this reading of it has 1,805,555 parameters with two channels; the authors' code has
7,976,611: the paper shows its refining network in a figure without every width.
"""

import itertools
import math

import torch
from torch import nn
from torch.nn import functional as F

from .blocks import Convolution, flow_head
from .streams import Stems


class Down(nn.Sequential):
    """Halves the grid: 4x4x4 convolution, BatchNorm, LeakyReLU(0.2)."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__(
            Convolution(in_channels, out_channels, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm3d(out_channels),
            nn.LeakyReLU(0.2),
        )


class DeformerLayer(nn.Module):
    """A displacement of every token: a weighted sum of bases, drawn from the moving features alone, whose weights
    come from both images; mean over heads. The weights take no softmax: displacements have signs.
    """

    def __init__(self, channels: int, heads: int, bases: int):
        super().__init__()
        self.heads, self.bases = heads, bases
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.basis = nn.Linear(channels, heads * bases * 3)
        self.weight = nn.Linear(2 * channels, heads * bases)
        # Without softmax the sum of so many bases would begin with displacements of many voxels.
        nn.init.normal_(self.basis.weight, std=1e-4)
        nn.init.zeros_(self.basis.bias)

    def forward(self, fixed: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
        """(B, C, D, H, W) twice to (B, 3, D, H, W) voxels of this level."""
        shape = fixed.shape[2:]
        places = sinusoids(shape, fixed.shape[1], fixed.device)
        fixed, moving = (
            norm(features.flatten(2).transpose(1, 2) + places) for norm, features in zip(self.norms, (fixed, moving))
        )
        bases = self.basis(moving).unflatten(-1, (self.heads * self.bases, 3))
        weights = self.weight(torch.cat([fixed, moving], dim=-1))
        moved = torch.einsum("bnkc,bnk->bcn", bases.float(), weights.float()) / self.heads
        return moved.unflatten(2, shape)


class DeformerRegistration(nn.Module):
    """A deformer at each of four levels; a refining network joins their fields.

    :param in_channels: see ``Stems``.
    :param encoder: channels of the levels, the first at half the resolution.
    :param heads, bases: of every deformer.
    :param refining: channels of the refining network: three levels down, two up.
    """

    def __init__(self, in_channels=2, encoder=(16, 32, 32, 64), heads=8, bases=64, refining=(16, 64, 128, 128, 64, 16)):
        super().__init__()
        #: Every grid axis must be a multiple of this.
        self.multiple = 2 ** len(encoder)
        self.stems = Stems(in_channels, lambda channels: Down(channels, encoder[0]))
        self.down = nn.ModuleList(Down(*pair) for pair in itertools.pairwise(encoder))
        self.deformers = nn.ModuleList(DeformerLayer(channels, heads, bases) for channels in encoder)
        first, second, third, fourth, fifth, last = refining
        self.first = _normalized(3 * len(encoder), first)
        self.second = _normalized(first, second, stride=2)
        self.third = _normalized(second, third, stride=2)
        self.fourth = _normalized(third + second, fourth)
        self.fifth = _normalized(fourth + first, fifth)
        self.last = _normalized(fifth + in_channels, last)
        self.flow = flow_head(last)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, D, H, W) to a field (B, 3, D, H, W) float32, voxels, channels k, j, i."""
        streams, fields = self.stems(inputs), []
        half = [size // 2 for size in inputs.shape[2:]]
        for level, deformer in enumerate(self.deformers):
            if level:
                streams = [self.down[level - 1](features) for features in streams]
            field = 2**level * deformer(*streams)
            fields.append(F.interpolate(field, size=half, mode="trilinear", align_corners=False))
        first = self.first(torch.cat(fields, dim=1))
        second = self.second(first)
        features = _twice(self.third(second))
        features = _twice(self.fourth(torch.cat([features, second], dim=1)))
        features = _twice(self.fifth(torch.cat([features, first], dim=1)))
        features = self.last(torch.cat([features, inputs.to(features.dtype)], dim=1))
        # What the deformers say at half the resolution; the refining network, near 0 at first, corrects it.
        coarse = 2 * F.interpolate(sum(fields) / len(fields), size=inputs.shape[2:], mode="trilinear")
        with torch.autocast(features.device.type, enabled=False):
            return coarse.float() + self.flow(features.float())


def sinusoids(shape, channels: int, device) -> torch.Tensor:
    """Sines and cosines of the place in the flattened grid, (tokens, channels) (Vaswani et al. 2017)."""
    place = torch.arange(math.prod(shape), device=device)[:, None]
    rate = torch.exp(-math.log(10_000.0) / channels * (torch.arange(channels, device=device) // 2 * 2))
    angle = place * rate
    return torch.where(torch.arange(channels, device=device) % 2 == 0, angle.sin(), angle.cos())


def _normalized(in_channels: int, out_channels: int, stride=1) -> nn.Sequential:
    return nn.Sequential(
        Convolution(in_channels, out_channels, 3, stride, padding=1), nn.GroupNorm(1, out_channels), nn.LeakyReLU(0.2)
    )


def _twice(features: torch.Tensor) -> torch.Tensor:
    return F.interpolate(features, scale_factor=2, mode="trilinear", align_corners=False)
