"""Displacement bases by attention, DMR (Chen et al., "Deformer", MICCAI 2022), written from the paper.

The paper draws its refining network without every width; kernels and widths here are those that the authors published,
and give their 7,976,611 parameters with two channels. Their code also doubles upsampled features, drops a tenth of the
token features in training, and normalizes both images as one batch; this does not.
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
            Convolution(in_channels, out_channels, 4, stride=2, padding=1),
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
        self.norm = nn.LayerNorm(channels)
        self.basis = nn.Linear(channels, heads * bases * 3)
        self.weight = nn.Linear(2 * channels, heads * bases)

    def forward(self, fixed: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
        """(B, C, D, H, W) twice to (B, 3, D, H, W) voxels of this level."""
        shape = fixed.shape[2:]
        places = sinusoids(shape, fixed.shape[1], fixed.device)
        fixed, moving = (self.norm(features.flatten(2).transpose(1, 2) + places) for features in (fixed, moving))
        bases = self.basis(moving).unflatten(-1, (self.heads * self.bases, 3))
        weights = self.weight(torch.cat([fixed, moving], dim=-1))
        moved = torch.einsum("bnkc,bnk->bcn", bases.float(), weights.float()) / self.heads
        return moved.unflatten(2, shape)


class RefiningNetwork(nn.Module):
    """One field of the fields of all levels, joined from the coarsest to the finest with the images' features.

    :param encoder: channels of the images' features, the finest first.
    :param widths: of a level's field on its way to features; the last one is theirs.
    """

    def __init__(self, encoder, widths):
        super().__init__()
        first, second, last = widths
        # The finer a level, the more of its convolutions are 5 voxels wide: all look at about as much of the brain.
        self.squeeze = nn.ModuleList(
            _normalized((3, *widths), [5] * fives + [3] * (3 - fives)) for fives in reversed(range(len(encoder)))
        )
        self.mix = nn.ModuleList(
            _normalized((last + 2 * channels, last, last, last), (3, 3, 3)) for channels in encoder[:-1]
        )
        self.at_half = _plain((last, last, second))
        self.at_full = _plain((second, second, first, first))
        self.flow = flow_head(first)

    def forward(self, fields, fixed, moving) -> torch.Tensor:
        """Lists over the levels, the finest first, to (B, 3, 2D, 2H, 2W) float32 voxels; D, H, W of the finest."""
        features = self.squeeze[-1](fields[-1])
        for level in reversed(range(len(self.mix))):
            features = _twice(features) + self.squeeze[level](fields[level])
            features = self.mix[level](torch.cat([features, moving[level], fixed[level]], dim=1))
        features = self.at_full(_twice(self.at_half(features)))
        # The head's sums are small differences of larger features: keep them in full precision.
        with torch.autocast(features.device.type, enabled=False):
            return self.flow(features.float())


class DeformerRegistration(nn.Module):
    """A deformer at each of four levels; a refining network joins their fields.

    :param in_channels: see ``Stems``.
    :param encoder: channels of the levels, the first at half the resolution; four at most.
    :param heads, bases: of every deformer.
    :param refining: ``widths`` of the refining network.
    """

    def __init__(self, in_channels=2, encoder=(16, 32, 32, 64), heads=8, bases=64, refining=(16, 64, 128)):
        super().__init__()
        if len(encoder) > 4 or len(refining) != 3:
            raise ValueError(f"DMR has four levels at most and three widths, got {list(encoder)} and {list(refining)}")
        #: Every grid axis must be a multiple of this.
        self.multiple = 2 ** len(encoder)
        self.stems = Stems(in_channels, lambda channels: Down(channels, encoder[0]))
        self.down = nn.ModuleList(Down(*pair) for pair in itertools.pairwise(encoder))
        self.deformers = nn.ModuleList(DeformerLayer(channels, heads, bases) for channels in encoder)
        self.refine = RefiningNetwork(encoder, refining)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, D, H, W) to a field (B, 3, D, H, W) float32, voxels, channels k, j, i."""
        levels = [self.stems(inputs)]
        for down in self.down:
            levels.append(tuple(down(features) for features in levels[-1]))
        fields = [deformer(*pair) for deformer, pair in zip(self.deformers, levels)]
        return self.refine(fields, *zip(*levels))


def sinusoids(shape, channels: int, device) -> torch.Tensor:
    """Sines and cosines of the place in the flattened grid, (tokens, channels) (Vaswani et al. 2017)."""
    place = torch.arange(math.prod(shape), device=device)[:, None]
    rate = torch.exp(-math.log(10_000.0) / channels * (torch.arange(channels, device=device) // 2 * 2))
    angle = place * rate
    return torch.where(torch.arange(channels, device=device) % 2 == 0, angle.sin(), angle.cos())


def _normalized(channels, kernels) -> nn.Sequential:
    """Convolution, GroupNorm and ReLU from each number of channels to the next."""
    layers = []
    for (before, after), kernel in zip(itertools.pairwise(channels), kernels, strict=True):
        layers += [Convolution(before, after, kernel, padding=kernel // 2), nn.GroupNorm(1, after), nn.ReLU()]
    return nn.Sequential(*layers)


def _plain(channels) -> nn.Sequential:
    layers = []
    for before, after in itertools.pairwise(channels):
        layers += [Convolution(before, after, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)


def _twice(features: torch.Tensor) -> torch.Tensor:
    return F.interpolate(features, scale_factor=2, mode="trilinear", align_corners=False)
