"""Which iteration to keep, and when to stop: read from the figures alone.

The recursion has no guarantee to improve for ever; it may turn to folding the field for a
little more similarity. So the best iteration is not simply the last one.
"""

#: Percent of voxels with non-positive Jacobian determinant above which an iteration is not chosen.
MOST_PERCENT_FOLDED = 0.5
#: Gain in local NCC from one iteration to the next below which going on is not worth its time.
LEAST_GAIN = 1e-3
#: 95th percentile of the field's change, voxels, below which nothing visible moves any more.
LEAST_CHANGE_VOXELS = 0.05


def best_iteration(figures, most_folded=MOST_PERCENT_FOLDED) -> int:
    """Index of the iteration with the highest local NCC among those that hardly fold.

    The last one if its folds were repaired, which was asked for and costs a little of the similarity, unless it is
    worse than the start.

    :param figures: sequence of ``Iteration`` (``index``, ``local_ncc``, ``percent_folded``, ``repair``), 0 the affine
        start, which never folds and is chosen when every other one folds too much.
    :param most_folded: percent of voxels; an iteration above it is vetoed.
    :return: the earliest of equals.
    """
    if figures[-1].repair is not None and figures[-1].local_ncc > figures[0].local_ncc:
        return figures[-1].index
    allowed = [entry for entry in figures if entry.percent_folded <= most_folded] or [figures[0]]
    return max(allowed, key=lambda entry: (entry.local_ncc, -entry.index)).index


def stop_reason(figures, least_gain=LEAST_GAIN, least_change=LEAST_CHANGE_VOXELS) -> str | None:
    """Why refining may stop after the last of ``figures``; None when it should go on.

    :param figures: sequence of ``Iteration`` (``local_ncc``, ``p95_change`` in voxels), 0 the affine start.
    :return: "similarity" when local NCC gained less than ``least_gain``, "change" when the field's change fell
        below ``least_change`` voxels (95th percentile), or None.
    """
    if len(figures) < 2:
        return None
    before, last = figures[-2], figures[-1]
    if last.p95_change < least_change:
        return "change"
    if last.local_ncc - before.local_ncc < least_gain:
        return "similarity"
    return None
