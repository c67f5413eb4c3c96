"""Dice, folding and time of every iteration on a labelled pair of the training grid."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from ..engine.device import convolution_precision
from ..engine.fields import percent_folded
from ..engine.metrics import dice_per_label, mean_dice
from ..engine.similarity import local_ncc
from ..engine.warping import warp


@dataclass(frozen=True)
class Judged:
    """One iteration of one pair; 0 is the affine start.

    :param field: (1, 3, D, H, W) float32 voxels.
    :param dice: mean over the labels that both subjects have; NaN without label maps.
    :param ncc: mean squared local NCC inside the fixed brain.
    :param folded: percent of voxels of the fixed brain with non-positive Jacobian determinant.
    :param seconds: of the network's iterations up to this one.
    """

    iteration: int
    field: torch.Tensor
    dice: float
    ncc: float
    folded: float
    seconds: float


@torch.no_grad()
def judge_refinement(network, pair, labels, iterations, precision="fp32") -> Iterator[Judged]:
    """Refine from a zero field and yield those of ``iterations`` in ascending order.

    :param network: in eval mode, on the pair's device.
    :param pair: ``training.pairs.Pair``; the clean images are read.
    :param labels: label values that count.
    """
    state = torch.zeros((1, 3, *pair.fixed.shape[2:]), device=pair.fixed.device)
    seconds, dice = 0.0, float("nan")
    for iteration in range(max(iterations) + 1):
        if iteration:
            began = _now(state.device)
            with convolution_precision(state.device, precision):
                state = network.refine(pair.fixed, pair.moving, state)
            seconds += _now(state.device) - began
        if iteration in iterations:
            field = network.displacement(state)
            if pair.fixed_labels is not None:
                warped = warp(pair.moving_labels, field, "nearest").cpu()
                dice = mean_dice(dice_per_label(pair.fixed_labels.cpu(), warped, labels))
            ncc = local_ncc(pair.fixed, warp(pair.moving, field), mask=pair.fixed).item()
            yield Judged(iteration, field, dice, ncc, percent_folded(field, pair.fixed), seconds)


def _now(device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
