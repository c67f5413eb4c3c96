"""Checks of a pair before any work, and the images that the later steps use."""

from dataclasses import dataclass

import numpy as np

from .errors import RegistrationError
from .geometry import Volume, linear_map
from .preprocessing import foreground, normalize_intensity
from .texts import tr as _

INITIAL_TRANSFORM = _("Initial transform")
#: An initial transform that makes things so many times larger or smaller is not one of millimeters.
MOST_SCALE = 10.0
#: A mask of less than this share of what the other volume shows marks a part, not the brain in a head.
PART = 0.2


@dataclass(frozen=True)
class PreparedImage:
    """A volume with intensities in [0, 1] and the mask of what counts in it, on its own grid."""

    volume: Volume
    content: np.ndarray

    @property
    def blanked(self) -> Volume:
        """The volume with background 0, so that its center of mass is the object's; what ``prealign`` takes."""
        array = np.where(self.content, self.volume.array, 0.0).astype(np.float32)
        return Volume(array, self.volume.affine, self.volume.name)


def prepare_image(volume: Volume, mask: Volume | None, role: str, normalization="robust") -> PreparedImage:
    """Check, normalize and, where a mask is given, blank what lies outside it.

    :param mask: on the same grid, voxels > 0 are kept.
    :param role: "Fixed" or "Moving".
    :param normalization: a name of ``NORMALIZATIONS``.
    :raises RegistrationError: unusable volume or mask.
    """
    volume.check(_("{role} volume").format(role=role))
    if volume.array.dtype == bool:
        volume = Volume(volume.array.astype(np.uint8), volume.affine, volume.name)
    if mask is None:
        content = foreground(volume.array)
    else:
        if mask.array.shape != volume.array.shape or not np.allclose(mask.affine, volume.affine, atol=1e-3):
            raise RegistrationError(
                _("{role} mask '{mask}' is not on the grid of '{volume}'; resample it to that volume first.").format(
                    role=role, mask=mask.name, volume=volume.name
                )
            )
        content = mask.array > 0
        if not content.any():
            raise RegistrationError(
                _("{role} mask '{mask}' is empty; mark the brain in it or remove the mask.").format(
                    role=role, mask=mask.name
                )
            )
    if not content.any():
        raise RegistrationError(
            _("{role} volume '{volume}' shows no object; give a mask or choose another volume.").format(
                role=role, volume=volume.name
            )
        )
    if np.ptp(volume.array[content]) == 0:
        text = (
            _("{role} volume '{volume}' has one gray value only; choose another volume.")
            if mask is None
            else _("{role} volume '{volume}' has one gray value only inside '{mask}'; choose another mask.")
        )
        raise RegistrationError(text.format(role=role, volume=volume.name, mask=mask and mask.name))
    array = normalize_intensity(volume.array, content, zero_outside=mask is not None, method=normalization)
    return PreparedImage(Volume(array, volume.affine, volume.name), content)


def is_part(marked: PreparedImage, shown: PreparedImage) -> bool:
    """Whether much less is marked in one volume than the other one shows."""
    own, other = (float(image.content.sum() * image.volume.grid.spacing.prod()) for image in (marked, shown))
    return own < PART * other


def check_linear(matrix, name=INITIAL_TRANSFORM) -> np.ndarray:
    """A usable 4x4 affine as float64, or RegistrationError."""
    matrix = np.asarray(matrix, dtype=np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-6:
        raise RegistrationError(
            _("{name} is not an invertible 4x4 linear transform; choose a rigid or affine one.").format(name=name)
        )
    return matrix


def check_start(matrix) -> np.ndarray:
    """An initial transform that two heads can have between them, 4x4 float64, or RegistrationError."""
    matrix = check_linear(matrix)
    scale = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    if np.linalg.det(matrix[:3, :3]) < 0:
        raise RegistrationError(
            _("{name} mirrors: left would become right. Choose one that does not.").format(name=INITIAL_TRANSFORM)
        )
    if scale.max() > MOST_SCALE or scale.min() < 1 / MOST_SCALE or not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise RegistrationError(
            _("{name} scales by {low:.2g} to {high:.2g}; choose a rigid or affine one of millimeters.").format(
                name=INITIAL_TRANSFORM, low=scale.min(), high=scale.max()
            )
        )
    return matrix


def check_overlap(fixed: Volume, moving: Volume, fixed_to_moving: np.ndarray) -> None:
    """:raises RegistrationError: the volumes' boxes do not meet where ``fixed_to_moving`` puts them."""
    size = np.array(moving.array.shape[::-1])
    corners = moving.grid.to_ijk(linear_map(fixed_to_moving, fixed.grid.corners()))
    # Separated along one of the moving axes means apart; boxes that meet always pass.
    if (corners.max(axis=0) < 0).any() or (corners.min(axis=0) > size - 1).any():
        distance = np.linalg.norm(linear_map(fixed_to_moving, fixed.grid.center) - moving.grid.center)
        raise RegistrationError(
            _(
                "Fixed volume '{fixed}' and moving volume '{moving}' do not overlap: their centers are "
                "{distance:.0f} mm apart. Center both volumes (Volumes module, Center Volume) or give an initial "
                "transform that brings the moving volume near the fixed one."
            ).format(fixed=fixed.name, moving=moving.name, distance=distance)
        )
