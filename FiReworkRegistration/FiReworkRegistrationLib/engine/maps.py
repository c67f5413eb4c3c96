"""The finished map of a registration: one displacement field in millimeters."""

from dataclasses import dataclass

import numpy as np
import torch

from .affine_table import affine_table
from .fields import derivative, ras_to_voxels
from .geometry import Grid, linear_map
from .inverse import newton_inverse
from .map_writer import MapWriter
from .slabs import slabs
from .warping import resample_affine, sample


@dataclass(frozen=True)
class DisplacementMap:
    """x_moving = x_fixed + displacement(x_fixed), the whole map, affine included.

    :param grid: lattice of the displacement; linear interpolation between its points.
    :param displacement: (k, j, i, 3) float32, RAS mm, components x, y, z. Outside the lattice
        the border value holds, as in VTK.
    """

    grid: Grid
    displacement: np.ndarray

    def at(self, points) -> np.ndarray:
        """RAS points (N, 3) in mm of the fixed space to the moving space, (N, 3) float64."""
        points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        return points + self._displacement_at(points)

    def _displacement_at(self, points: np.ndarray) -> np.ndarray:
        kji = torch.from_numpy(self.grid.to_ijk(points)[:, ::-1].copy().astype(np.float32))
        image = torch.from_numpy(self.displacement).permute(3, 0, 1, 2)[None].float()
        values = sample(image, kji.T.reshape(1, 3, -1, 1, 1))
        return values[0, :, :, 0, 0].T.double().numpy()

    def resampled(self, grid: Grid) -> "DisplacementMap":
        """The same map tabulated on another lattice."""
        image = torch.from_numpy(self.displacement).permute(3, 0, 1, 2)[None].float()
        matrix = np.linalg.inv(self.grid.affine) @ grid.affine
        values = resample_affine(image, matrix, grid.shape, padding="border")
        return DisplacementMap(grid, values[0].permute(1, 2, 3, 0).contiguous().numpy())

    def jacobian(self, grid: Grid) -> np.ndarray:
        """Determinant of d x_moving / d x_fixed on ``grid``, (k, j, i) float32.

        Central differences on the map's own lattice, then linear interpolation; 1 keeps volume,
        <= 0 folds.
        """
        from .fields import jacobian_determinant

        part = self._around(grid)
        determinant = jacobian_determinant(ras_to_voxels(part.displacement, part.grid.linear))
        matrix = np.linalg.inv(part.grid.affine) @ grid.affine
        return resample_affine(determinant, matrix, grid.shape, padding="border")[0, 0].numpy()

    def _around(self, grid: Grid, margin=2) -> "DisplacementMap":
        """The part of the lattice that the box of ``grid`` and a few lattice points around it need."""
        size = np.array(self.grid.shape[::-1])
        corners = self.grid.to_ijk(grid.corners())
        low = np.clip(np.floor(corners.min(axis=0)).astype(int) - margin, 0, size - 2)
        high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + margin + 1, low + 2, size)
        affine = self.grid.affine.copy()
        affine[:3, 3] = self.grid.to_ras(low)
        inside = tuple(slice(first, end) for first, end in zip(low[::-1], high[::-1], strict=True))
        return DisplacementMap(Grid(tuple(int(n) for n in (high - low)[::-1]), affine), self.displacement[inside])

    def inverted(
        self, grid: Grid, rounds=30, begin: "DisplacementMap | None" = None
    ) -> tuple["DisplacementMap", float]:
        """The map moving to fixed on ``grid``, by damped fixed-point iteration, then Newton's where that is not enough.

        The linear part is inverted exactly first: the iteration only has to undo the rest.

        :param grid: lattice of the inverse, in the moving space. Between its points the inverse of a map that is
            linear between its own is not linear: the finer the lattice, the smaller the residual.
        :param begin: an inverse on a coarser lattice, from which a few rounds are enough.
        :return: the inverse map and its residual, see :meth:`residual_of`.
        """
        # map(x) = L(x) + r(x): beyond the lattice r keeps its border value, which is near 0,
        # so the inverse goes on smoothly there; with L left in, its edge would be bent.
        linear = self._linear_part()
        back = np.linalg.inv(linear)
        rest = self._beyond(linear)
        slopes = torch.cat([derivative(rest, axis) for axis in range(3)], dim=1)
        to_start, to_lattice = (back - np.eye(4)) @ grid.affine, np.linalg.inv(self.grid.affine) @ grid.affine
        to_voxel = torch.from_numpy(np.linalg.inv(self.grid.linear)[::-1].copy()).float()
        turn, ahead = (torch.from_numpy(matrix[:3, :3]).float() for matrix in (back, linear))

        found = np.empty((*grid.shape, 3), dtype=np.float32) if begin is None else begin.resampled(grid).displacement
        with torch.inference_mode():
            # Each point for itself: in slabs, what comes and goes stays in a CPU's cache instead of taking gigabytes.
            for rows in slabs(grid.shape, rest.device):
                # Displacement of ``back`` alone, mm, and where the points lie in own voxels k, j, i.
                start = _channels_first(affine_table(to_start, grid.shape, rows=rows))
                voxels = _channels_first(affine_table(to_lattice, grid.shape, rows=rows).flip(-1))
                inverse = start if begin is None else _channels_first(torch.from_numpy(found[rows]))
                for _ in range(rounds):
                    # x <- L^-1 (y - r(x)), not the whole step where r is steep.
                    there = sample(rest, voxels + torch.einsum("rc,bcdhw->brdhw", to_voxel, inverse))
                    inverse = 0.3 * inverse + 0.7 * (start - torch.einsum("rc,bcdhw->brdhw", turn, there))
                newton_inverse(inverse, start, voxels, rest, slopes, to_voxel, ahead)
                found[rows] = inverse[0].movedim(0, -1).numpy()
        inverse = DisplacementMap(grid, found)
        return inverse, self.residual_of(inverse)

    def _beyond(self, linear: np.ndarray) -> torch.Tensor:
        """What the map adds to a linear one, (1, 3, D, H, W) mm, components x, y, z."""
        rest = np.empty(self.displacement.shape, dtype=np.float32)
        # In slabs: a whole 1 mm lattice in double precision would take 0.5 GB.
        for rows in slabs(self.grid.shape, torch.device("cpu")):
            points, displacement = _lattice_points(self.grid, rows), self.displacement[rows]
            beyond = displacement.reshape(-1, 3) + points - linear_map(linear, points)
            rest[rows] = beyond.reshape(displacement.shape)
        return torch.from_numpy(rest).permute(3, 0, 1, 2)[None]

    def residual_of(self, inverse: "DisplacementMap", most_points=200_000) -> float:
        """How far an inverse misses, mm: the 99th percentile of |map(inverse(y)) - y| over the middles between its
        lattice's points that lie inside the own lattice. A folded map has no inverse there: the residual is large.
        """
        shape = [size - 1 for size in inverse.grid.shape]
        step = max(1, int(np.ceil((np.prod(shape) / most_points) ** (1 / 3))))
        axes = (np.arange(0, size, step) + 0.5 for size in shape[::-1])
        points = inverse.grid.to_ras(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3))
        there = inverse.at(points)
        ijk = self.grid.to_ijk(there)
        inside = ((ijk >= 0) & (ijk <= np.array(self.grid.shape[::-1]) - 1)).all(axis=1)
        error = np.linalg.norm(self.at(there) - points, axis=1)[inside]
        return float(np.percentile(error, 99)) if error.size else float("inf")

    def _linear_part(self) -> np.ndarray:
        """Least-squares affine of the map over a coarse sample of the lattice, 4x4."""
        step = [max(1, size // 12) for size in self.grid.shape]
        index = np.stack(np.meshgrid(*(np.arange(0, n, s) for n, s in zip(self.grid.shape, step, strict=True)),
                                     indexing="ij"), -1).reshape(-1, 3)  # fmt: skip
        points = self.grid.to_ras(index[:, ::-1])
        mapped = points + self.displacement[tuple(index.T)]
        matrix = np.eye(4)
        homogeneous = np.column_stack([points, np.ones(len(points))])
        matrix[:3] = np.linalg.lstsq(homogeneous, mapped, rcond=None)[0].T
        return matrix


def _lattice_points(grid: Grid, rows=slice(None)) -> np.ndarray:
    """RAS positions of all grid points in array order, or of some planes along k; (k*j*i, 3) mm."""
    axes = (np.arange(size, dtype=np.float64) for size in grid.shape)
    k, j, i = np.meshgrid(next(axes)[rows], *axes, indexing="ij")
    return grid.to_ras(np.stack([i, j, k], -1).reshape(-1, 3))


def _channels_first(vectors: torch.Tensor) -> torch.Tensor:
    return vectors.movedim(-1, 0)[None].contiguous()


def map_of(grid: Grid, field: torch.Tensor, affine: np.ndarray, fixed: Grid, margin=0.0) -> DisplacementMap:
    """The whole map A(x + d(x)) on the working lattice, extended to cover the fixed volume.

    Both parts are exact under linear interpolation on that lattice: the deformation because
    it lives there, the affine because it is linear.

    :param grid: working grid of ``field``.
    :param field: (1, 3, D, H, W) voxels of ``grid``; 0 outside.
    :param affine: 4x4 RAS mm, fixed to moving, applied after the deformation.
    :param fixed: grid whose box must lie inside the lattice.
    :param margin: mm kept around the fixed box.
    """
    lattice = map_lattice(grid, fixed, margin)
    displacement = np.empty((*lattice.shape, 3), dtype=np.float32)
    MapWriter(lattice, grid, affine).write(field, displacement)
    return DisplacementMap(lattice, displacement)


def map_lattice(grid: Grid, fixed: Grid, margin=0.0) -> Grid:
    """``grid`` with as many more voxels on every side as it takes to cover the box of ``fixed`` and ``margin`` mm."""
    size = np.array(grid.shape[::-1])
    corners = grid.to_ijk(fixed.corners())
    pad = margin / grid.spacing
    before = np.maximum(np.ceil(pad - corners.min(axis=0) - 1e-6), 0).astype(int)
    after = np.maximum(np.ceil(corners.max(axis=0) + pad - (size - 1) - 1e-6), 0).astype(int)
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_ras(-before)
    return Grid(tuple(int(n) for n in (before + size + after)[::-1]), affine)
