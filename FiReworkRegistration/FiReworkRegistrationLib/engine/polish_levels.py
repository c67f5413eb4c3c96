"""Levels of a polish in turn: instance optimization from coarse grids to fine ones."""

import time

import torch

from .errors import Cancelled
from .fields import resize_field
from .unfold import Repair, unfold


def polish_levels(
    field: torch.Tensor, levels, polisher, mask_for, deadline: float, told=lambda fraction: None, cancelled=None,
    forgotten=None, similarity=None,
) -> tuple[torch.Tensor, Repair | None]:  # fmt: skip
    """
    :param field: (1, 3, D, H, W) voxels of its own grid; stays as it is.
    :param levels: ``PolishLevel`` s.
    :param polisher: ``polisher(level, field)`` makes the ``FieldPolisher`` of a level that has steps.
    :param mask_for: gives the mask on the grid of a field, for the repair of folds.
    :param deadline: of ``time.perf_counter``; no step begins after it.
    :param told: called with the share of the work that is done, in [0, 1], after each step.
    :param cancelled: asked before each step.
    :param forgotten: ``forgotten(field, deviation)`` smooths a field, where levels ask for that.
    :param similarity: of the images under a field. Where time was too short to find again what was smoothed away,
        the field before that comes back, or that at the beginning.
    :return: the field on the finest of all grids, and what a repair changed, if there was one.
    :raises Cancelled: the flag was set.
    """
    total, done, repair = sum(level.cost for level in levels), 0.0, None
    start, sharp = field, None
    for level in levels:
        if time.perf_counter() >= deadline:
            break
        if level.forget:
            sharp, field = field, forgotten(field, level.forget)
        own = polisher(level, field) if level.steps else None
        for _step in range(level.steps):
            if cancelled and cancelled():
                raise Cancelled("Cancelled while polishing.")
            if time.perf_counter() >= deadline:
                break
            own.step()
            done += level.cost / level.steps
            told(min(1.0, done / total))
        if own:
            # A level coarser than the field takes none of its detail away.
            finer = own.start if own.start.shape[2] >= field.shape[2] else field
            field = finer + resize_field(own.field - own.start, finer.shape[2:])
        if level.unfold:
            field, repair = unfold(field, mask_for(field), cancelled)
    if sharp is not None and time.perf_counter() >= deadline:
        best = max((field, start, sharp), key=similarity)
        field, repair = best, repair if best is field else None
    return field, repair
