"""Local repair of folds: a field is changed where it folds, as little as that takes, and nowhere else."""

from dataclasses import dataclass
from itertools import product

import torch

from .fields import bounding_box, forward_differences, lengths, percent_folded
from .regularity import add_fold_penalty

#: All one-sided differences: each voxel's eight corner tetrahedra.
_SIGNS = tuple(product((1, -1), repeat=3))
#: Determinants below this are raised.
LEAST_DETERMINANT = 0.01
#: The repair ends when at most so many percent of the volume are turned inside out.
ENOUGH = 0.003
#: Times that all folds are looked for and opened a little.
ROUNDS = 20
#: Of the penalty's gradient, and of no more than twice this in a round; voxels.
STEP = 0.1
#: Voxels around the mask that are repaired too.
MARGIN = 2


@dataclass(frozen=True)
class Repair:
    """What a repair changed. Percentages are of the mask's voxels, lengths in voxels of the field's grid.

    :param folded_before, folded_after: non-positive Jacobian determinant by central differences.
    :param changed: moved by more than a hundredth of a voxel.
    :param mean_change, largest_change: of those.
    """

    folded_before: float
    folded_after: float
    changed: float
    mean_change: float
    largest_change: float


def unfold(field: torch.Tensor, mask: torch.Tensor | None = None, cancelled=None) -> tuple[torch.Tensor, Repair]:
    """Open the folds inside the mask's box.

    Steepest descent on ``add_fold_penalty`` of all eight one-sided determinants: only voxels that fold, and their
    neighbors, have a gradient.

    :param field: (1, 3, D, H, W) voxels; stays as it is.
    :param mask: (1, 1, D, H, W), > 0 where voxels are counted. All if None.
    :param cancelled: asked before each round.
    :return: the repaired field and what was changed.
    :raises Cancelled: the flag was set.
    """
    from .errors import Cancelled

    field = field.detach().float()
    inside = torch.ones(field.shape[2:], dtype=torch.bool, device=field.device) if mask is None else mask[0, 0] > 0
    count = max(int(inside.sum()), 1)
    repaired, box = field.clone(), (..., *bounding_box(inside, MARGIN))
    part = repaired[box].clone(memory_format=torch.contiguous_format)
    for _ in range(ROUNDS):
        if cancelled and cancelled():
            raise Cancelled("Cancelled while folds were repaired.")
        gradient = torch.zeros_like(part)
        differences = forward_differences(part)
        penalty = sum(add_fold_penalty(part, differences, signs, LEAST_DETERMINANT, gradient) for signs in _SIGNS)
        # A tetrahedron is a sixth of its determinant; both ways to split a cell have four of the eight corners.
        if 100.0 * penalty / (12 * count) < ENOUGH:
            break
        part -= (STEP * gradient).clamp(-2 * STEP, 2 * STEP)
    repaired[box] = part
    return repaired, _report(field, repaired, inside)


def _report(before: torch.Tensor, after: torch.Tensor, inside: torch.Tensor) -> Repair:
    length = lengths(after - before, dim=1)[0]
    moved = length[inside & (length > 0.01)]
    folded = (percent_folded(field, inside[None, None]) for field in (before, after))
    return Repair(
        *folded, 100.0 * len(moved) / max(int(inside.sum()), 1),
        *((moved.mean().item(), moved.max().item()) if len(moved) else (0.0, 0.0)),
    )  # fmt: skip
