"""Levels of a polish in turn: instance optimization from coarse grids to fine ones."""

import time

import torch

from .errors import Cancelled
from .fields import resize_field
from .polished_pair import PolishedPair
from .unfold import Repair, unfold


def polish_levels(
    field: torch.Tensor, levels, pair: PolishedPair, deadline: float, told=lambda fraction: None, cancelled=None
) -> tuple[torch.Tensor, Repair | None]:
    """
    :param field: (1, 3, D, H, W) voxels of its own grid; stays as it is.
    :param levels: ``PolishLevel`` s.
    :param pair: gives what the levels need of it on their grids.
    :param deadline: of ``time.perf_counter``; no step begins after it. Where time was too short to find again what
        was smoothed away, the field before that comes back, or that at the beginning, if it agrees better.
    :param told: called with the share of the work that is done, in [0, 1], after each step.
    :param cancelled: asked before each step.
    :return: the field on the finest of all grids, and what a repair changed, if there was one.
    :raises Cancelled: the flag was set.
    """
    total, done, repair = sum(level.cost for level in levels), 0.0, None
    start, sharp = field, None
    for level in levels:
        if time.perf_counter() >= deadline:
            break
        if level.forget:
            sharp, field = field, pair.smoothed(field, level.forget)
        own = pair.polisher(level, field) if level.steps else None
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
            field, repair = unfold(field, pair.mask_for(field), cancelled)
    if sharp is not None and time.perf_counter() >= deadline:
        best = max((field, start, sharp), key=pair.similarity)
        field, repair = best, repair if best is field else None
    return field, repair
