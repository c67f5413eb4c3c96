"""The isotropic grid that the networks see, and volumes brought onto it."""

from itertools import permutations

import numpy as np
import torch
import torch.nn.functional as F

from .errors import RegistrationError
from .filters import smooth
from .geometry import Grid, Volume
from .texts import tr as _
from .warping import resample_affine

#: Distance kept around the fixed content, so that its surroundings move with it.
MARGIN_MM = 10.0
#: More voxels than this (a 1 mm grid of 256 mm) take over 11 GB on the CPU.
MOST_VOXELS = 17_000_000


def anatomical_axes(grid: Grid) -> np.ndarray:
    """The grid's own axes, orthonormal, ordered and flipped to lie closest to R, A, S; 3x3 columns.

    Networks are trained on RAS-oriented brains: a sagittal or left-handed fixed volume must
    not reach them turned or mirrored, while an oblique one keeps its tilt.
    """
    left, _stretch, right = np.linalg.svd(grid.directions)
    axes = left @ right
    order = max(permutations(range(3)), key=lambda p: np.abs(np.diag(axes[:, p])).sum())
    axes = axes[:, order]
    return axes * np.where(np.diag(axes) < 0, -1.0, 1.0)


def working_grid(fixed: Volume, content: np.ndarray, spacing: float, multiple=16, margin=MARGIN_MM) -> Grid:
    """Isotropic grid in the fixed volume's frame around its content, which is centered in it.

    :param content: bool (k, j, i) of the fixed volume, what must lie inside.
    :param spacing: mm.
    :param multiple: every axis of the grid is a multiple of it.
    :raises RegistrationError: the grid would have more than ``MOST_VOXELS`` voxels.
    """
    axes = anatomical_axes(fixed.grid)
    index = [np.flatnonzero(content.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    # Voxels reach half a step past their centers.
    ends = [(found[0] - 0.5, found[-1] + 0.5) for found in reversed(index)]
    corners = np.array(np.meshgrid(*ends)).reshape(3, 8).T
    along = fixed.grid.to_ras(corners) @ axes
    low, high = along.min(axis=0), along.max(axis=0)
    needed = np.ceil((high - low + 2 * margin) / spacing).astype(int)
    size = (np.ceil(needed / multiple) * multiple).astype(int)
    if size.prod() > MOST_VOXELS:
        raise RegistrationError(
            _(
                "Fixed volume '{fixed}' spans {size} mm: too large for a {spacing:g} mm grid; choose a coarser "
                "working resolution, crop it, or give a fixed mask."
            ).format(fixed=fixed.name, size="x".join(str(int(v)) for v in high - low), spacing=spacing)
        )
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = axes @ ((low + high) / 2) - affine[:3, :3] @ ((size - 1) / 2)
    return Grid(tuple(int(n) for n in size[::-1]), affine)


def finer_grid(grid: Grid, factor: float) -> Grid:
    """Grid of the same first and last voxel centers, ``factor`` times as fine: factor (n - 1) + 1 voxels an axis.

    Where that is no whole number, it is rounded, and the grid is that much finer or coarser.
    """
    return resized_grid(grid, tuple(round(factor * (n - 1)) + 1 for n in grid.shape))


def resized_grid(grid: Grid, shape) -> Grid:
    """Grid of the same first and last voxel centers with ``shape`` (k, j, i) voxels."""
    affine = grid.affine.copy()
    affine[:3, :3] *= [(old - 1) / max(new - 1, 1) for old, new in zip(grid.shape[::-1], shape[::-1], strict=True)]
    return Grid(tuple(shape), affine)


def coarser(image: torch.Tensor, shape) -> torch.Tensor:
    """(1, C, D, H, W) smoothed and read on a coarser grid of the same first and last voxel centers, of ``shape``."""
    ratio = [(n - 1) / max(new - 1, 1) for n, new in zip(image.shape[2:], shape, strict=True)]
    smoothed = smooth(image, _deviations(ratio))
    return F.interpolate(smoothed, tuple(shape), mode="trilinear", align_corners=True)


def bring_to_grid(volume: Volume, grid: Grid, to_volume=None, mode="bilinear") -> torch.Tensor:
    """``volume`` resampled once onto ``grid``, (1, 1, D, H, W) float32.

    A volume finer than the grid is smoothed first, per axis, so that detail does not alias.

    :param to_volume: 4x4 RAS mm, from the grid's space to the volume's; identity if None.
    """
    to_volume = np.eye(4) if to_volume is None else to_volume
    image = torch.from_numpy(np.ascontiguousarray(volume.array, dtype=np.float32))[None, None]
    if mode == "bilinear":
        image = smoothed_for(image, volume.grid.spacing, grid.spacing.mean())
    matrix = np.linalg.inv(volume.grid.affine) @ to_volume @ grid.affine
    return resample_affine(image, matrix, grid.shape, mode)


def smoothed_for(image: torch.Tensor, own, spacing: float) -> torch.Tensor:
    """(1, C, D, H, W) without the detail that a grid of ``spacing`` mm would show aliased.

    :param own: the image's spacing along i, j, k, mm.
    """
    return smooth(image, _deviations(spacing / size for size in reversed(own)))


def _deviations(ratios) -> list[float]:
    """How much to smooth, voxels, before only every ``ratio``-th voxel is read."""
    return [0.35 * ratio if ratio > 1.3 else 0.0 for ratio in ratios]
