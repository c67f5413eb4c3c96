"""Affine functions of the voxel index, tabulated over a whole grid."""

import numpy as np
import torch


def affine_table(matrix, shape, device="cpu", rows=slice(None), out=None) -> torch.Tensor:
    """``matrix @ (i, j, k, 1)`` of every voxel, (k, j, i, 3) float32.

    :param matrix: (3, 4) or (4, 4) float64, for instance IJK to RAS mm.
    :param shape: (k, j, i).
    :param rows: planes along k that are wanted.
    :param out: (rows, j, i, 3), contiguous, where the numbers go instead of memory of their own.
    """
    step_i, step_j, step_k, start = np.asarray(matrix, dtype=np.float64)[:3].T
    k, j, i = (np.arange(size, dtype=np.float64)[:, None] for size in shape)
    # Large numbers are added in double precision, once for a slice, not for every voxel.
    slice_of = torch.from_numpy(((j * step_j)[:, None] + i * step_i + start).astype(np.float32))
    offsets = torch.from_numpy((k[rows] * step_k).astype(np.float32))
    # Repeated along a line: three numbers at a time would be added one by one.
    lines = offsets.to(device).repeat(1, shape[2]).view(-1, 1, 3 * shape[2])
    target = None if out is None else out.view(-1, shape[1], 3 * shape[2])
    return torch.add(slice_of.to(device).flatten(1), lines, out=target).view(-1, *shape[1:], 3)


def from_slice(matrix, first: int) -> np.ndarray:
    """``matrix`` for the part of a grid that begins at slice ``first``."""
    shifted = np.array(matrix, dtype=np.float64)
    shifted[:, 3] += first * shifted[:, 2]
    return shifted


def to_unit_box(shape) -> np.ndarray:
    """4x4 from voxel (i, j, k, 1) of a grid to what ``grid_sample`` wants: -1 and 1 at first and last voxel centers."""
    scale = 2.0 / np.maximum(np.array(shape[::-1], dtype=np.float64) - 1, 1)
    matrix = np.diag([*scale, 1.0])
    matrix[:3, 3] = -1.0
    return matrix
