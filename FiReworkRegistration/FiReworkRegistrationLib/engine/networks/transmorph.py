"""TransMorph (Chen et al., Medical Image Analysis 2022), written from the paper.

With window (5, 6, 5) it has 46,745,907 parameters for two channels and 46,777,395 for the six of
FiRework (arXiv 2410.09595): the patch embedding and both convolution skips grow by 31,488.
"""

import torch
from torch import nn
from torch.nn import functional as F

from .blocks import Convolution, flow_head
from .instance_norm import instance_norm
from .swin import PatchMerging, SwinBlock

PATCH = 4


class NormalizedConvolution(nn.Module):
    """3x3x3 convolution without bias, InstanceNorm, LeakyReLU(0.01)."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.convolution = Convolution(in_channels, out_channels, kernel_size=3, padding=1, bias=False)

    def forward(self, features: torch.Tensor, content: torch.Tensor | None = None) -> torch.Tensor:
        """:param content: see ``instance_norm``."""
        return F.leaky_relu(instance_norm(self.convolution(features), content), 0.01)


class DecoderBlock(nn.Module):
    """Trilinear 2x upsampling, the skip connection of that level, two convolutions."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int):
        super().__init__()
        self.first = NormalizedConvolution(in_channels + skip_channels, out_channels)
        self.second = NormalizedConvolution(out_channels, out_channels)

    def forward(self, features: torch.Tensor, skip: torch.Tensor, content: torch.Tensor | None = None) -> torch.Tensor:
        features = F.interpolate(features, scale_factor=2, mode="trilinear", align_corners=False)
        return self.second(self.first(torch.cat([features, skip], dim=1), content), content)


class TransMorph(nn.Module):
    """Swin encoder and convolution decoder from ``in_channels`` images to a displacement field on the same grid.

    :param in_channels: 2 (fixed, moving) or 6 (FiRework).
    :param embed: channels of the patch embedding, doubled from level to level; even.
    :param depths: Swin blocks of the levels, every second one shifted by half a window.
    :param heads: attention heads of the levels.
    :param window: tokens of a window along D, H, W: the grid / 32, as the paper chooses it. It fixes the
        size of the weights; other grids are padded to whole windows, and padding is attended by nothing.
    :param drop_path: rate of the last block; it grows linearly from 0 at the first.
    :param final: channels at full resolution before the flow head.
    :param norm: where the decoder's InstanceNorm takes its means: "grid", all of it, as in the paper, or "content",
        where the first channel, the fixed image, is above 0 (``instance_norm.py``).
    :raises ValueError: settings that do not go together.
    """

    def __init__(
        self,
        in_channels=6,
        embed=96,
        depths=(2, 2, 4, 2),
        heads=(4, 4, 8, 8),
        window=(5, 6, 5),
        drop_path=0.3,
        final=16,
        norm="grid",
    ):
        super().__init__()
        if len(depths) != 4 or len(heads) != 4 or len(window) != 3 or embed % 2:
            raise ValueError(
                f"TransMorph needs 4 depths, 4 heads, 3 window sides and an even embed, "
                f"got {list(depths)}, {list(heads)}, {list(window)} and {embed}"
            )
        if norm not in ("grid", "content"):
            raise ValueError(f"norm is 'grid' or 'content', got {norm!r}")
        self.norm = norm
        #: Every grid axis must be a multiple of this: patches of 4, merged three times.
        self.multiple = PATCH * 2 ** (len(depths) - 1)
        self.embed = nn.Conv3d(in_channels, embed, kernel_size=PATCH, stride=PATCH)
        self.embed_norm = nn.LayerNorm(embed)
        rates = (drop_path * block / max(sum(depths) - 1, 1) for block in range(sum(depths)))
        widths = [embed * 2**level for level in range(4)]
        self.levels, self.merges, self.norms = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for width, depth, head in zip(widths, depths, heads):
            blocks = [SwinBlock(width, head, window, bool(i % 2), next(rates)) for i in range(depth)]
            self.levels.append(nn.Sequential(*blocks))
            self.norms.append(nn.LayerNorm(width))
        for width in widths[:-1]:
            self.merges.append(PatchMerging(width))
        self.half_skip = NormalizedConvolution(in_channels, embed // 2)
        self.full_skip = NormalizedConvolution(in_channels, final)
        outputs = [*reversed(widths[:-1]), embed // 2, final]
        self.decoder = nn.ModuleList(
            DecoderBlock(before, width, width) for before, width in zip([widths[-1], *outputs], outputs)
        )
        for module in [*self.levels.modules(), *self.merges.modules()]:
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self.flow = flow_head(final)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, D, H, W) to a field (B, 3, D, H, W) float32, voxels, channels k, j, i."""
        contents = self._contents(inputs)
        half = F.avg_pool3d(inputs, 3, stride=2, padding=1)
        skips = [self.full_skip(inputs, contents[0]), self.half_skip(half, contents[1])]
        tokens = self.embed_norm(self.embed(inputs).permute(0, 2, 3, 4, 1))
        for level, (blocks, norm) in enumerate(zip(self.levels, self.norms)):
            if level:
                tokens = self.merges[level - 1](tokens)
            tokens = blocks(tokens)
            skips.append(norm(tokens).permute(0, 4, 1, 2, 3).contiguous())
        features = skips.pop()
        for block in self.decoder:
            features = block(features, skips.pop(), contents[len(skips)])
        # The head's sums are small differences of larger features: keep them in full precision.
        with torch.autocast(features.device.type, enabled=False):
            return self.flow(features.float())

    def _contents(self, inputs: torch.Tensor) -> list[torch.Tensor | None]:
        """How much of every voxel is content, at full resolution and each half of the one before."""
        if self.norm == "grid":
            return [None] * len(self.decoder)
        contents = [(inputs[:, :1] > 0).float()]
        while len(contents) < len(self.decoder):
            contents.append(F.avg_pool3d(contents[-1], 2))
        return contents
