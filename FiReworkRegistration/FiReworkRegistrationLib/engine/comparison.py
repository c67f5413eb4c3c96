"""Pictures that compare two volumes on one grid: checkerboard, difference, contours."""

import numpy as np

from .preprocessing import NORMALIZATIONS, foreground

#: Contour values are distances in mm, cut off here.
FARTHEST = 4.0
#: What the second contour's distances are shifted by, so that both fit into one volume.
SECOND_CONTOUR = 2 * FARTHEST
#: Gradients below this part of the tissue contrast per voxel draw contours the thinner the weaker they are.
WEAK_EDGE = 0.25
#: Standard deviation in voxels of the smoothing before contours are drawn.
SMOOTHING = 0.8
#: Most values that a histogram is made from.
MOST_SAMPLES = 300_000


def intensity_window(array: np.ndarray) -> tuple[float, float]:
    """Robust lowest and highest intensity of what is not background.

    The same for an image wherever it is moved, so that iterations are compared on equal terms.

    :param array: (k, j, i), any numeric type.
    """
    sample = _sample(array)
    inside = sample[foreground(sample)]
    if not inside.size:
        inside = sample.ravel()
    low, high = np.percentile(inside, NORMALIZATIONS["robust"])
    return float(low), float(max(high, low + 1e-6))


def scaled(array: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Intensities with ``window`` at 0 and 1, cut off below and above; float32, the array's shape."""
    low, high = window
    result = np.subtract(array, low, dtype=np.float32)
    result /= np.float32(high - low)
    return np.clip(result, 0.0, 1.0, out=result)


def checkerboard(fixed: np.ndarray, moving: np.ndarray, spacing, through: int, size_mm: float = 20.0) -> np.ndarray:
    """Squares of the fixed and of the moving image in turn, the same in all slices along one axis.

    Cubes would meet inside of a slice that lies between two layers of them, and blend there.

    :param fixed, moving: (k, j, i), scaled alike.
    :param spacing: voxel sizes along i, j, k, mm.
    :param through: axis of the arrays (0, 1, 2) along which slices are looked through.
    :param size_mm: edge length of the squares; one corner of them lies in the middle.
    :return: (k, j, i), the type of ``fixed``.
    """
    steps = [
        np.floor((np.arange(size) + 0.5 - size / 2) * edge / size_mm).astype(int)
        for size, edge in zip(fixed.shape, tuple(spacing)[::-1])
    ]
    steps[through] = np.zeros_like(steps[through])
    square = steps[0][:, None, None] + steps[1][None, :, None] + steps[2][None, None, :]
    return np.where(square % 2 == 0, fixed, moving)


def difference(fixed: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """Moving minus fixed, in [-1, 1] for images scaled to [0, 1]; (k, j, i) float32."""
    return np.subtract(moving, fixed, dtype=np.float32)


def tissue_levels(array: np.ndarray) -> tuple[float, float]:
    """Two intensities that part an image into background, darker and brighter tissue (Otsu's criterion).

    :param array: (k, j, i), any numeric type.
    """
    sample = _sample(array)
    low, high = np.percentile(sample, NORMALIZATIONS["robust"])
    counts, edges = np.histogram(np.clip(sample, low, high), bins=64)
    weight = np.concatenate([[0.0], np.cumsum(counts)])
    total = np.concatenate([[0.0], np.cumsum(counts * (edges[:-1] + edges[1:]) / 2)])
    first, second = np.triu_indices(len(weight) - 1, 1)
    keep = first > 0
    first, second = first[keep], second[keep]
    between = np.zeros(first.shape)
    for start, end in ((np.zeros_like(first), first), (first, second), (second, np.full_like(first, len(counts)))):
        size = weight[end] - weight[start]
        between += np.where(size > 0, (total[end] - total[start]) ** 2 / np.maximum(size, 1), 0)
    # Empty bins between tissues are all as good: the middle of them.
    best = between >= between.max() * (1 - 1e-9)
    return float(edges[first[best]].mean()), float(edges[second[best]].mean())


def contour_distance(array: np.ndarray, levels: tuple[float, float], spacing=(1.0, 1.0, 1.0)) -> np.ndarray:
    """Signed distances to the surfaces where the intensity crosses two levels, in one volume.

    Near the first level a value is the distance to it, near the second ``SECOND_CONTOUR`` plus the
    distance to that; so a color table that is opaque around 0 and around ``SECOND_CONTOUR`` only draws
    two thin lines, between voxels too, as values may be interpolated.

    :param array: (k, j, i), any numeric type.
    :param levels: from :func:`tissue_levels`.
    :param spacing: voxel sizes along i, j, k, mm.
    :return: (k, j, i) float32, mm, from -FARTHEST to SECOND_CONTOUR + FARTHEST.
    """
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(np.asarray(array, dtype=np.float32), SMOOTHING)
    slope = np.zeros_like(smooth)
    for axis in range(3):
        if smooth.shape[axis] > 1:
            slope += np.gradient(smooth, spacing[2 - axis], axis=axis) ** 2
    np.sqrt(slope, out=slope)
    low, high = levels
    weak = np.float32(WEAK_EDGE * max(abs(high - low), 1e-6) / max(spacing))
    # Distance is intensity over slope; where the slope is weak it counts twice, so that noise is not painted over.
    scale = np.maximum(weak / np.maximum(slope, weak * np.float32(1e-3)), 1) / np.maximum(slope, weak * 1e-3)
    lower = smooth < (low + high) / 2
    np.subtract(smooth, np.where(lower, np.float32(low), np.float32(high)), out=smooth)
    smooth *= scale
    np.clip(smooth, -FARTHEST, FARTHEST, out=smooth)
    smooth[~lower] += np.float32(SECOND_CONTOUR)
    return smooth


def _sample(array: np.ndarray) -> np.ndarray:
    """Every n-th voxel along each axis, so that few enough are left to sort quickly."""
    step = max(1, round((array.size / MOST_SAMPLES) ** (1 / 3)))
    return np.asarray(array)[::step, ::step, ::step]
