"""Whether two volumes lie over each other at all: what tells a good affine alignment from a wrong one."""

from dataclasses import dataclass

import numpy as np
import torch

from .fields import bounding_box
from .geometry import Volume, linear_map

#: Distance of the points that are compared, and the smoothing before, mm: two people agree in no finer detail.
SAMPLE_MM, SMOOTHING_MM = 4.0, 2.0
#: Steps in which gray values are told apart.
BINS = 16
#: Share of the smaller object that must lie in the other; less costs score.
FULL_OVERLAP = 0.8


@dataclass(frozen=True)
class Agreement:
    """:param correlation: how well gray values of one image foretell the other's where both show an object, in
        [0, 1]: a correlation (correlation ratio, Roche 1998), but of any contrast.
    :param overlap: share of the smaller object that lies in the other, in [0, 1], of what both volumes reach.
    :param linear: Pearson correlation of the gray values, in [-1, 1]: near ``correlation`` where both images have
        one contrast, well below it where, say, one is T1 and the other T2.
    :param points: that were compared.
    """

    correlation: float
    overlap: float
    linear: float = 0.0
    points: int = 0

    @property
    def score(self) -> float:
        """One number to choose between alignments of a pair by."""
        return self.correlation * min(1.0, self.overlap / FULL_OVERLAP)


class AgreementMeter:
    """Compares a pair under one affine map after another.

    :param fixed, moving: normalized to [0, 1], background 0.
    :param step: distance of the points, mm.
    """

    def __init__(self, fixed: Volume, moving: Volume, step=SAMPLE_MM):
        self._fixed = _Seen(fixed, step)
        self._moving = self._fixed if fixed is moving else _Seen(moving, step)

    def __call__(self, matrix: np.ndarray) -> Agreement:
        """:param matrix: 4x4 RAS mm, fixed to moving."""
        return _agreement(self._fixed, self._moving, matrix)

    def misplaced(self, distance: float) -> float:
        """``Agreement.score`` of a volume with itself moved, mean over the three axes, the lower one of the two
        volumes: what volumes have that lie so many mm off.

        How high good alignments score depends on what volumes show: heads .84 and more, tightly cut brains .72, which a
        head turned by 20 degrees has too. This tells them apart.

        :param distance: mm.
        """
        return min(_with_itself(volume, distance) for volume in (self._fixed, self._moving))


class _Seen:
    """A volume as points of its own lattice that are compared, and as what others are compared with."""

    def __init__(self, volume: Volume, step: float):
        strides = np.maximum(np.round(step / volume.grid.spacing), 1).astype(int)
        self.grid, self.shown = volume.grid, volume.array > 0
        # First voxel and the one after the last, i, j, k.
        box = bounding_box(torch.from_numpy(self.shown), 0)[::-1]
        self.box = np.array([[part.start for part in box], [part.stop for part in box]])
        self.smoothed = _smoothed(volume)
        self.points = _lattice(volume, strides)
        self.values, self.content = _at_lattice(self.smoothed, strides), _at_lattice(self.shown, strides)


def _agreement(fixed: _Seen, moving: _Seen, matrix: np.ndarray) -> Agreement:
    ijk = moving.grid.to_ijk(linear_map(matrix, fixed.points))
    reached = ((ijk >= -0.5) & (ijk <= np.array(moving.grid.shape[::-1]) - 0.5)).all(axis=1)
    ijk, values, content = ijk[reached], fixed.values[reached], fixed.content[reached]
    # Elsewhere is nothing to be found: a volume may be mostly air.
    near = ((ijk > moving.box[0] - 1) & (ijk < moving.box[1])).all(axis=1)
    there = np.zeros(len(ijk), dtype=bool)
    there[near] = _sample(moving.shown, ijk[near]) > 0.5
    both = content & there
    smaller = min(content.sum(), there.sum())
    if both.sum() < BINS:
        return Agreement(0.0, 0.0)
    pair = values[both], _sample(moving.smoothed, ijk[both])
    correlation, overlap = max(_ratio(*pair), _ratio(*pair[::-1])), float(both.sum() / smaller)
    return Agreement(correlation, overlap, _pearson(*pair), int(both.sum()))


def _with_itself(volume: _Seen, distance: float) -> float:
    scores = []
    for axis in range(3):
        moved = np.eye(4)
        moved[axis, 3] = distance
        scores.append(_agreement(volume, volume, moved).score)
    return float(np.mean(scores))


def _ratio(given: np.ndarray, values: np.ndarray) -> float:
    """Root of the share of the variance of ``values`` that the bin of ``given`` explains."""
    bins = np.minimum((given * BINS).astype(int), BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    mean = np.bincount(bins, values, minlength=BINS) / np.maximum(count, 1)
    explained = (count * (mean - values.mean()) ** 2).sum()
    return float(np.sqrt(explained / max(((values - values.mean()) ** 2).sum(), 1e-12)))


def _pearson(first: np.ndarray, second: np.ndarray) -> float:
    a, b = first - first.mean(), second - second.mean()
    return float((a * b).sum() / max(np.sqrt((a * a).sum() * (b * b).sum()), 1e-12))


def _lattice(volume: Volume, strides) -> np.ndarray:
    """Every so many voxels of the volume's grid along i, j, k, RAS mm (N, 3)."""
    axes = (np.arange(0, size, stride) for size, stride in zip(volume.grid.shape[::-1], strides))
    return volume.grid.to_ras(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))


def _at_lattice(array: np.ndarray, strides) -> np.ndarray:
    """Values at the points of :func:`_lattice`, in their order."""
    return array[tuple(slice(None, None, stride) for stride in reversed(strides))].T.ravel()


def _smoothed(volume: Volume) -> np.ndarray:
    from scipy.ndimage import uniform_filter

    # A box costs the same at every width; it is as wide as a Gaussian of that sigma.
    width = 2 * np.round(np.sqrt(3) * SMOOTHING_MM / volume.grid.spacing[::-1]).astype(int) + 1
    around = bounding_box(torch.from_numpy(volume.array > 0), int(width.max()))
    result = np.zeros(volume.array.shape, dtype=np.float32)
    result[around] = uniform_filter(volume.array[around], width.tolist(), output=np.float32)
    return result


def _sample(array: np.ndarray, ijk: np.ndarray) -> np.ndarray:
    from scipy.ndimage import map_coordinates

    return map_coordinates(array, ijk[:, ::-1].T, np.float32, order=1)
