"""Where voxels lie: the ``Volume`` value and checks on it.

World coordinates are RAS millimeters throughout the engine, as in MRML. Files and ITK
use LPS; ``files.LPS_RAS`` converts where they are met.
"""

from dataclasses import dataclass, field

import numpy as np

from .errors import RegistrationError
from .texts import tr as _

#: Fewer do not make a volume that could be aligned.
LEAST_SLICES = 4


@dataclass(frozen=True)
class Grid:
    """A lattice of voxels.

    :param shape: array shape (k, j, i).
    :param affine: 4x4 float64, IJK (i, j, k, 1) to RAS in mm.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray

    @property
    def linear(self) -> np.ndarray:
        """3x3 part of the affine: columns are the steps along i, j and k in mm RAS."""
        return self.affine[:3, :3]

    @property
    def spacing(self) -> np.ndarray:
        """Distance of neighbors along i, j, k in mm, (3,)."""
        return np.linalg.norm(self.linear, axis=0)

    @property
    def directions(self) -> np.ndarray:
        """Unit columns of :attr:`linear`; det is -1 for a left-handed grid."""
        return self.linear / self.spacing

    @property
    def center(self) -> np.ndarray:
        """RAS position of the middle of the grid, mm, (3,)."""
        return self.to_ras((np.array(self.shape[::-1]) - 1) / 2)

    def to_ras(self, ijk) -> np.ndarray:
        """Voxel coordinates (..., 3) in order i, j, k to RAS mm."""
        return np.asarray(ijk) @ self.linear.T + self.affine[:3, 3]

    def to_ijk(self, ras) -> np.ndarray:
        """RAS mm (..., 3) to voxel coordinates in order i, j, k."""
        return (np.asarray(ras) - self.affine[:3, 3]) @ np.linalg.inv(self.linear).T

    def corners(self) -> np.ndarray:
        """RAS positions of the eight outermost voxel centers, mm, (8, 3)."""
        last = np.array(self.shape[::-1]) - 1
        return self.to_ras(np.array(np.meshgrid(*([0, size] for size in last))).reshape(3, 8).T)


@dataclass(frozen=True)
class Volume:
    """A scalar image in space.

    :param array: (k, j, i), any numeric type.
    :param affine: 4x4 float64, IJK to RAS in mm.
    :param name: what messages call it.
    """

    array: np.ndarray
    affine: np.ndarray = field(default_factory=lambda: np.eye(4))
    name: str = "volume"

    @property
    def grid(self) -> Grid:
        return Grid(tuple(self.array.shape), np.asarray(self.affine, dtype=np.float64))

    def check(self, role: str) -> "Volume":
        """Returns itself, or raises RegistrationError saying what is wrong and what helps.

        :param role: "Fixed volume", "Moving mask" and the like, the first words of the message.
        """
        who = _("{role} '{name}'").format(role=role, name=self.name)
        array, affine = self.array, np.asarray(self.affine)
        if array.ndim > 3:
            raise RegistrationError(
                _(
                    "{who} has {count} dimensions (a time series or a vector image); extract one scalar 3D volume "
                    "from it first."
                ).format(who=who, count=array.ndim)
            )
        if array.ndim < 3 or min(array.shape) < 2:
            raise RegistrationError(
                _("{who} is a single slice or 2D (size {size}); choose a 3D volume.").format(
                    who=who, size="x".join(str(s) for s in array.shape[::-1])
                )
            )
        if min(array.shape) < LEAST_SLICES:
            raise RegistrationError(
                _("{who} has only {count} slices along one axis; choose a volume with {least} or more.").format(
                    who=who, count=min(array.shape), least=LEAST_SLICES
                )
            )
        if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool) or np.iscomplexobj(array):
            raise RegistrationError(
                _("{who} holds {type} values; convert it to a real scalar type.").format(who=who, type=array.dtype)
            )
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise RegistrationError(
                _("{who} has no valid position in space; check its IJK-to-RAS matrix.").format(who=who)
            )
        if (self.grid.spacing < 1e-6).any():
            raise RegistrationError(
                _("{who} has zero spacing; set its voxel size in the Volumes module.").format(who=who)
            )
        if abs(np.linalg.det(self.grid.directions)) < 1e-3:
            raise RegistrationError(
                _(
                    "{who} has a singular direction matrix (two axes point the same way); correct its directions."
                ).format(who=who)
            )
        low, high = array.min(), array.max()
        if np.issubdtype(array.dtype, np.floating):
            # Also of double precision: everything is computed in single precision. NaN is neither.
            most = np.finfo(np.float32).max
            if not (low >= -most and high <= most):
                good = np.abs(array) <= most
                raise RegistrationError(
                    _("{who} holds {count} NaN, infinite or huge voxels; replace them with numbers first.").format(
                        who=who, count=np.count_nonzero(~good)
                    )
                )
        if low == high:
            raise RegistrationError(
                _("{who} is constant ({value}); choose a volume that shows something.").format(
                    who=who, value=array.flat[0]
                )
            )
        return self


def linear_map(matrix: np.ndarray, points) -> np.ndarray:
    """Apply a 4x4 RAS matrix to points (..., 3) in mm."""
    return np.asarray(points) @ matrix[:3, :3].T + matrix[:3, 3]
