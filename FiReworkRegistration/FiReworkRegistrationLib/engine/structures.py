"""Structures of both images as something to match: what a label-assisted model adds to the polish.

A network trained on labels gives every voxel its shares of all structures. Comparing well over a hundred
share maps in every step would be slow, so each structure gets a random code of a few numbers and a voxel
the mean of its structures' codes: distances between codes stand for distances between shares
(Johnson and Lindenstrauss 1984).
"""

import math

import torch
import torch.nn.functional as F

from .device import convolution_precision
from .errors import NOT_FINITE, RegistrationError
from .sharpening import SCORED_AT_ONCE, sharpened_codes
from .warping import sample, voxels_in
from .working_grid import coarser

#: Numbers in a code; every step of the polish looks at one group of them.
CODE_LENGTH, GROUP = 24, 4
#: A structure weighs as its volume to this power: small ones count for more than their voxels, as in Dice.
VOLUME_POWER = -0.5


def structure_codes(volumes: torch.Tensor) -> torch.Tensor:
    """The code of each structure and, first, of everything else, (structures + 1, CODE_LENGTH) float32.

    :param volumes: typical number of voxels of each structure, (structures,).
    """
    # Always the same: two runs shall be equal.
    directions = torch.randn(len(volumes) + 1, CODE_LENGTH, generator=torch.Generator().manual_seed(5))
    directions /= directions.norm(dim=1, keepdim=True)
    weights = volumes.double() ** VOLUME_POWER
    # Voxel for voxel, the mean weight is 1.
    weights = (weights * volumes.sum() / (weights * volumes).sum()).float()
    # A difference counts twice in its square: once from either structure.
    return directions * torch.cat([weights.mean()[None], weights])[:, None].sqrt()


def mirrored_numbers(labels, mirrored) -> torch.Tensor:
    """The structure number on the other side, for each number, (structures + 1,) int64; 0 is no structure.

    :param labels: label values in the order of their structure numbers, which begin at 1.
    :param mirrored: for each of them the label value on the other side.
    :raises KeyError: of these that is none of the labels.
    """
    numbers = {label: number for number, label in enumerate(labels, start=1)}
    return torch.tensor([0, *(numbers[label] for label in mirrored)])


class StructureReader:
    """Codes of every voxel of an image.

    :param network: a ``StructureNetwork`` with its weights.
    :param codes: of :func:`structure_codes`, on the device of network and images.
    :param spacing: of the grid that the network was trained on, mm.
    :param other_side: of :func:`mirrored_numbers`, for a network that was trained on mirrored images too: it then
        looks at the image and at its mirror image, and the mean of both scores counts.
    """

    def __init__(self, network, codes: torch.Tensor, spacing: float, other_side: torch.Tensor | None = None):
        self._network, self._codes, self.spacing = network, codes, spacing
        self._weight, self._bias = network.scores.weight.detach(), network.scores.bias.detach()
        self._twice = other_side is not None
        if self._twice:
            self._weight = torch.cat([self._weight, self._weight[other_side]], dim=1) / 2
            self._bias = (self._bias + self._bias[other_side]) / 2

    @torch.no_grad()
    def __call__(self, image: torch.Tensor, precision="fp32", finer: torch.Tensor | None = None) -> torch.Tensor:
        """(1, 1, D, H, W) in [0, 1] to (1, CODE_LENGTH, D, H, W) float32.

        :param finer: the image on the grid of ``sharpening.FINER`` (n - 1) + 1 voxels an axis, where it shows
            more there: boundaries of structures are then placed by its gray values, see ``sharpening.py``.
        """
        features = self._features(image, precision)
        if self._twice:
            # The last axis runs from one side of the head to the other.
            features = torch.cat([features, self._features(image.flip(-1), precision).flip(-1)], dim=1)
        if finer is not None:
            return sharpened_codes(features, self._scores, self._codes, finer)
        rows = features.flatten(2)[0].T
        found = [self._scores(part).softmax(dim=1) @ self._codes for part in rows.split(SCORED_AT_ONCE)]
        return torch.cat(found).T.reshape(1, -1, *image.shape[2:])

    def _features(self, image, precision) -> torch.Tensor:
        """(1, C, D, H, W) float32.

        :raises RegistrationError: NaN, such as of a precision that the device only claims to have.
        """
        shape = image.shape[2:]
        missing = [-size % self._network.multiple for size in shape]
        if all(size <= self._network.multiple for size in shape):
            # On its coarsest grid, one voxel would have no spread to be normalized by.
            missing[0] += self._network.multiple
        padded = F.pad(image, [0, missing[2], 0, missing[1], 0, missing[0]])
        with convolution_precision(image.device, precision):
            features = self._network(padded.contiguous(memory_format=torch.channels_last_3d))
        features = features[..., : shape[0], : shape[1], : shape[2]].float()
        if not torch.isfinite(features).all():
            raise RegistrationError(NOT_FINITE)
        return features

    def _scores(self, rows) -> torch.Tensor:
        return F.linear(rows, self._weight, self._bias)


