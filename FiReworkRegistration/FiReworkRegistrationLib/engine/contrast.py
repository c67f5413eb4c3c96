"""Pairs of different contrast, such as T1 and T2: one image gets the gray values of the other.

Networks and similarity compare images of one contrast: a T1 whose dark fluid meets the bright one of a T2 is pulled
apart, however well it lay. Under the affine alignment the two images foretell each other's gray values well enough
to replace each of one image by the mean that the other shows in the same places, which is the curve behind the
correlation ratio (Roche 1998).
"""

import numpy as np

from .agreement import BINS, Agreement
from .geometry import Volume, linear_map
from .similarity import local_ncc
from .working_grid import bring_to_grid

#: What the caller may say about the contrast of a pair.
CHOICES = ("auto", "same", "different")
#: So much more do gray values foretell each other by a curve than by a line where contrasts differ. Two T1 images
#: have at most .02, with gamma changes of 2.5 .04; T1 and the curves of T2, FLAIR and PD .14 and more.
LEAST_GAIN = 0.1
#: Points below which nobody can tell.
LEAST_COMPARED = 200
#: Distance of the points that are compared, mm, and how many a step of the curve needs.
SAMPLE_MM, LEAST_POINTS = 2.0, 50
#: Steps of the curve, and the Gaussian that smooths it, steps.
STEPS, SMOOTHING = 64, 1.5


def differs(agreement: Agreement) -> bool:
    """Whether the images of an aligned pair have different contrasts."""
    if agreement.points < LEAST_COMPARED:
        return False
    # A curve through few points follows their noise; the usual correction for the number of its steps.
    unexplained = (1 - agreement.correlation**2) * (agreement.points - 1) / (agreement.points - BINS)
    return max(0.0, 1 - unexplained) ** 0.5 - agreement.linear > LEAST_GAIN


def match_contrast(fixed, moving, affine: np.ndarray, grid, mask=None) -> tuple[Volume, Volume, str]:
    """Give one image of a pair the contrast of the other.

    Both ways are tried; that one is taken in which the images agree better where they lie, which is towards the
    image that tells tissues apart better.

    :param fixed, moving: ``PreparedImage`` s.
    :param affine: 4x4 RAS mm, fixed to moving.
    :param grid: working grid on which they are compared.
    :param mask: (1, 1, D, H, W) on it, > 0 where they are; everywhere if None.
    :return: fixed and moving volume, and which of them was changed: "fixed", "moving", or "" where the images
        share too little to tell.
    """
    pairs = _paired(fixed, moving, affine)
    if len(pairs) < 2 * LEAST_POINTS:
        return fixed.volume, moving.volume, ""
    ways = (
        (fixed.volume, _mapped(moving, *curve(pairs[:, 1], pairs[:, 0])), "moving"),
        (_mapped(fixed, *curve(pairs[:, 0], pairs[:, 1])), moving.volume, "fixed"),
    )

    def agreement(way):
        return float(local_ncc(bring_to_grid(way[0], grid), bring_to_grid(way[1], grid, affine), mask=mask))

    return max(ways, key=agreement)


def curve(given: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of ``values`` as a function of ``given``, as points to interpolate between.

    Images that do not yet lie well over each other blur the means, so they are spread as ``values`` are.

    :param given, values: (N,), of the same places.
    :return: ascending gray values and what they become.
    """
    from scipy.ndimage import gaussian_filter1d

    steps = int(np.clip(len(given) // LEAST_POINTS, 2, STEPS))
    # Steps of equal numbers: as fine as there are voxels to tell.
    bounds = np.unique(np.quantile(given, np.linspace(0, 1, steps + 1)))
    index = np.clip(np.searchsorted(bounds, given, side="right") - 1, 0, max(len(bounds) - 2, 0))
    count = np.bincount(index)
    found = count > 0
    position, mean = (np.bincount(index, array)[found] / count[found] for array in (given, values))
    mean = gaussian_filter1d(mean, SMOOTHING, mode="nearest")
    # Steps hold about equal numbers of places.
    spread = values.std() / max(mean.std(), 1e-6) if len(mean) > 1 else 1.0
    return position, values.mean() + (mean - mean.mean()) * spread


def _paired(fixed, moving, affine) -> np.ndarray:
    """(N, 2) gray values of fixed and moving in places where both show an object."""
    from scipy.ndimage import map_coordinates

    strides = np.maximum(np.round(SAMPLE_MM / fixed.volume.grid.spacing[::-1]), 1).astype(int)
    part = tuple(slice(None, None, stride) for stride in strides)
    kji = np.argwhere(fixed.content[part]) * strides
    ijk = moving.volume.grid.to_ijk(linear_map(affine, fixed.volume.grid.to_ras(kji[:, ::-1].astype(float))))
    inside = map_coordinates(moving.content.astype(np.float32), ijk[:, ::-1].T, order=1) > 0.99
    kji, ijk = kji[inside], ijk[inside]
    there = map_coordinates(moving.volume.array, ijk[:, ::-1].T, order=1)
    return np.stack([fixed.volume.array[tuple(kji.T)], there], axis=1).astype(np.float64)


def _mapped(image, position, mean) -> Volume:
    volume = image.volume
    array = np.zeros(volume.array.shape, dtype=np.float32)
    array[image.content] = np.interp(volume.array[image.content], position, mean)
    return Volume(array, volume.affine, volume.name)
