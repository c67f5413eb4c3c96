"""Shifted-window attention in three dimensions, written from Liu et al., "Swin Transformer" (ICCV 2021).

Tokens lie channels last, (B, D, H, W, C), so that linear layers and LayerNorm need no transpose.
"""

from itertools import product

import torch
from torch import nn
from torch.nn import functional as F


def to_windows(tokens: torch.Tensor, window: tuple[int, int, int]) -> torch.Tensor:
    """(B, D, H, W, C) to (B * windows, tokens of a window, C); the grid must be a multiple of ``window``."""
    batch, depth, height, width, channels = tokens.shape
    a, b, c = window
    tokens = tokens.view(batch, depth // a, a, height // b, b, width // c, c, channels)
    return tokens.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, a * b * c, channels)


def from_windows(windows: torch.Tensor, window: tuple[int, int, int], grid: tuple[int, int, int]) -> torch.Tensor:
    """Inverse of ``to_windows``: (B * windows, N, C) to (B, *grid, C)."""
    counts = [size // side for size, side in zip(grid, window)]
    tokens = windows.view(-1, *counts, *window, windows.shape[-1])
    return tokens.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(-1, *grid, windows.shape[-1])


def padded_size(grid, window) -> tuple[int, int, int]:
    """The smallest multiple of ``window`` that holds ``grid``."""
    return tuple(-(-size // side) * side for size, side in zip(grid, window))


def strangers(grid, window, shift, device) -> torch.Tensor | None:
    """Which tokens of a window may not see each other: (windows, N, N) bool, None where all may.

    Rolling by ``shift`` brings opposite borders into one window, padding brings tokens that are no image.
    """
    padded = padded_size(grid, window)
    if padded == tuple(grid) and not any(shift):
        return None
    region = torch.zeros(padded, dtype=torch.long, device=device)
    for axis, (size, true_size, moved) in enumerate(zip(padded, grid, shift)):
        position = torch.arange(size, device=device).roll(-moved)
        kind = torch.zeros_like(position)
        if moved:
            # After the roll the last window holds both borders: the part that wrapped is another region.
            kind[size - moved :] = 1
        kind[position >= true_size] = 2
        region = region * 3 + kind.view([-1 if other == axis else 1 for other in range(3)])
    ids = to_windows(region[None, ..., None], window).squeeze(-1)
    return ids[:, :, None] != ids[:, None, :]


class WindowAttention(nn.Module):
    """Multi-head attention within windows, with a learned bias for each relative position."""

    def __init__(self, channels: int, heads: int, window: tuple[int, int, int]):
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be split among {heads} heads")
        self.heads = heads
        spans = [2 * side - 1 for side in window]
        self.table = nn.Parameter(torch.zeros(spans[0] * spans[1] * spans[2], heads))
        nn.init.trunc_normal_(self.table, std=0.02)
        places = torch.tensor(list(product(*(range(side) for side in window))))
        offsets = places[:, None] - places[None] + torch.tensor(window) - 1
        index = (offsets[..., 0] * spans[1] + offsets[..., 1]) * spans[2] + offsets[..., 2]
        self.register_buffer("index", index, persistent=False)
        self.qkv = nn.Linear(channels, 3 * channels, bias=False)
        self.project = nn.Linear(channels, channels)

    def forward(self, windows: torch.Tensor, apart: torch.Tensor | None) -> torch.Tensor:
        """:param windows: (B * windows, N, C). :param apart: (windows, N, N) from ``strangers``."""
        count, size, channels = windows.shape
        qkv = self.qkv(windows).view(count, size, 3, self.heads, channels // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        scores = scores.float() + self.table[self.index].permute(2, 0, 1).float()
        if apart is not None:
            # A view per image of the batch, as each has the same windows.
            scores = scores.view(-1, len(apart), *scores.shape[1:])
            scores = scores.masked_fill(apart[:, None], float("-inf")).view(count, self.heads, size, size)
        mixed = scores.softmax(dim=-1).to(value.dtype) @ value
        return self.project(mixed.transpose(1, 2).reshape(count, size, channels))


class DropPath(nn.Module):
    """Leaves a residual branch out for whole samples, with probability ``rate``, in training only."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = float(rate)

    def forward(self, branch: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return branch
        kept = torch.rand(branch.shape[0], *[1] * (branch.dim() - 1), device=branch.device) >= self.rate
        return branch * kept / (1 - self.rate)


class SwinBlock(nn.Module):
    """LayerNorm, window attention and LayerNorm, MLP, each with a residual connection."""

    def __init__(self, channels: int, heads: int, window, shifted: bool, drop_path=0.0, mlp_ratio=4):
        super().__init__()
        self.window, self.shifted = tuple(window), shifted
        self.attention_norm = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, self.window)
        self.mlp_norm = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, mlp_ratio * channels), nn.GELU(), nn.Linear(mlp_ratio * channels, channels)
        )
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, D, H, W, C) to the same shape; any grid, padded to whole windows within."""
        tokens = tokens + self.drop_path(self._attend(self.attention_norm(tokens)))
        return tokens + self.drop_path(self.mlp(self.mlp_norm(tokens)))

    def _attend(self, tokens: torch.Tensor) -> torch.Tensor:
        grid = tuple(tokens.shape[1:4])
        padded = padded_size(grid, self.window)
        # An axis with a single window has no neighbour to exchange tokens with.
        shift = tuple(side // 2 if self.shifted and size > side else 0 for size, side in zip(padded, self.window))
        after = [end - size for end, size in zip(padded, grid)]
        tokens = F.pad(tokens, (0, 0, 0, after[2], 0, after[1], 0, after[0]))
        tokens = tokens.roll([-step for step in shift], dims=(1, 2, 3))
        apart = strangers(grid, self.window, shift, tokens.device)
        tokens = from_windows(self.attention(to_windows(tokens, self.window), apart), self.window, padded)
        return tokens.roll(shift, dims=(1, 2, 3))[:, : grid[0], : grid[1], : grid[2]]


class PatchMerging(nn.Module):
    """2x2x2 neighbours become one token with twice the channels."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(8 * channels)
        self.reduce = nn.Linear(8 * channels, 2 * channels, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, D, H, W, C), even axes, to (B, D/2, H/2, W/2, 2C)."""
        parts = [tokens[:, i::2, j::2, k::2] for i, j, k in product(range(2), repeat=3)]
        return self.reduce(self.norm(torch.cat(parts, dim=-1)))