class StructureMatch:
    """Mean squared difference of codes between the fixed image and the warped moving one.

    :param fixed, moving: codes (1, CODE_LENGTH, d, h, w) on one grid that spans the same box of voxel centers
        as the grids of the fields to come, however fine those are.
    """

    def __init__(self, fixed: torch.Tensor, moving: torch.Tensor):
        self._fixed = [group.contiguous() for group in fixed.split(GROUP, dim=1)]
        self._moving = [group.contiguous() for group in moving.split(GROUP, dim=1)]

    def coarser(self, shape) -> "StructureMatch":
        """The same on a grid of ``shape``; as it is where that is not coarser than the codes' own."""
        if all(size <= new for size, new in zip(self._fixed[0].shape[2:], shape, strict=True)):
            return self
        return StructureMatch(*(coarser(torch.cat(groups, dim=1), shape) for groups in (self._fixed, self._moving)))

    def within(self, box, rows: slice, shape, whole) -> "StructureMatchInBox":
        """The share of some planes, for a field that is handed over in part.

        :param box: three slices of a grid of ``shape``: the part of the field that will be handed over.
        :param rows: planes along k that count.
        :param whole: three slices that hold everything that counts in the end.
        """
        return StructureMatchInBox(self._fixed, self._moving, box, rows, shape, whole)


class StructureMatchInBox:
    """See :meth:`StructureMatch.within`."""

    def __init__(self, fixed, moving, box, rows, shape, whole):
        size, device = fixed[0].shape[2:], fixed[0].device
        # Codes' voxels in one of the field's; voxel 0 is the same place on both grids.
        ratio = [(own - 1) / max(other - 1, 1) for own, other in zip(size, shape, strict=True)]
        inside = [_voxels(part, *at) for part, *at in zip((rows, *box[1:]), ratio, size, strict=True)]
        everything = [_voxels(part, *at) for part, *at in zip(whole, ratio, size, strict=True)]
        self._count = math.prod(part.stop - part.start for part in everything)
        self._points = voxels_in(inside, device)
        self._ratio = torch.tensor(ratio, device=device).view(1, 3, 1, 1, 1)
        self._voxels = _field_voxels(inside, ratio, box)
        if self._voxels is None:
            first = torch.tensor([part.start for part in box], device=device).view(1, 3, 1, 1, 1)
            self._at = self._points / self._ratio - first
        self._fixed, self._moving = [group[(..., *inside)].contiguous() for group in fixed], moving

    def __call__(self, field: torch.Tensor, step: int) -> torch.Tensor:
        """
        :param field: (1, 3, d, h, w) voxels of its own grid, in the box.
        :param step: chooses the group of numbers that are compared.
        :return: scalar; the sum over all parts is a mean over the whole box.
        """
        group = step % len(self._fixed)
        if not self._fixed[group].numel():
            return field.new_zeros(())
        here = sample(field, self._at) if self._voxels is None else field[(..., *self._voxels)]
        there = self._points + here * self._ratio
        difference = sample(self._moving[group], there) - self._fixed[group]
        # Of all numbers, so that the groups are estimates of one and the same.
        return difference.square().sum() * (len(self._fixed) / self._count)


def _voxels(part: slice, ratio: float, size: int) -> slice:
    """Voxels of the codes' grid between the first voxel of ``part`` and the first one after it."""
    first, last = (math.ceil(end * ratio - 1e-3) for end in (part.start, part.stop))
    return slice(min(first, size), min(last, size))


def _field_voxels(inside, ratio, box) -> tuple[slice, ...] | None:
    """Voxels of the field, in the box, that lie at those of the codes; None where it has not got all of them."""
    if any(each <= 0 or abs(1 / each - round(1 / each)) > 1e-6 for each in ratio):
        return None
    steps = [round(1 / each) for each in ratio]
    return tuple(
        slice(part.start * step - whole.start, (part.stop - 1) * step - whole.start + 1, step)
        for part, step, whole in zip(inside, steps, box, strict=True)
    )
