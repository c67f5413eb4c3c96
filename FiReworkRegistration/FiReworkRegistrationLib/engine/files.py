"""Volumes from and to files through SimpleITK; here is the matrix between LPS and RAS."""

import os
from pathlib import Path

import numpy as np

from .errors import RegistrationError, is_out_of_memory
from .geometry import Grid, Volume
from .nifti_size import is_cut_off

#: Points and vectors change between LPS and RAS by this diagonal.
LPS_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def affine_of_image(image) -> np.ndarray:
    """IJK-to-RAS (4x4, mm) of a 3D SimpleITK image."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) @ np.diag(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return LPS_RAS @ affine


def place_image(image, grid: Grid):
    """Give a SimpleITK image the origin, spacing and direction of ``grid``; returns the image."""
    lps = LPS_RAS @ grid.affine
    image.SetSpacing([float(value) for value in grid.spacing])
    image.SetDirection((lps[:3, :3] / grid.spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def to_image(volume: Volume):
    """``volume`` as a SimpleITK image, skewed axes included."""
    import SimpleITK as sitk

    array = volume.array.astype(np.uint8) if volume.array.dtype == bool else volume.array
    return place_image(sitk.GetImageFromArray(np.ascontiguousarray(array)), volume.grid)


def from_image(image, name="volume") -> Volume:
    """A ``Volume`` of a 3D scalar SimpleITK image."""
    import SimpleITK as sitk

    return Volume(sitk.GetArrayFromImage(image), affine_of_image(image), name)


def read_volume(path, role="Volume") -> Volume:
    """Read any scalar 3D image that SimpleITK reads (NIfTI, NRRD, MHA, ...).

    :param role: first word of an error message.
    :raises RegistrationError: missing, unreadable, 2D, 4D or vector file.
    """
    import SimpleITK as sitk

    path = Path(path)
    if not path.exists():
        raise RegistrationError(f"{role} '{path}' does not exist; check the path.")
    if path.is_dir():
        raise RegistrationError(
            f"{role} '{path}' is a folder; give one file. 3D Slicer or dcm2niix save a DICOM series as one."
        )
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        reason = str(error).strip().splitlines()[-1]
        raise RegistrationError(
            f"{role} '{path}' cannot be read as an image ({reason}); give a NIfTI, NRRD or MetaImage file."
        ) from error
    if is_cut_off(path):
        raise RegistrationError(f"{role} '{path}' is cut off: it ends before its image does; get the file again.")
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        kind = f"{image.GetDimension()}D with {image.GetNumberOfComponentsPerPixel()} component(s)"
        raise RegistrationError(f"{role} '{path.name}' is {kind}; extract one scalar 3D volume from it first.")
    return from_image(image, path.name)


def write_volume(volume: Volume, path) -> None:
    """Write a volume; the ending chooses the format, compressed where it can be.

    :raises RegistrationError: the folder is missing or the format unknown.
    """
    check_volume_path(path)
    check_upright(volume.grid, path)
    write_image(to_image(volume), path)


def check_upright(grid: Grid, path) -> None:
    """:raises RegistrationError: skewed axes; some formats would straighten them without a word."""
    if not np.allclose(grid.directions.T @ grid.directions, np.eye(3), atol=1e-3):
        raise RegistrationError(
            f"'{path}' cannot be written: its grid has skewed axes, which image files do not hold. "
            "Resample the fixed volume to perpendicular axes first."
        )


def write_image(image, path) -> None:
    """Write a SimpleITK image compressed, failures as RegistrationError."""
    import SimpleITK as sitk

    check_output(path)
    try:
        sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise RegistrationError(f"'{path}' cannot be written ({reason}); use .nrrd, .nii.gz or .mha.") from error
    if is_cut_off(path):
        raise RegistrationError(f"'{path}' could not be written whole; check the disk space.")


#: What a volume may be written as.
VOLUME_ENDINGS = (".nrrd", ".nii.gz", ".nii", ".mha", ".mhd")


def check_volume_path(path) -> Path:
    """:raises RegistrationError: an ending that is no image format, or a missing folder."""
    path = check_output(path)
    # ITK knows some of them in small letters only.
    if not path.name.endswith(VOLUME_ENDINGS):
        raise RegistrationError(
            f"'{path.name}': a volume is written as {', '.join(VOLUME_ENDINGS)}, in small letters; choose one."
        )
    return path


def is_same_file(first, second) -> bool:
    """Also under other names: macOS and Windows take capitals for small letters."""
    first, second = Path(first).absolute().resolve(), Path(second).absolute().resolve()
    return first == second or (first.exists() and second.exists() and first.samefile(second))


def check_output(path) -> Path:
    """``path`` if a file can be written there, else RegistrationError."""
    path = Path(path)
    if not path.parent.is_dir():
        raise RegistrationError(f"Output folder '{path.parent}' does not exist; create it first.")
    if path.is_dir():
        raise RegistrationError(f"Output '{path}' is a folder; name a file.")
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise RegistrationError(f"Output '{path}' cannot be written: no permission; choose another place.")
    return path
