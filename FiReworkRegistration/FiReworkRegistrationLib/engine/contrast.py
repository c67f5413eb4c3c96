"""Pairs of different contrast, such as T1 and T2: one image gets the gray values of the other.

Networks and similarity compare images of one contrast: a T1 whose dark fluid meets the bright one of a T2 is pulled
apart, however well it lay. Under the affine alignment the two images foretell each other's gray values well enough
to replace each of one image by the mean that the other shows in the same places, which is the curve behind the
correlation ratio (Roche 1998).
"""

import numpy as np
import torch

from .agreement import BINS, Agreement
from .geometry import Volume, linear_map
from .similarity import box_mean, local_ncc
from .working_grid import bring_to_grid

#: What the caller may say about the contrast of a pair.
CHOICES = ("auto", "same", "different")
#: Contrasts differ where gray values foretell each other so much better by a curve than by a line, and where less than
#: that share of what they have in common locally rises in both. Aligned T1 images have less than .05 and more than .96,
#: of one scanner, of two, or with a template; real T2 and PD templates with T1 .037 and more, .64 and less; FLAIR made
#: from T1 .038 and more, .936 and less. T1 images that lie 20 mm off can have such a gain too, by 20 degrees .03.
LEAST_GAIN, MOST_RISING = 0.03, 0.945
#: Width of what is local there, mm.
LOCAL_MM = 18.0
#: Points below which nobody can tell, and places below which there is no map.
LEAST_COMPARED, LEAST_PLACES = 1000, 200
#: Distance of the points that are compared, mm.
SAMPLE_MM = 2.0
#: Steps of the curve, and the Gaussian that smooths it, steps.
STEPS, SMOOTHING = 64, 1.5
#: Distance of places with a curve of their own, mm, and the Gaussian that smooths from one to the next, places.
CELL_MM, CELL_SMOOTHING = 25.0, 1.0
#: Points that the curve of the whole volume counts as in each step of every place.
PRIOR = 3.0
#: Contrast is given back to blurred means up to this factor.
MOST_SPREAD = 3.0


def differs(agreement: Agreement, fixed: torch.Tensor, moving: torch.Tensor, mask, spacing: float) -> bool:
    """Whether the images of an aligned pair have different contrasts.

    :param fixed, moving, mask: (1, 1, D, H, W) on the working grid; > 0 in the mask where they are compared.
    :param spacing: of that grid, mm.
    """
    if agreement.points < LEAST_COMPARED:
        return False
    # A curve through few points follows their noise; the usual correction for the number of its steps.
    unexplained = (1 - agreement.correlation**2) * (agreement.points - 1) / (agreement.points - BINS)
    gain = max(0.0, 1 - unexplained) ** 0.5 - agreement.linear
    return gain > LEAST_GAIN and rising_share(fixed, moving, mask, spacing) < MOST_RISING


def rising_share(fixed: torch.Tensor, moving: torch.Tensor, mask, spacing: float) -> float:
    """Sum of local correlations times their size, over the sum of their squares, in [-1, 1].

    1 where what is brighter than its surroundings is so in both images, -1 where one is the other's negative. The
    scalp, whose contrasts differ less, does not outweigh the brain, and neither gain nor bias counts.

    :param fixed, moving, mask, spacing: as in :func:`differs`.
    """
    # Odd: 9 voxels of 2 mm.
    window = 2 * max(1, int(LOCAL_MM / spacing / 2 - 0.5)) + 1
    mean_f, mean_m = box_mean(fixed, window), box_mean(moving, window)
    cross = box_mean(fixed * moving, window) - mean_f * mean_m
    variances = [
        (box_mean(image * image, window) - mean * mean).clamp(min=0)
        for image, mean in ((fixed, mean_f), (moving, mean_m))
    ]
    correlation = (cross / (variances[0] * variances[1] + 1e-8).sqrt())[mask > 0]
    return float((correlation * correlation.abs()).sum() / correlation.square().sum().clamp(min=1e-12))


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
    places = _common_places(fixed, moving, affine)
    if len(places[0]) < LEAST_PLACES:
        return fixed.volume, moving.volume, ""
    values = [_gray_values(image, at) for image, at in zip((fixed, moving), places, strict=True)]
    ways = (
        (fixed.volume, GrayValueMap(values[1], values[0], _cells(moving, places[1]))(moving), "moving"),
        (GrayValueMap(values[0], values[1], _cells(fixed, places[0]))(fixed), moving.volume, "fixed"),
    )

    def agreement(way):
        return float(local_ncc(bring_to_grid(way[0], grid), bring_to_grid(way[1], grid, affine), mask=mask))

    return max(ways, key=agreement)


