"""Volumes seen through a displacement map."""

import numpy as np
import torch
import torch.nn.functional as F

from .affine_table import affine_table, from_slice, to_unit_box
from .geometry import Volume
from .label_maps import numbered
from .maps import DisplacementMap
from .preprocessing import sampled
from .slabs import slabs
from .warping import bounded

#: Voxels whose coordinates are in memory together while a volume is warped.
WARPED_AT_ONCE = 8_000_000
#: Whole numbers above it are not all float32 numbers: such labels are numbered anew while they are warped.
MOST_EXACT = 2**24
#: A volume's lowest value that is further from 0 is a mark for nothing measured. Counted from there, gray values
#: would lose digits of float32.
MOST_SHIFT = 1e5


def _lowest(array: np.ndarray) -> float:
    """The lowest gray value but for a thousandth of the voxels: a single outlier is not what air has."""
    return float(np.percentile(sampled(array), 0.1, method="lower"))


def warp_volume(moving: Volume, dmap: DisplacementMap, fixed: Volume, mode="bilinear") -> Volume:
    """``moving`` seen through ``dmap`` on the fixed volume's own grid, in one interpolation.

    :param mode: "bilinear" (float32 result) or "nearest" for label maps (their own type).
    :return: voxels that map outside the moving volume have its lowest value, in a CT air and not 0; labels are 0
        there, and so are volumes whose lowest value is beyond :data:`MOST_SHIFT`.
    """
    labels, dtype = None, moving.array.dtype
    if mode == "nearest" and np.abs(moving.array).max() > MOST_EXACT:
        labels = np.setdiff1d(moving.array, 0)
        moving = Volume(numbered(moving.array, labels), moving.affine, moving.name)
    image = torch.from_numpy(np.ascontiguousarray(moving.array, dtype=np.float32))[None, None]
    lowest = 0.0 if mode == "nearest" else _lowest(moving.array)
    lowest = lowest if abs(lowest) < MOST_SHIFT else 0.0
    if lowest:
        image = image - lowest
    image = bounded(image)
    vectors = torch.from_numpy(dmap.displacement).permute(3, 0, 1, 2)[None].float()
    to_lattice = to_unit_box(dmap.grid.shape) @ np.linalg.inv(dmap.grid.affine) @ fixed.affine
    ras_to_moving = to_unit_box(image.shape[2:]) @ np.linalg.inv(moving.affine)
    to_moving = ras_to_moving @ fixed.affine
    turn = torch.from_numpy(ras_to_moving[:3, :3].T.astype(np.float32).copy())
    warped = np.empty(fixed.array.shape, dtype=np.float32)
    # In parts: coordinates of a whole 0.5 mm head would take gigabytes.
    thick = max(1, WARPED_AT_ONCE // int(np.prod(fixed.array.shape[1:])))
    for first in range(0, len(warped), thick):
        part = warped[first : first + thick]
        for rows in slabs(part.shape, image.device):
            there = affine_table(from_slice(to_lattice, first), part.shape, rows=rows)[None]
            moved = F.grid_sample(vectors, there, padding_mode="border", align_corners=True)
            there = affine_table(from_slice(to_moving, first), part.shape, rows=rows)
            there.view(-1, 3).addmm_(moved.view(3, -1).T, turn)
            part[rows] = F.grid_sample(image, there[None], mode=mode, align_corners=True)[0, 0].add_(lowest).numpy()
    if mode == "nearest":
        warped = np.rint(warped).astype(moving.array.dtype)
        warped = warped if labels is None else np.append(0, labels).astype(dtype)[warped]
    return Volume(warped, fixed.affine, f"{moving.name} warped")
