"""Structures on a grid twice as fine as the one that a network names them on, from gray values.

The network's shares are a prior, the gray value of a finer voxel is the evidence: each structure has a normal
distribution of gray values, found in the image itself by expectation maximization (Dempster et al. 1977; with
an atlas as prior, Ashburner and Friston 2005). Structures are small, so that a bias field hardly widens theirs.
"""

import torch
import torch.nn.functional as F

from .warping import sample

#: The grid of the gray values is so many times as fine.
FINER = 2
#: Structures of a voxel that are looked at; the shares of others are hardly above 0.
KEPT = 6
#: Of expectation maximization.
ROUNDS = 2
#: No structure has less spread than that, squared; the image is in [0, 1].
LEAST_VARIANCE = 5e-4
#: Where more than this is no structure, and all around, nothing is looked at.
ALMOST_ALL = 0.99
#: So many voxels are scored at once: their scores stay in the cache of a processor.
SCORED_AT_ONCE = 8_000
#: Numbers of the codes that are averaged at once: a fine grid of all of them would take most of a gigabyte.
GROUP = 8


@torch.no_grad()
def sharpened_codes(features: torch.Tensor, scores, codes: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Mean code of each voxel's surroundings, from structures that are told apart on the finer grid.

    :param features: (1, C, d, h, w) float32, of the network on its own grid.
    :param scores: turns (voxels, C) into (voxels, structures + 1), 0 being no structure.
    :param codes: (structures + 1, L).
    :param image: (1, 1, 2d - 1, 2h - 1, 2w - 1) in [0, 1], on the grid of the same first and last voxel centers.
    :return: (1, L, d, h, w) float32.
    """
    inside = _anything(features, scores, image.shape[2:])
    likely, numbers = _likely(features, scores, inside.nonzero())
    shares = _by_gray_values(likely, numbers, image[0, 0][inside], len(codes))
    groups = codes.split(GROUP, dim=1)
    return torch.cat([halved(_filled(group, shares, numbers, inside)) for group in groups], dim=1)


def halved(values: torch.Tensor) -> torch.Tensor:
    """(1, C, 2d - 1, 2h - 1, 2w - 1) to (1, C, d, h, w): every other voxel, with halves of its neighbors."""
    for axis in (2, 3, 4):
        size = (values.shape[axis] + 1) // FINER
        between = 0.25 * values[_every_other(axis, 1)]
        first, last = values.narrow(axis, 0, 1), values.narrow(axis, -1, 1)
        values = 0.5 * values[_every_other(axis, 0)]
        values.narrow(axis, 1, size - 1).add_(between)
        values.narrow(axis, 0, size - 1).add_(between)
        # At the ends there is no neighbor: the voxel itself stands for it.
        values.narrow(axis, 0, 1).add_(first, alpha=0.25)
        values.narrow(axis, -1, 1).add_(last, alpha=0.25)
    return values


def _every_other(axis: int, first: int) -> tuple[slice, ...]:
    return tuple(slice(first, None, FINER) if other == axis else slice(None) for other in range(5))


def _anything(features, scores, shape) -> torch.Tensor:
    """Finer voxels with a structure in reach, (D, H, W) bool."""
    rows = features.flatten(2)[0].T
    nothing = torch.cat([scores(part).softmax(dim=1)[:, 0] for part in rows.split(SCORED_AT_ONCE)])
    some = (nothing < ALMOST_ALL).float().view(1, 1, *features.shape[2:])
    some = F.max_pool3d(some, 3, stride=1, padding=1)
    return F.interpolate(some, tuple(shape), mode="trilinear", align_corners=True)[0, 0] > 0.5


def _likely(features, scores, places) -> tuple[torch.Tensor, torch.Tensor]:
    """The highest scores at finer voxels, (voxels, KEPT), and of which structures they are."""
    found = []
    for part in places.split(SCORED_AT_ONCE):
        points = part.T.float().view(1, 3, 1, 1, -1) / FINER
        here = scores(sample(features, points)[0, :, 0, 0].T)
        found.append(here.topk(min(KEPT, here.shape[1]), dim=1))
    return tuple(torch.cat(parts) for parts in zip(*found, strict=True))


def _by_gray_values(scores, numbers, gray, count: int) -> torch.Tensor:
    """Shares after the gray values were seen, (voxels, KEPT)."""
    shares = scores.softmax(dim=1)
    for _round in range(ROUNDS):
        total = lambda values: gray.new_zeros(count).index_add_(0, numbers.flatten(), values.flatten())  # noqa: E731
        size = total(shares).clamp(min=1)
        mean = total(shares * gray[:, None]) / size
        # Of the differences, not of the squares: in flat structures those would cancel.
        squares = (gray[:, None] - mean[numbers]).square_()
        variance = total(shares * squares) / size + LEAST_VARIANCE
        odds = -0.5 * (squares / variance[numbers] + variance.log()[numbers])
        shares = (scores + odds).softmax(dim=1)
    return shares


def _filled(codes, shares, numbers, inside) -> torch.Tensor:
    """(1, L, D, H, W): mean codes where structures are in reach, that of no structure elsewhere."""
    values = codes[0].view(-1, 1).expand(-1, inside.numel()).clone()
    values[:, inside.flatten()] = F.embedding_bag(numbers, codes.contiguous(), per_sample_weights=shares, mode="sum").T
    return values.view(1, -1, *inside.shape)
