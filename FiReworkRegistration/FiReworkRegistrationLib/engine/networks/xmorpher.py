"""Two crossing transformers, XMorpher (Shi et al., MICCAI 2022), written from the paper.

At the published settings this reading of it has 14,795,715 parameters with two channels; the authors' code has about
15.1 million, of which 0.3 million are a layer that it never uses and some norms more.
"""

import itertools
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from .blocks import flow_head
from .streams import Stems
from .swin import from_windows, padded_size

PATCH = 4
#: Tokens of a window of the one image along each axis, and of the larger window of the other image around it.
WINDOW, SEARCH = 2, 6


class CrossAttention(nn.Module):
    """Windows of one image attend to larger windows of the other, around the same place."""

    def __init__(self, channels: int, heads: int):
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be split among {heads} heads")
        self.heads = heads
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.project = nn.Linear(channels, channels)

    def forward(self, tokens: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """(B, D, H, W, C) twice to the same shape."""
        grid = tuple(tokens.shape[1:4])
        query = self._heads(windows(self.query(tokens), WINDOW))
        key, value = (self._heads(windows(part, SEARCH)) for part in self.key_value(others).chunk(2, dim=-1))
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        # Beyond the border there is nothing to look at.
        there = windows(others.new_ones((1, *grid, 1)), SEARCH).flatten(0, 3)[..., 0] > 0
        scores = scores.unflatten(0, (-1, len(there))).masked_fill(~there[:, None, None], float("-inf")).flatten(0, 1)
        mixed = scores.float().softmax(dim=-1).to(value.dtype) @ value
        mixed = from_windows(mixed.transpose(1, 2).flatten(2), (WINDOW,) * 3, padded_size(grid, (WINDOW,) * 3))
        return self.project(mixed[:, : grid[0], : grid[1], : grid[2]])

    def _heads(self, parts: torch.Tensor) -> torch.Tensor:
        """(1 or B, windows..., N, C) to (B * windows, heads, N, C / heads)."""
        return parts.flatten(0, 3).unflatten(-1, (self.heads, -1)).transpose(1, 2)


class CrossBlock(nn.Module):
    """Cross attention and MLP with residual connections, for both images by the same weights."""

    def __init__(self, channels: int, heads: int, mlp_ratio=4):
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = CrossAttention(channels, heads)
        self.mlp = nn.Sequential(
            nn.Linear(channels, mlp_ratio * channels), nn.GELU(), nn.Linear(mlp_ratio * channels, channels)
        )

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen = self.attention_norm(first), self.attention_norm(second)
        first, second = first + self.attention(*seen), second + self.attention(*seen[::-1])
        return first + self.mlp(self.mlp_norm(first)), second + self.mlp(self.mlp_norm(second))


class Stage(nn.ModuleList):
    def __init__(self, channels: int, heads: int, depth: int):
        super().__init__(CrossBlock(channels, heads) for _ in range(depth))

    def forward(self, pair):
        for block in self:
            pair = block(*pair)
        return pair


class XMorpher(nn.Module):
    """U-shaped: crossing stages down and up, then both images' features together become a field.

    :param in_channels: see ``Stems``.
    :param embed: channels of a token, doubled from level to level.
    :param depths, heads: of the levels.
    """

    def __init__(self, in_channels=2, embed=48, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24)):
        super().__init__()
        if len(depths) != len(heads):
            raise ValueError(f"XMorpher needs as many depths as heads, got {list(depths)} and {list(heads)}")
        widths = [embed * 2**level for level in range(len(depths))]
        #: Every grid axis must be a multiple of this: patches of 4, halved from level to level.
        self.multiple = PATCH * 2 ** (len(depths) - 1)
        self.stems = Stems(in_channels, partial(nn.Conv3d, out_channels=embed, kernel_size=PATCH, stride=PATCH))
        self.norm = nn.LayerNorm(embed)
        self.encoder = nn.ModuleList(map(Stage, widths, heads, depths))
        self.down = nn.ModuleList(nn.Conv3d(a, b, 2, stride=2) for a, b in itertools.pairwise(widths))
        self.up = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, stride=2) for a, b in itertools.pairwise(widths))
        self.fuse = nn.ModuleList(nn.Linear(2 * width, width) for width in widths[:-1])
        self.decoder = nn.ModuleList(map(Stage, widths, heads, depths))
        self.expand = nn.ConvTranspose3d(2 * embed, embed // 2, PATCH, stride=PATCH)
        self.flow = flow_head(embed // 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, D, H, W) to a field (B, 3, D, H, W) float32, voxels, channels k, j, i."""
        pair = tuple(self.norm(_last(features)) for features in self.stems(inputs))
        skips = []
        for level, stage in enumerate(self.encoder):
            if level:
                pair = tuple(_last(self.down[level - 1](_first(tokens))) for tokens in pair)
            pair = stage(pair)
            skips.append(pair)
        skips.pop()
        pair = self.decoder[-1](pair)
        for level in reversed(range(len(skips))):
            pair = tuple(_last(self.up[level](_first(tokens))) for tokens in pair)
            pair = tuple(self.fuse[level](torch.cat(tokens, dim=-1)) for tokens in zip(pair, skips.pop(), strict=True))
            pair = self.decoder[level](pair)
        features = F.leaky_relu(self.expand(_first(torch.cat(pair, dim=-1))), 0.2)
        # The head's sums are small differences of larger features: keep them in full precision.
        with torch.autocast(features.device.type, enabled=False):
            return self.flow(features.float())


def windows(tokens: torch.Tensor, size: int) -> torch.Tensor:
    """Windows of ``size`` tokens along each axis, one for every ``WINDOW`` and centered on it, zeros outside.

    :param tokens: (B, D, H, W, C).
    :return: (B, D/2, H/2, W/2, size^3, C), halves rounded up.
    """
    margin = (size - WINDOW) // 2
    after = [margin + axis % WINDOW for axis in tokens.shape[1:4]]
    tokens = F.pad(tokens, (0, 0, margin, after[2], margin, after[1], margin, after[0]))
    for axis in (1, 2, 3):
        tokens = tokens.unfold(axis, size, WINDOW)
    return tokens.flatten(5).transpose(-1, -2)


def _first(tokens: torch.Tensor) -> torch.Tensor:
    return tokens.permute(0, 4, 1, 2, 3)


def _last(features: torch.Tensor) -> torch.Tensor:
    return features.permute(0, 2, 3, 4, 1)
