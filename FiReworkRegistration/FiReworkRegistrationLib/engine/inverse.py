"""The last step of inverting a map: Newton's iteration where the fixed-point iteration creeps."""

import torch

from .fields import lengths
from .warping import sample

#: No point moves farther than this at once, mm.
LONGEST_STEP = 2.0


def newton_inverse(inverse, start, voxels, rest, slopes, to_voxel, linear, rounds=10, tolerance=0.02) -> None:
    """Improve, in place, an inverse at the points where it still misses by more than ``tolerance`` mm.

    Where a map squeezes space to a tenth, the fixed-point iteration takes a hundred rounds; such places
    are few. A folded map has no inverse there, and no point is moved to a worse place.

    :param inverse: (1, 3, d, h, w) mm, from the point y to its origin x; contiguous.
    :param start: the same of the linear part alone.
    :param voxels: (1, 3, d, h, w), y in voxels k, j, i of the lattice of ``rest``.
    :param rest: (1, 3, D, H, W) mm, what the map adds to its linear part.
    :param slopes: (1, 9, D, H, W), its ``derivative`` along k, then j, then i.
    :param to_voxel: 3x3, mm to voxels k, j, i.
    :param linear: 3x3 of the linear part.
    """
    found, begin, points = (values[0].view(3, -1) for values in (inverse, start, voxels))

    def at(image, index, moved):
        there = points[:, index] + to_voxel @ moved
        return sample(image, there.view(1, 3, -1, 1, 1))[0, :, :, 0, 0]

    def miss(index, moved):
        # The linear part alone hits y from y + start.
        return linear @ (moved - begin[:, index]) + at(rest, index, moved)

    # All points as they lie in memory, then those that need it.
    index, error = torch.arange(found.shape[1]), miss(slice(None), found)
    for _ in range(rounds):
        far = lengths(error, dim=0) > tolerance
        index, error = index[far], error[:, far]
        if not len(index):
            return
        # Lattice axis, component, point: with to_voxel the derivative in mm along x, y, z.
        slope = at(slopes, index, found[:, index]).view(3, 3, -1)
        jacobian = linear + torch.einsum("acn,ar->ncr", slope, to_voxel)
        step = -torch.linalg.solve_ex(jacobian, error.T[..., None])[0][..., 0].T.nan_to_num(0.0, 0.0, 0.0)
        step = step * (LONGEST_STEP / lengths(step, dim=0).clamp(min=1e-6)).clamp(max=1.0)
        pending, before = index, lengths(error, dim=0)
        for fraction in (1.0, 0.5, 0.25):
            tried = found[:, pending] + fraction * step
            better = lengths(miss(pending, tried), dim=0) < before
            found[:, pending[better]] = tried[:, better]
            pending, before, step = pending[~better], before[~better], step[:, ~better]
        error = miss(index, found[:, index])
