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
#: So many voxels are scored at once.
SCORED_AT_ONCE = 100_000
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
    places = inside.nonzero()
    shares, numbers = _shares(features, scores, places)
    gray = image[0, 0][inside]
    shares = _by_gray_values(shares, numbers, gray, len(codes))
    result = [
        halved(_filled(codes[:, first : first + GROUP], shares, numbers, inside))
        for first in range(0, codes.shape[1], GROUP)
    ]
    return torch.cat(result, dim=1)


def halved(values: torch.Tensor) -> torch.Tensor:
    """(1, C, 2d - 1, 2h - 1, 2w - 1) to (1, C, d, h, w): every other voxel, with halves of its neighbors."""
    for axis in (2, 3, 4):
        size = values.shape[axis]
        padding = [0] * 6
        padding[2 * (4 - axis) : 2 * (4 - axis) + 2] = 1, 1
        padded = F.pad(values, padding, mode="replicate")
        before, at, after = (padded.narrow(axis, first, size)[_every_other(axis)] for first in range(3))
        values = 0.25 * before + 0.5 * at + 0.25 * after
    return values


def _every_other(axis: int) -> tuple[slice, ...]:
    return tuple(slice(None, None, FINER if other == axis else 1) for other in range(5))


def _anything(features, scores, shape) -> torch.Tensor:
    """Finer voxels with a structure in reach, (D, H, W) bool."""
    rows = features.flatten(2)[0].T
    nothing = torch.cat([scores(part).softmax(dim=1)[:, 0] for part in rows.split(SCORED_AT_ONCE)])
    some = (nothing < ALMOST_ALL).float().view(1, 1, *features.shape[2:])
    some = F.max_pool3d(some, 3, stride=1, padding=1)
    return F.interpolate(some, tuple(shape), mode="trilinear", align_corners=True)[0, 0] > 0.5


def _shares(features, scores, places) -> tuple[torch.Tensor, torch.Tensor]:
    """The largest shares at finer voxels, (voxels, KEPT), and of which structures they are."""
    shares, numbers = [], []
    for part in places.split(SCORED_AT_ONCE):
        points = part.T.float().view(1, 3, 1, 1, -1) / FINER
        found = scores(sample(features, points)[0, :, 0, 0].T).softmax(dim=1)
        share, number = found.topk(min(KEPT, found.shape[1]), dim=1)
        shares.append(share)
        numbers.append(number)
    return torch.cat(shares), torch.cat(numbers)


def _by_gray_values(prior, numbers, gray, count: int) -> torch.Tensor:
    """Shares after the gray values were seen, (voxels, KEPT)."""
    shares = prior / prior.sum(dim=1, keepdim=True)
    for _round in range(ROUNDS):
        total = lambda values: gray.new_zeros(count).index_add_(0, numbers.flatten(), values.flatten())  # noqa: E731
        size = total(shares).clamp(min=1)
        mean = total(shares * gray[:, None]) / size
        # Of the differences, not of the squares: in flat structures those would cancel.
        variance = total(shares * (gray[:, None] - mean[numbers]).square()) / size + LEAST_VARIANCE
        odds = -0.5 * ((gray[:, None] - mean[numbers]).square() / variance[numbers] + variance[numbers].log())
        shares = (prior.clamp(min=1e-12).log() + odds).softmax(dim=1)
    return shares


def _filled(codes, shares, numbers, inside) -> torch.Tensor:
    """(1, L, D, H, W): mean codes where structures are in reach, that of no structure elsewhere."""
    values = codes[0].view(-1, 1).expand(-1, inside.numel()).clone()
    found = [
        torch.einsum("vk,vkl->lv", share, codes[number])
        for share, number in zip(shares.split(SCORED_AT_ONCE), numbers.split(SCORED_AT_ONCE), strict=True)
    ]
    values[:, inside.flatten()] = torch.cat(found, dim=1)
    return values.view(1, -1, *inside.shape)
