"""Slabs of a box: planes along k whose share of a sum is computed at a time."""

from itertools import pairwise

import torch

#: Voxels of a slab on a CPU, at most about so many.
VOXELS_AT_ONCE = 500_000
#: Slabs that are worked at side by side have so many voxels and planes at least.
LEAST_VOXELS, LEAST_PLANES = 60_000, 6


def slabs(shape, device: torch.device, workers: int = 1, voxels: int | None = None) -> list[slice]:
    """Slabs of about equal thickness that cover the box.

    :param shape: (D, H, W) of the box.
    :param workers: how many slabs are worked at side by side.
    :param voxels: of a slab, about; chosen for the device if None.
    """
    depth, plane = shape[0], shape[1] * shape[2]
    if voxels is None:
        # A CPU is several times as fast where a slab's numbers stay in its cache, and where the system need
        # not hand out new memory for each of them. A GPU wants as much as possible at a time.
        voxels = VOXELS_AT_ONCE if device.type == "cpu" else depth * plane
    count = max(1, round(depth * plane / voxels))
    if workers > 1:
        # A worker that has nothing left to do waits for the others.
        wanted = -(-count // workers) * workers
        count = max(count, min(wanted, depth // LEAST_PLANES, depth * plane // LEAST_VOXELS))
    ends = [round(index * depth / count) for index in range(count + 1)]
    return [slice(first, last) for first, last in pairwise(ends) if last > first]


def wider(part: slice, by: int, size: int) -> slice:
    """``part`` and ``by`` more on both sides, of ``size``."""
    return slice(max(0, part.start - by), min(size, part.stop + by))


def counted_from(outer: slice, inner: slice) -> slice:
    """``inner`` counted from the beginning of ``outer``."""
    return slice(inner.start - outer.start, inner.stop - outer.start)
