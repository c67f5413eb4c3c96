"""Terms of the polish that look at the field alone, with their gradients written out.

Autograd would fill whole arrays with zeros for every difference that it goes back through, several times the work.
"""

import torch

from .fields import one_sided_determinant


@torch.no_grad()
def add_steepness(differences, rows: slice, weights, gradient: torch.Tensor) -> float:
    """Sum of squared forward differences of some planes, and its gradient.

    :param differences: ``forward_differences`` of a field (1, 3, D, H, W), voxels.
    :param rows: planes along k that count; with the last of them its difference to the next one, where there is one.
    :param weights: of the differences along k, j, i.
    :param gradient: of the field's shape; the term's own is added to it.
    """
    total, next_plane = 0.0, slice(rows.start, min(rows.stop + 1, gradient.shape[2]))
    for axis, (difference, weight) in enumerate(zip(differences, weights, strict=True), 2):
        steep, part = difference[:, :, rows], gradient[:, :, next_plane if axis == 2 else rows]
        total += weight * sum(flat.dot(flat).item() for flat in steep[0].flatten(1))
        length = steep.shape[axis]
        part.narrow(axis, 1, length).add_(steep, alpha=2 * weight)
        part.narrow(axis, 0, length).sub_(steep, alpha=2 * weight)
    return total


@torch.no_grad()
def add_fold_penalty(
    field: torch.Tensor, differences, signs, least: float, gradient: torch.Tensor, weight: float = 1.0
) -> float:
    """Sum of max(0, ``least`` - ``one_sided_determinant``) over the voxels, and its gradient.

    Only voxels below ``least`` have a gradient: those few are looked up.

    :param field: (1, 3, D, H, W) voxels, whole planes of a contiguous one.
    :param differences: its ``forward_differences``.
    :param signs: as of ``one_sided_determinant``.
    :param gradient: as ``field``; ``weight`` times the term's own is added to it.
    :return: ``weight`` times the sum.
    """
    determinant = one_sided_determinant(differences, signs)[0, 0]
    # The determinants leave the border out.
    k, j, i = (determinant < least).nonzero().unbind(1)
    if not len(k):
        return 0.0
    strides = field.shape[3] * field.shape[4], field.shape[4], 1
    flat, index = field.view(3, -1), (k + 1) * strides[0] + (j + 1) * strides[1] + i + 1
    here, neighbors = flat[:, index], [index + sign * stride for sign, stride in zip(signs, strides, strict=True)]
    columns = [sign * (flat[:, there] - here) for sign, there in zip(signs, neighbors, strict=True)]
    for axis, column in enumerate(columns):
        column[axis] += 1
    # det(a, b, c) = a . (b x c): its derivative by each column is the cross product of the two others.
    pulls = [
        -weight * sign * torch.linalg.cross(columns[axis - 2], columns[axis - 1], dim=0)
        for axis, sign in enumerate(signs)
    ]
    places, values = torch.cat([*neighbors, index]), torch.cat([*pulls, -sum(pulls)], dim=1)
    for channel, of_channel in zip(gradient.view(3, -1), values, strict=True):
        channel.index_put_((places,), of_channel, accumulate=True)
    return weight * (least - determinant[k, j, i]).sum().item()
