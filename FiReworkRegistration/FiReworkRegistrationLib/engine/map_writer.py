"""Whole maps written into an array, fast enough to follow a slider."""

import numpy as np
import torch

from .affine_table import affine_table
from .geometry import Grid


class MapWriter:
    """Writes the map ``linear(x + d(x))`` of one field after the other as a displacement.

    What all fields of a registration share is tabulated once: the displacement of the linear
    part. Then a field costs one product and one sum (60 ms at 160x192x160 on one CPU core).

    :param lattice: where displacements are tabulated; contains ``grid``, same directions and spacing.
    :param grid: working grid of the fields; around it the field counts as 0.
    :param linear: 4x4 RAS mm, fixed to moving, applied after the deformation.
    :param weights: (D, H, W) factor of the field, such as a taper towards the borders; 1 if None.
    """

    def __init__(self, lattice: Grid, grid: Grid, linear: np.ndarray, weights: torch.Tensor | None = None):
        self.lattice = lattice
        self._weights = weights
        # linear(x) - x at every lattice point, mm.
        self._linear_part = affine_table((linear - np.eye(4)) @ lattice.affine, lattice.shape).view(-1, 3)
        # Channels of a field are k, j, i; the columns of the grid's matrix are i, j, k.
        to_mm = (linear[:3, :3] @ grid.linear)[:, ::-1]
        self._to_mm = torch.from_numpy(to_mm.T.astype(np.float32).copy())
        self._padded = torch.zeros((3, *lattice.shape))
        first = np.rint(lattice.to_ijk(grid.affine[:3, 3])).astype(int)[::-1]
        self._inside = (slice(None), *(slice(start, start + n) for start, n in zip(first, grid.shape, strict=True)))

    def write(self, field: torch.Tensor, out: np.ndarray) -> None:
        """Fill ``out`` with the map of a field.

        :param field: (1, 3, D, H, W) float32 voxels of the working grid, on the CPU.
        :param out: (k, j, i, 3) float32 on the lattice, contiguous; RAS mm, components x, y, z.
        """
        block = self._padded[self._inside]
        if self._weights is None:
            block.copy_(field[0])
        else:
            torch.mul(field[0], self._weights, out=block)
        target = torch.from_numpy(out).view(-1, 3)
        torch.addmm(self._linear_part, self._padded.view(3, -1).T, self._to_mm, out=target)
