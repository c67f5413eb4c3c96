"""Map writers of one registration: its fields lie on the working grid or, polished, on a finer one."""

import numpy as np
import torch

from .geometry import Grid
from .map_writer import MapWriter
from .maps import map_lattice
from .working_grid import finer_grid

#: Width in working voxels over which a field fades to 0 at the border of its grid: outside
#: it the map is the affine alone, and a step there would tear the image.
TAPER_VOXELS = 4


class MapWriters:
    """A :class:`MapWriter` for each grid that fields come on, made when the first one comes.

    :param grid: working grid.
    :param fixed: grid of the fixed volume, which all lattices cover.
    :param linear: 4x4 RAS mm, fixed to moving, applied after the deformation.
    """

    def __init__(self, grid: Grid, fixed: Grid, linear: np.ndarray):
        self._grid, self._fixed, self._linear, self._made = grid, fixed, linear, {}

    def of(self, field: torch.Tensor) -> MapWriter:
        """
        :param field: (1, 3, D, H, W), D = f (D' - 1) + 1 for the working grid's D' and a whole f.
        """
        finer = finer_than(field, self._grid)
        if finer not in self._made:
            grid = finer_grid(self._grid, finer)
            weights = taper_weights(grid.shape, finer * TAPER_VOXELS)
            self._made[finer] = MapWriter(map_lattice(grid, self._fixed), grid, self._linear, weights)
        return self._made[finer]


def finer_than(field: torch.Tensor, grid: Grid) -> int:
    """How many times as fine as ``grid`` the field's own grid is; see ``finer_grid``."""
    return (field.shape[2] - 1) // (grid.shape[0] - 1)


def taper(field: torch.Tensor, width=TAPER_VOXELS) -> torch.Tensor:
    """The field faded linearly to 0 over ``width`` voxels at every face of its grid."""
    return field * taper_weights(field.shape[2:], width)


def taper_weights(shape, width=TAPER_VOXELS) -> torch.Tensor:
    """(D, H, W) float32: 0 on every face, rising linearly to 1 over ``width`` voxels."""
    weights = torch.ones(tuple(shape))
    for axis, size in enumerate(shape):
        ramp = torch.arange(size, dtype=torch.float32)
        ramp = (torch.minimum(ramp, size - 1 - ramp) / width).clamp(max=1.0)
        weights *= ramp.view([-1 if other == axis else 1 for other in range(3)])
    return weights
