"""Figures that judge a registration: overlap, surface distance, non-diffeomorphic volume, landmarks.

Folding by central differences is ``fields.percent_folded``, image similarity ``similarity``.
"""

import numpy as np
import torch

from .errors import RegistrationError
from .label_maps import numbered
from .warping import identity_grid

#: Label values below which voxels are counted in a table of all of them. Those of some atlases have nine digits.
MOST_COUNTED = 1_000_000


def dice_per_label(first: np.ndarray, second: np.ndarray, labels=None) -> dict[int, float]:
    """Dice of every label, 2 |A and B| / (|A| + |B|).

    :param first, second: label maps of one shape, integer values.
    :param labels: which ones; all nonzero labels of either map if None. A label in
        neither map is NaN.
    :raises RegistrationError: negative values.
    """
    a, b = np.asarray(first).ravel().astype(np.int64), np.asarray(second).ravel().astype(np.int64)
    if min(a.min(), b.min()) < 0:
        raise RegistrationError("A label map has negative values; give labels of 0 (background) and above.")
    size = int(max(a.max(), b.max(), *([] if labels is None else labels))) + 1
    if size > MOST_COUNTED:
        # Numbered anew: a count of every number up to theirs would take gigabytes.
        order = sorted(map(int, np.setdiff1d(np.union1d(a, b), 0) if labels is None else labels))
        renumbered = dice_per_label(numbered(a, order), numbered(b, order), range(1, len(order) + 1))
        return dict(zip(order, renumbered.values(), strict=True))
    count_a, count_b = np.bincount(a, minlength=size), np.bincount(b, minlength=size)
    both = np.bincount(a[a == b], minlength=size)
    total = (count_a + count_b).astype(float)
    if labels is None:
        labels = [label for label in np.nonzero(total)[0] if label != 0]
    return {int(k): 2.0 * both[k] / total[k] if total[k] else float("nan") for k in labels}


def mean_dice(dice: dict) -> float:
    """Mean over the structures that occur, label or name to Dice; NaN where none does."""
    values = [value for value in dice.values() if np.isfinite(value)]
    return float(np.mean(values)) if values else float("nan")


def surface_distances(first: np.ndarray, second: np.ndarray, spacing) -> tuple[np.ndarray, np.ndarray]:
    """Distances in mm from every surface voxel of one mask to the surface of the other, both ways.

    A surface voxel is a mask voxel with a face neighbor outside the mask.

    :param first, second: bool (k, j, i), one shape, neither empty.
    :param spacing: mm along k, j, i.
    :raises RegistrationError: an empty mask.
    """
    from scipy import ndimage

    if not first.any() or not second.any():
        raise RegistrationError("Surface distance needs two masks that are not empty.")
    box = tuple(slice(axis.min(), axis.max() + 1) for axis in np.nonzero(first | second))
    surfaces = []
    for mask in (first[box], second[box]):
        # Padding: a mask that touches the box has a surface there too.
        padded = np.pad(mask, 1)
        surfaces.append((padded & ~ndimage.binary_erosion(padded))[1:-1, 1:-1, 1:-1])
    to_first, to_second = (ndimage.distance_transform_edt(~surface, sampling=spacing) for surface in surfaces)
    return to_second[surfaces[0]], to_first[surfaces[1]]


def average_surface_distance(distances) -> float:
    """ASSD in mm: mean of the two directed means (as in medpy)."""
    return float(np.mean([values.mean() for values in distances]))


def hausdorff95(distances) -> float:
    """95 % Hausdorff distance in mm: the larger of the two directed 95th percentiles (as in Learn2Reg)."""
    return float(max(np.percentile(values, 95) for values in distances))


