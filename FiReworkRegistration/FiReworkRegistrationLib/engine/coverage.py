"""How much of the fixed content the moving volume shows at all."""

import numpy as np

from .geometry import Grid, linear_map

#: Points that are looked at; a thousandth of the content is a thousandth of the answer.
MOST_POINTS = 50_000


def coverage(mask: np.ndarray, grid: Grid, moving: Grid, affine: np.ndarray) -> float:
    """Share of the mask's voxels that an affine map takes inside the moving volume's box, in [0, 1].

    :param mask: (k, j, i) on ``grid``, voxels > 0 count.
    :param moving: grid of the moving volume.
    :param affine: 4x4 RAS mm, fixed to moving.
    :return: 0 for an empty mask.
    """
    mask = np.asarray(mask)
    flat = np.flatnonzero(mask > 0)
    if not len(flat):
        return 0.0
    index = np.stack(np.unravel_index(flat[:: max(1, len(flat) // MOST_POINTS)], mask.shape), axis=-1)
    ijk = moving.to_ijk(linear_map(affine, grid.to_ras(index[:, ::-1])))
    # A voxel reaches half a step past its center.
    inside = ((ijk >= -0.5) & (ijk <= np.array(moving.shape[::-1]) - 0.5)).all(axis=1)
    return float(inside.mean())
