"""Dual-stream pyramid registration, PR++ (Kang et al., Medical Image Analysis 2022), written from the paper.

The paper does not give every layer. At the published width (c = 8) this reading of it has 1,228,325 parameters with two
channels. Kang et al.'s own code has 613,855 (one wide convolution less an estimator), that of FiRework's authors
(SmileCode) 1,236,965 (levels from 1/8 on, the last two at full resolution); both add the last two convolutions of an
estimator to their input, which this reading does not.
"""

from itertools import pairwise, product

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from ..fields import compose
from ..warping import warp
from .blocks import Convolution as Convolution3d
from .blocks import flow_head
from .streams import Stems

#: Distance of the neighbors that the correlation looks at, voxels of each level.
DILATION = 2


class Convolution(nn.Sequential):
    """3x3x3 convolution and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, stride=1):
        super().__init__(Convolution3d(in_channels, out_channels, 3, stride, padding=1), nn.ReLU())


class Estimator(nn.Sequential):
    """A field from the features of both streams and their correlation; ``channels`` of one stream."""

    def __init__(self, channels: int):
        wide = 2 * channels + 27
        super().__init__(
            Convolution(wide, wide), Convolution(wide, channels), Convolution(channels, channels),
            Convolution(channels, channels), flow_head(channels),
        )  # fmt: skip


class PyramidNetwork(nn.Module):
    """Fields from coarse to fine, each level correcting the moving features that the coarser ones have warped.

    :param in_channels: see ``Stems``.
    :param encoder: channels of a stream from full resolution downwards, halved from level to level.
    :param decoder: channels from the coarsest level up to full resolution.
    """

    def __init__(self, in_channels=2, encoder=(8, 16, 16, 32, 32), decoder=(32, 32, 16, 16, 8)):
        super().__init__()
        if len(encoder) != len(decoder):
            raise ValueError(f"encoder and decoder need equal depth, got {len(encoder)} and {len(decoder)}")
        #: Every grid axis must be a multiple of this.
        self.multiple = 2 ** (len(encoder) - 1)
        self.stems = Stems(in_channels, lambda channels: Convolution(channels, encoder[0]))
        self.down = nn.ModuleList(Convolution(*pair, stride=2) for pair in pairwise(encoder))
        skips = [0, *reversed(encoder[:-1])]
        below = [encoder[-1], *decoder]
        self.up = nn.ModuleList(
            Convolution(coarse + skip, channels) for coarse, skip, channels in zip(below, skips, decoder)
        )
        self.estimators = nn.ModuleList(Estimator(channels) for channels in decoder)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, D, H, W) to a field (B, 3, D, H, W) float32, voxels, channels k, j, i."""
        pyramids = (self._pyramid(features) for features in self.stems(inputs))
        field = None
        for fixed, moving, estimator in zip(*pyramids, self.estimators, strict=True):
            if field is not None:
                # Twice as many voxels: twice as far in voxels.
                field = 2 * F.interpolate(field, scale_factor=2, mode="trilinear", align_corners=False)
                moving = warp(moving, field).to(fixed.dtype)
            features = torch.cat([fixed, moving, correlation(fixed, moving)], dim=1)
            increment = _in_full_precision(estimator, features)
            field = increment if field is None else compose(field, increment)
        return field

    def _pyramid(self, features: torch.Tensor) -> list[torch.Tensor]:
        """Decoded features, the coarsest first."""
        skips = [features]
        for block in self.down:
            skips.append(block(skips[-1]))
        features, decoded = skips.pop(), []
        for block in self.up:
            if decoded:
                features = F.interpolate(features, scale_factor=2, mode="trilinear", align_corners=False)
                features = torch.cat([features, skips.pop()], dim=1)
            features = block(features)
            decoded.append(features)
        return decoded


def correlation(fixed: torch.Tensor, moving: torch.Tensor, dilation=DILATION) -> torch.Tensor:
    """Mean over channels of the product with 27 neighbors of the moving features, (B, 27, D, H, W); 0 outside.

    Computed in float32, returned in the type of the features.
    """
    with torch.autocast(fixed.device.type, enabled=False):
        return _Correlation.apply(fixed, moving, dilation)


class _Correlation(torch.autograd.Function):
    """With its own gradient: autograd would keep 27 products and write a whole volume for each of 27 slices."""

    @staticmethod
    def forward(ctx, fixed, moving, dilation):
        ctx.save_for_backward(fixed, moving)
        ctx.dilation = dilation
        still, padded = _plain(fixed), F.pad(_plain(moving), (dilation,) * 6)
        products = torch.empty_like(still)
        result = still.new_empty((len(still), 27, *still.shape[2:]))
        for number, place in enumerate(_places(still.shape[2:], dilation)):
            torch.mul(still, padded[place], out=products)
            torch.mean(products, dim=1, out=result[:, number])
        return result.to(fixed.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        fixed, moving = ctx.saved_tensors
        still, padded = _plain(fixed), F.pad(_plain(moving), (ctx.dilation,) * 6)
        gradient = _plain(gradient) / still.shape[1]
        of_fixed, of_padded = torch.zeros_like(still), torch.zeros_like(padded)
        for number, place in enumerate(_places(still.shape[2:], ctx.dilation)):
            weight = gradient[:, number : number + 1]
            of_fixed.addcmul_(weight, padded[place])
            of_padded[place].addcmul_(weight, still)
        inside = (..., *(slice(ctx.dilation, ctx.dilation + size) for size in still.shape[2:]))
        return of_fixed.to(fixed.dtype), of_padded[inside].to(moving.dtype), None


def _plain(features: torch.Tensor) -> torch.Tensor:
    """Float32 in the plain layout, in which slices of the grid are many voxels in a row."""
    return features.float().contiguous()


def _places(size, dilation: int):
    """Index of each of the 27 neighbors of all voxels in a volume padded by ``dilation``."""
    for steps in product((0, dilation, 2 * dilation), repeat=3):
        yield (..., *(slice(step, step + n) for step, n in zip(steps, size)))


def _in_full_precision(estimator: Estimator, features: torch.Tensor) -> torch.Tensor:
    """The last layer's sums are small differences of larger features."""
    *body, head = estimator
    for layer in body:
        features = layer(features)
    with torch.autocast(features.device.type, enabled=False):
        return head(features.float())
