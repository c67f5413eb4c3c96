"""Whole maps written into an array, fast enough to follow a slider."""

import numpy as np
import torch

from .affine_table import affine_table
from .geometry import Grid
from .slabs import counted_from, slabs


class MapWriter:
    """Writes the map ``linear(x + d(x))`` of one field after the other as a displacement.

    In slabs of planes, which a CPU's cache holds: a field costs one product and one sum (90 ms at 160x192x160 on one
    CPU core), and no memory to speak of while a slider is held.

    :param lattice: where displacements are tabulated; contains ``grid``, same directions and spacing.
    :param grid: working grid of the fields; around it the field counts as 0.
    :param linear: 4x4 RAS mm, fixed to moving, applied after the deformation.
    :param weights: (D, H, W) factor of the field, such as a taper towards the borders; 1 if None.
    """

    def __init__(self, lattice: Grid, grid: Grid, linear: np.ndarray, weights: torch.Tensor | None = None):
        self.lattice = lattice
        self._weights = weights
        # linear(x) - x, mm, of lattice points i, j, k.
        self._linear_part = (linear - np.eye(4)) @ lattice.affine
        # Channels of a field are k, j, i; the columns of the grid's matrix are i, j, k.
        to_mm = (linear[:3, :3] @ grid.linear)[:, ::-1]
        self._to_mm = torch.from_numpy(to_mm.T.astype(np.float32).copy())
        first = np.rint(lattice.to_ijk(grid.affine[:3, 3])).astype(int)[::-1]
        self._inside = tuple(slice(start, start + n) for start, n in zip(first, grid.shape, strict=True))
        self._slabs = slabs(lattice.shape, torch.device("cpu"))
        self._padded = torch.zeros((3, max(rows.stop - rows.start for rows in self._slabs), *lattice.shape[1:]))

    def write(self, field: torch.Tensor, out: np.ndarray) -> None:
        """Fill ``out`` with the map of a field.

        :param field: (1, 3, D, H, W) float32 voxels of the working grid, on the CPU.
        :param out: (k, j, i, 3) float32 on the lattice, contiguous; RAS mm, components x, y, z.
        """
        own, *across = self._inside
        for rows in self._slabs:
            padded = self._padded[:, : rows.stop - rows.start]
            both = slice(max(rows.start, own.start), min(rows.stop, own.stop))
            if both != rows:
                padded.zero_()
            if both.start < both.stop:
                block = padded[(slice(None), counted_from(rows, both), *across)]
                part = counted_from(own, both)
                if self._weights is None:
                    block.copy_(field[0, :, part])
                else:
                    torch.mul(field[0, :, part], self._weights[part], out=block)
            target = affine_table(self._linear_part, self.lattice.shape, rows=rows, out=torch.from_numpy(out[rows]))
            target.view(-1, 3).addmm_(padded.view(3, -1).T, self._to_mm)