def surface_figures(first: np.ndarray, second: np.ndarray, spacing, labels=None) -> dict[int, tuple[float, float]]:
    """ASSD and HD95 in mm of every label; NaN where a label is missing in one of the maps.

    :param first, second: label maps (k, j, i).
    :param spacing: mm along k, j, i.
    :param labels: which ones; all nonzero labels of either map if None.
    """
    from scipy import ndimage

    first, second = np.asarray(first), np.asarray(second)
    if labels is None:
        labels = (set(np.unique(first)) | set(np.unique(second))) - {0}
    labels = sorted(map(int, labels))
    boxes = [ndimage.find_objects(numbered(labelmap, labels), len(labels)) for labelmap in (first, second)]
    figures = {}
    for label, *found in zip(labels, *boxes, strict=True):
        if None in found:
            figures[label] = (float("nan"), float("nan"))
            continue
        both = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(*found, strict=True))
        distances = surface_distances(first[both] == label, second[both] == label, spacing)
        figures[label] = (average_surface_distance(distances), hausdorff95(distances))
    return figures


#: The corners of a cell whose coordinates sum to an even number; they span one of the two
#: central tetrahedra, the other four corners the second.
_EVEN = ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0))


def nondiffeomorphic_volume(field: torch.Tensor, mask: torch.Tensor | None = None) -> float:
    """Percent of the volume that the field turns inside out (NDV; Liu et al., IJCV 2024).

    Each cell between eight voxels is split into five tetrahedra, in both possible ways; the
    volume of those whose mapped orientation is reversed counts, averaged over the two ways.
    Unlike central differences this sees folds that alternate from voxel to voxel.

    :param field: (1, 3, D, H, W) voxels.
    :param mask: (1, 1, D, H, W); cells whose first corner is > 0 count. All if None.
    """
    points = (identity_grid(field.shape[2:], field.device) + field.float())[0]
    cells = [size - 1 for size in points.shape[1:]]

    def corner(offset):
        k, j, i = offset
        return points[:, k : k + cells[0], j : j + cells[1], i : i + cells[2]]

    def flipped(offset, axes):
        return tuple(1 - v if axis in axes else v for axis, v in enumerate(offset))

    reversed_volume = 0
    for vertex in np.ndindex(2, 2, 2):
        # The tetrahedron of a corner and its three neighbors; the sign makes identity positive.
        edges = [corner(flipped(vertex, (axis,))) - corner(vertex) for axis in range(3)]
        sign = (-1) ** sum(vertex)
        reversed_volume = reversed_volume + (-sign * _determinant(*edges) / 6).clamp(min=0)
    for parity in (0, 1):
        corners = [flipped(vertex, (0, 1, 2)) if parity else vertex for vertex in _EVEN]
        edges = [corner(vertex) - corner(corners[0]) for vertex in corners[1:]]
        steps = np.array(corners[1:]) - np.array(corners[0])
        sign = float(np.sign(np.linalg.det(steps)))
        reversed_volume = reversed_volume + (-sign * _determinant(*edges) / 6).clamp(min=0)
    reversed_volume = reversed_volume / 2
    if mask is None:
        return 100.0 * reversed_volume.mean().item()
    inside = mask[0, 0, : cells[0], : cells[1], : cells[2]] > 0
    return 100.0 * (reversed_volume[inside].sum() / inside.sum().clamp(min=1)).item()


def _determinant(a, b, c):
    return (a * torch.linalg.cross(b, c, dim=0)).sum(0)


def target_registration_error(mapped: np.ndarray, target: np.ndarray) -> np.ndarray:
    """TRE of every landmark in mm, (N,).

    :param mapped: fixed landmarks taken to the moving space by the map (``DisplacementMap.at``), (N, 3) mm.
    :param target: the corresponding landmarks in the moving volume, (N, 3) mm.
    :raises RegistrationError: the lists differ in length.
    """
    mapped, target = np.atleast_2d(mapped), np.atleast_2d(target)
    if mapped.shape != target.shape or mapped.shape[1] != 3:
        raise RegistrationError(
            f"Landmarks do not pair up: {len(mapped)} fixed and {len(target)} moving; give the same points in both."
        )
    return np.linalg.norm(mapped - target, axis=1)
