"""Instance optimization: the refined field itself is optimized for its own pair, no weights.

Warm-started from the refiner, a few tens of Adam steps gain what a network trained on other
pairs leaves (as in ConvexAdam, Siebert et al. 2021, and FireANTs, Jena et al. 2024). The loss is
the refiner's own, local NCC and smoothness (arXiv 2410.09595, eq. 5), and a term that unfolds.
"""

import math
from dataclasses import dataclass
from itertools import product

import torch

from .fields import fold_penalty
from .similarity import LocalNcc, box_mean, gradient_penalty
from .warping import identity_grid, sample

#: Width of the similarity's window, voxels.
WINDOW = 5
#: The similarity is taken this far around the fixed content, mm.
MARGIN_MM = 8.0
#: The change fades over so much of that, mm.
FADE_MM = 4.0
#: Signs of the one-sided differences in the order in which steps take them, each with its opposite.
_CORNERS = tuple(list(product((1, -1), repeat=3))[3 * step % 8] for step in range(8))


@dataclass(frozen=True)
class PolishSettings:
    """Chosen on ``ixi_2mm/dev`` pairs at 2 mm and on a pair of images synthesized from label maps at 1 mm.

    :param smoothness: weight of the mean squared gradient, per voxel of the content's box.
    :param folding: weight of the mean of max(0, ``least_determinant`` - Jacobian determinant).
    :param least_determinant: a little above 0, so that a voxel is pushed back before it folds.
    :param rate: Adam's step, voxels of the field's grid.
    """

    smoothness: float = 0.5
    folding: float = 20.0
    least_determinant: float = 0.1
    rate: float = 0.3


class FieldPolisher:
    """Optimizes one field on the images of its grid.

    :param fixed, moving: (1, 1, D, H, W) float32 in [0, 1].
    :param mask: (1, 1, D, H, W), > 0 where images must match; everything if None.
    :param field: (1, 3, D, H, W) float32 voxels; stays as it is.
    :param spacing: of the grid, mm.
    """

    def __init__(self, fixed, moving, mask, field, spacing: float, settings: PolishSettings | None = None):
        self._settings, self._start, self._moving = settings or PolishSettings(), field.detach(), moving
        # Half of a working grid is margin, where there is nothing to compare: it stays as it is.
        content = torch.ones(field.shape[2:], dtype=torch.bool) if mask is None else mask[0, 0] > 0
        self._box = _bounding_box(content, math.ceil(MARGIN_MM / spacing))
        self._ncc = LocalNcc(fixed[(..., *self._box)].contiguous(), WINDOW)
        self._points = identity_grid(moving.shape[2:], moving.device)[(..., *self._box)]
        self._inside = self._start[(..., *self._box)].clone()
        self._fade = _fade(self._inside.shape[2:], max(1, round(FADE_MM / spacing))).to(field.device)
        self._change = torch.zeros_like(self._inside, requires_grad=True)
        self._optimizer = torch.optim.Adam([self._change], self._settings.rate, fused=True)
        self._steps = 0

    @property
    @torch.no_grad()
    def field(self) -> torch.Tensor:
        """(1, 3, D, H, W) float32 voxels, as far as it has come."""
        field = self._start.clone()
        field[(..., *self._box)] = self._field()
        return field

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
        return self._inside + self._fade * box_mean(self._change, 3)

    def _loss(self) -> torch.Tensor:
        settings, field = self._settings, self._field()
        similarity = self._ncc(sample(self._moving, self._points + field)).mean()
        # Central differences miss folds that alternate from voxel to voxel. All eight one-sided
        # determinants would cost as much as the similarity: each step takes two opposite ones.
        signs = _CORNERS[self._steps % 8]
        sides = signs, tuple(-sign for sign in signs)
        unfolding = sum(fold_penalty(field, side, settings.least_determinant) / 2 for side in sides)
        return -similarity + settings.smoothness * gradient_penalty(field) + settings.folding * unfolding


def _fade(shape, width: int) -> torch.Tensor:
    """(D, H, W) factor of the change: almost 0 at the faces of the box, 1 from ``width`` voxels inwards."""
    fade = torch.ones(tuple(shape))
    for axis, size in enumerate(shape):
        index = torch.arange(size)
        ramp = ((torch.minimum(index, size - 1 - index) + 1) / (width + 1)).clamp(max=1)
        fade *= ramp.view([-1 if other == axis else 1 for other in range(3)])
    return fade


def _bounding_box(inside: torch.Tensor, margin: int) -> tuple[slice, slice, slice]:
    box = []
    for axis, size in enumerate(inside.shape):
        found = inside.movedim(axis, 0).flatten(1).any(dim=1).nonzero().flatten()
        first, last = (int(found[0]), int(found[-1])) if len(found) else (0, size - 1)
        box.append(slice(max(0, first - margin), min(size, last + 1 + margin)))
    return tuple(box)
