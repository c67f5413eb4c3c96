"""Maps and linear transforms from and to files, in ITK's convention (LPS mm, fixed to moving)."""

from pathlib import Path

import numpy as np

from .errors import RegistrationError
from .files import LPS_RAS, check_output, check_upright, place_image, write_image
from .geometry import Grid
from .maps import DisplacementMap

FIELD_ENDINGS = (".nrrd", ".nii.gz", ".nii", ".mha", ".mhd")
TRANSFORM_ENDINGS = (".h5", ".tfm", ".hdf5")


def write_map(dmap: DisplacementMap, path, grid: Grid | None = None) -> None:
    """Write a map; the ending says how.

    ``.h5`` and ``.tfm`` hold an ITK displacement field transform on the map's own lattice,
    ``.nrrd``, ``.nii.gz`` and ``.mha`` one vector image on ``grid`` (the fixed volume's).

    :raises RegistrationError: unknown ending or missing folder.
    """
    import SimpleITK as sitk

    path = check_transform_path(path)
    if path.name.endswith(TRANSFORM_ENDINGS):
        # SimpleITK takes the image's memory: it must be of doubles.
        transform = sitk.DisplacementFieldTransform(_field_image(dmap, np.float64))
        try:
            sitk.WriteTransform(transform, str(path))
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise RegistrationError(f"'{path}' cannot be written ({reason}); check folder and disk space.") from error
    else:
        check_upright(dmap.grid if grid is None else grid, path)
        write_image(_field_image(dmap if grid is None else dmap.resampled(grid), np.float32), path)


def check_transform_path(path) -> Path:
    """:raises RegistrationError: an ending that :func:`write_map` does not know, or a missing folder."""
    path = check_output(path)
    # ITK knows some of them in small letters only.
    if not path.name.endswith(TRANSFORM_ENDINGS + FIELD_ENDINGS):
        raise RegistrationError(
            f"'{path.name}': a transform is written as {', '.join(TRANSFORM_ENDINGS + FIELD_ENDINGS)}, in small "
            "letters; choose one."
        )
    return path


def read_linear(path) -> np.ndarray:
    """A linear ITK transform file (.h5, .tfm, .txt, .mat) as 4x4 RAS mm, fixed to moving.

    :raises RegistrationError: unreadable or not linear.
    """
    import SimpleITK as sitk

    if not Path(path).exists():
        raise RegistrationError(f"Initial transform '{path}' does not exist; check the path.")
    try:
        transform = sitk.ReadTransform(str(path))
    except RuntimeError as error:
        raise RegistrationError(
            f"Initial transform '{path}' cannot be read as an ITK transform (.tfm, .txt, .mat, .h5); save one from 3D "
            "Slicer, ANTs or SimpleITK. Matrices of FSL or NumPy have to be converted first."
        ) from error
    if Path(path).suffix in (".tfm", ".txt"):
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        # Of several that are not composed, ITK takes the first.
        if (count := text.count("#Transform ")) > 1 and "Transform: CompositeTransform" not in text:
            raise RegistrationError(f"Initial transform '{path}' holds {count} transforms; save them as one.")
    if transform.GetDimension() != 3:
        raise RegistrationError(f"Initial transform '{path}' is {transform.GetDimension()}D; give a 3D transform.")
    if not transform.IsLinear():
        raise RegistrationError(f"Initial transform '{path}' is not linear; give a rigid or affine transform.")
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    matrix = np.eye(4)
    for axis in range(3):
        matrix[:3, axis] = np.array(transform.TransformPoint(np.eye(3)[axis].tolist())) - origin
    matrix[:3, 3] = origin
    return LPS_RAS @ matrix @ LPS_RAS


def _field_image(dmap: DisplacementMap, dtype):
    import SimpleITK as sitk

    lps = np.multiply(dmap.displacement, np.diag(LPS_RAS)[:3], dtype=dtype)
    return place_image(sitk.GetImageFromArray(lps, isVector=True), dmap.grid)