class GrayValueMap:
    """Mean of ``values`` as a function of ``given``, another one from place to place: a gray value is fat in the
    scalp and fluid in the brain, and brighter near a coil.

    Images that do not yet lie well over each other blur the means, so they are spread as ``values`` are.

    :param given, values: (N,), of the same places.
    :param cells: (N, 3), those places on the lattice of curves, k, j, i.
    """

    def __init__(self, given: np.ndarray, values: np.ndarray, cells: np.ndarray):
        from scipy.ndimage import gaussian_filter, map_coordinates

        # Steps of equal numbers: as fine as there are voxels to tell.
        bounds = np.unique(np.quantile(given, np.linspace(0, 1, STEPS + 1)))
        steps = max(len(bounds) - 1, 1)
        step = np.clip(np.searchsorted(bounds, given, side="right") - 1, 0, steps - 1)
        count = np.bincount(step, minlength=steps)
        # A step may be empty where one value fills several: its middle will do.
        middle = (bounds[:-1] + bounds[1:]) / 2 if len(bounds) > 1 else bounds
        self._steps = np.where(count > 0, np.bincount(step, given, minlength=steps) / np.maximum(count, 1), middle)

        shape = (*(np.rint(cells).astype(int).max(axis=0) + 1), steps)
        index = np.ravel_multi_index((*np.rint(cells).astype(int).T, step), shape)
        counts, totals = (np.bincount(index, weights, np.prod(shape)).reshape(shape) for weights in (None, values))
        everywhere = totals.sum(axis=(0, 1, 2)) / np.maximum(counts.sum(axis=(0, 1, 2)), 1)
        everywhere = gaussian_filter(everywhere, SMOOTHING, mode="nearest")
        counts, totals = (
            gaussian_filter(array.astype(float), (CELL_SMOOTHING,) * 3 + (SMOOTHING,), mode="nearest")
            for array in (counts, totals)
        )
        table = (totals + PRIOR * everywhere) / (counts + PRIOR)
        found = map_coordinates(table, self._at(given, cells), order=1, mode="nearest")
        spread = values.std() / max(found.std(), 1e-6)
        self._table = (values.mean() + (table - found.mean()) * min(spread, MOST_SPREAD)).astype(np.float32)

    def __call__(self, image) -> Volume:
        """The volume of a ``PreparedImage`` with the gray values that the map gives it, 0 outside of its content."""
        from scipy.ndimage import map_coordinates

        array = np.zeros(image.volume.array.shape, dtype=np.float32)
        for k, (plane, content) in enumerate(zip(image.volume.array, image.content, strict=True)):
            j, i = np.nonzero(content)
            at = self._at(plane[j, i], _cells(image, np.stack([np.full_like(j, k), j, i], axis=1)))
            array[k, j, i] = map_coordinates(self._table, at, order=1, mode="nearest")
        return Volume(array, image.volume.affine, image.volume.name)

    def _at(self, given, cells) -> np.ndarray:
        return np.vstack([cells.T, np.interp(given, self._steps, np.arange(len(self._steps)))[None]])


def _common_places(fixed, moving, affine) -> tuple[np.ndarray, np.ndarray]:
    """Voxels of fixed and moving, (N, 3) in the order k, j, i, where both show an object."""
    from scipy.ndimage import map_coordinates

    strides = np.maximum(np.round(SAMPLE_MM / fixed.volume.grid.spacing[::-1]), 1).astype(int)
    here = np.argwhere(fixed.content[tuple(slice(None, None, stride) for stride in strides)]) * strides
    ras = fixed.volume.grid.to_ras(here[:, ::-1].astype(float))
    there = moving.volume.grid.to_ijk(linear_map(affine, ras))[:, ::-1]
    inside = map_coordinates(moving.content.astype(np.float32), there.T, order=1) > 0.99
    return here[inside], there[inside]


def _gray_values(image, places) -> np.ndarray:
    from scipy.ndimage import map_coordinates

    return map_coordinates(image.volume.array, places.T.astype(float), order=1).astype(np.float64)


def _cells(image, places) -> np.ndarray:
    return places * (image.volume.grid.spacing[::-1] / CELL_MM)
