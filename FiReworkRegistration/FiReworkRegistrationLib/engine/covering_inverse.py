"""The way back of a finished map, over the whole moving volume."""

import numpy as np

from .geometry import Volume
from .maps import DisplacementMap
from .working_grid import working_grid

#: Voxels of its lattice at most: 24 bytes each in a file.
MOST_VOXELS = 8_000_000
#: Rounds of the iteration on the finer lattice; it begins with the inverse on the coarser one.
FINE_ROUNDS = 4


def covering_inverse(dmap: DisplacementMap, moving: Volume) -> tuple[DisplacementMap, float]:
    """The map moving to fixed as a field of its own, on an upright lattice that covers the moving volume.

    A computed field, because files of a transform with the inverse flag set are not read by ITK.

    The lattice is twice as fine as the map's own, as far as ``MOST_VOXELS`` allow: on one as coarse as the
    map's, a deformation of much detail would be missed by half a millimeter and more between the points.

    :param moving: volume in the space that the map leads to, RAS mm.
    :return: the inverse and its residual in mm, see ``DisplacementMap.residual_of``.
    """
    sides = np.array(moving.array.shape[::-1]) * moving.grid.spacing
    finest = (sides.prod() / MOST_VOXELS) ** (1 / 3)
    own = float(dmap.grid.spacing.mean())
    spacing = max(own / 2, finest)
    everything = np.ones(moving.array.shape, dtype=bool)
    coarse, lattice = (
        working_grid(moving, everything, size, multiple=1, margin=own) for size in (2 * spacing, spacing)
    )
    rough, _residual = dmap.inverted(coarse)
    return dmap.inverted(lattice, FINE_ROUNDS, rough)
