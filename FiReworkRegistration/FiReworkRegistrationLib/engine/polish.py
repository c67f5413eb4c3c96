"""Instance optimization: the refined field itself is optimized for its own pair, no weights.

Warm-started from the refiner, a few tens of Adam steps gain what a network trained on other
pairs leaves (as in ConvexAdam, Siebert et al. 2021, and FireANTs, Jena et al. 2024). The loss is
the refiner's own, local NCC and smoothness (arXiv 2410.09595, eq. 5), and a term that unfolds.
"""

import math
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F

from .fields import one_sided_determinant
from .similarity import LocalNcc, gradient_penalty
from .warping import identity_grid, sample

#: Half the width of the similarity's window, mm: smaller than in training, as near the solution
#: a small window tells gyri apart where a large one tells lobes.
HALF_WINDOW_MM = 4.5
#: The similarity is taken this far around the fixed content, mm.
MARGIN_MM = 8.0
#: Signs of the one-sided differences in the order in which steps take them, each with its opposite.
_CORNERS = tuple(list(product((1, -1), repeat=3))[3 * step % 8] for step in range(8))


@dataclass(frozen=True)
class PolishSettings:
    """Chosen on ``ixi_2mm/dev`` pairs at 2 mm.

    :param smoothness: weight of the mean squared gradient, per voxel of the content's box.
    :param folding: weight of the mean of max(0, ``least_determinant`` - Jacobian determinant).
    :param least_determinant: a little above 0, so that a voxel is pushed back before it folds.
    :param rate: Adam's step, voxels of the field's grid.
    """

    smoothness: float = 1.0
    folding: float = 20.0
    least_determinant: float = 0.1
    rate: float = 0.2


class FieldPolisher:
    """Optimizes one field on the images of one level.

    :param fixed, moving: (1, 1, d, h, w) float32 in [0, 1] on a grid that spans the field's box of
        voxel centers, ``finer`` times as fine: d = finer (D - 1) + 1.
    :param mask: (1, 1, D, H, W) on the field's grid, > 0 where images must match; everything if None.
    :param field: (1, 3, D, H, W) float32 voxels of its own grid; stays as it is.
    :param spacing: of the field's grid, mm.
    """

    def __init__(self, fixed, moving, mask, field, spacing: float, finer=1, settings: PolishSettings | None = None):
        self._settings, self._finer = settings or PolishSettings(), finer
        self._start, self._moving = field.detach().clone(), moving
        self._change = torch.zeros_like(self._start, requires_grad=True)
        self._optimizer = torch.optim.Adam([self._change], self._settings.rate)
        self._steps = 0
        # Half of a working grid is margin, where there is nothing to compare.
        content = torch.ones(field.shape[2:], dtype=torch.bool) if mask is None else mask[0, 0] > 0
        self._box = _bounding_box(content, math.ceil(MARGIN_MM / spacing))
        inside = tuple(slice(finer * s.start, finer * (s.stop - 1) + 1) for s in self._box)
        self._shape = tuple(s.stop - s.start for s in inside)
        self._ncc = LocalNcc(fixed[(..., *inside)].contiguous(), window_voxels(spacing / finer))
        self._points = identity_grid(moving.shape[2:], moving.device)[(..., *inside)]

    @property
    @torch.no_grad()
    def field(self) -> torch.Tensor:
        """(1, 3, D, H, W) float32 voxels, as far as it has come."""
        return self._field().detach()

    def step(self) -> float:
        """One step of Adam.

        :return: the loss before it.
        """
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._loss()
        loss.backward()
        self._optimizer.step()
        self._steps += 1
        return loss.item()

    def _field(self) -> torch.Tensor:
        # Adam moves every voxel by about the same length; the average over neighbors takes away
        # the checkerboard that this leaves. Only the change is averaged: the start stays sharp.
        return self._start + F.avg_pool3d(self._change, 3, stride=1, padding=1, count_include_pad=False)

    def _loss(self) -> torch.Tensor:
        settings, field = self._settings, self._field()
        inside = field[(..., *self._box)]
        # The two penalties are means over the whole grid, but weigh as if over the box.
        share = field[0, 0].numel() / inside[0, 0].numel()
        if self._finer > 1:
            # First and last voxel centers of both grids coincide, so lengths scale by ``finer`` exactly.
            inside = self._finer * F.interpolate(inside, size=self._shape, mode="trilinear", align_corners=True)
        similarity = self._ncc(sample(self._moving, self._points + inside)).mean()
        # Central differences miss folds that alternate from voxel to voxel. All eight one-sided
        # determinants would cost as much as the similarity: each step takes two opposite ones.
        signs = _CORNERS[self._steps % 8]
        unfolding = sum(
            (settings.least_determinant - one_sided_determinant(field, side)).clamp(min=0).mean() / 2
            for side in (signs, tuple(-sign for sign in signs))
        )
        return -similarity + share * (settings.smoothness * gradient_penalty(field) + settings.folding * unfolding)


def window_voxels(spacing: float) -> int:
    """Odd width in voxels of the similarity's window on a grid of ``spacing`` mm, at least 3."""
    return 2 * max(1, int(HALF_WINDOW_MM / spacing)) + 1


def _bounding_box(inside: torch.Tensor, margin: int) -> tuple[slice, slice, slice]:
    box = []
    for axis, size in enumerate(inside.shape):
        found = inside.movedim(axis, 0).flatten(1).any(dim=1).nonzero().flatten()
        first, last = (int(found[0]), int(found[-1])) if len(found) else (0, size - 1)
        box.append(slice(max(0, first - margin), min(size, last + 1 + margin)))
    return tuple(box)
