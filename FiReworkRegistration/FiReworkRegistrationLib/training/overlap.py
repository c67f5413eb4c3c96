"""Weak supervision by labels: soft Dice of a few structures drawn for each pair."""

import torch
import torch.nn.functional as F

#: Smaller structures on the training grid give more noise than direction.
LEAST_VOXELS = 16


def soft_labels(pair, count: int, generator) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Fixed and moving maps of ``count`` random labels that both images show, (1, count, D, H, W) each.

    A 3^3 mean widens their edges, so that structures that just miss each other still attract.
    None where no label is common.

    :param pair: with label maps (1, 1, D, H, W).
    :param generator: numpy generator that draws the labels.
    """
    sizes = [torch.bincount(labels.flatten().long()) for labels in (pair.fixed_labels, pair.moving_labels)]
    length = min(len(size) for size in sizes)
    common = (sizes[0][:length] >= LEAST_VOXELS) & (sizes[1][:length] >= LEAST_VOXELS)
    common[0] = False
    labels = common.nonzero().flatten().tolist()
    if not labels:
        return None
    drawn = generator.choice(labels, min(count, len(labels)), replace=False)
    drawn = torch.as_tensor(drawn, device=pair.fixed_labels.device).view(1, -1, 1, 1, 1)
    return tuple(
        F.avg_pool3d((labels == drawn).float(), 3, stride=1, padding=1)
        for labels in (pair.fixed_labels, pair.moving_labels)
    )


def soft_dice(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Mean over channels of 2 sum(a b) / (sum(a^2) + sum(b^2)), a scalar in [0, 1]; (1, C, D, H, W)."""
    axes = (2, 3, 4)
    both = (first * second).sum(axes)
    return (2 * both / (first.square().sum(axes) + second.square().sum(axes)).clamp(min=1e-6)).mean()
