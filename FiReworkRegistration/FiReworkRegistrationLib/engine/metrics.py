"""Figures that judge a registration: overlap, surface distance, folding, landmarks."""

import numpy as np


def dice_per_label(first: np.ndarray, second: np.ndarray, labels=None) -> dict[int, float]:
    """Dice of every label, 2 |A and B| / (|A| + |B|).

    :param first, second: label maps of one shape, integer values.
    :param labels: which ones; all nonzero labels of either map if None. A label in
        neither map is NaN.
    """
    a, b = np.asarray(first).ravel().astype(np.int64), np.asarray(second).ravel().astype(np.int64)
    size = int(max(a.max(), b.max())) + 1
    if labels is not None:
        size = max(size, int(max(labels)) + 1)
    count_a, count_b = np.bincount(a, minlength=size), np.bincount(b, minlength=size)
    both = np.bincount(a[a == b], minlength=size)
    total = (count_a + count_b).astype(float)
    if labels is None:
        labels = [label for label in np.nonzero(total)[0] if label != 0]
    return {int(l): 2.0 * both[l] / total[l] if total[l] else float("nan") for l in labels}  # noqa: E741


def mean_dice(first, second, labels=None) -> float:
    """Mean of :func:`dice_per_label` over the labels that occur."""
    return float(np.nanmean(list(dice_per_label(first, second, labels).values())))
