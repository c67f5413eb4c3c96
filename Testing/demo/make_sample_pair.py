"""Make the sample pair in Resources/SampleData from the packages that publish the two brains.

    apt-get download mricron-data          (Debian; holds Colin 27, "ch2bet")
    pip download nilearn==0.14.1 --no-deps (PyPI; holds the ICBM 152 template)
    python Testing/demo/make_sample_pair.py mricron-data_*.deb nilearn-*.whl

Nobody needs to run this to use the pair: it documents how the files came about. The two
packages are only read. Needs numpy, scipy and SimpleITK (Testing/requirements.txt), and
dpkg-deb to open the Debian package.
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "Resources" / "SampleData"
COLIN_MEMBER = "usr/share/mricron/templates/ch2bet.nii.gz"
ICBM_MEMBER = "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"

SPACING_MM = 2.0
#: (i, j, k): 160 x 192 x 160 mm.
SIZE = (80, 96, 80)
#: Full width at half maximum equal to the new spacing: nothing finer is left to alias.
SIGMA_MM = SPACING_MM / 2.355
#: The pose given to Colin 27's header: a rotation about this RAS axis through the RAS origin, then a shift.
POSE_AXIS = (1 / 3, 2 / 3, 2 / 3)
POSE_DEGREES = 8.0
POSE_SHIFT_MM = (6.0, -8.0, 0.0)


def pose_matrix() -> np.ndarray:
    """Where the moving image is put: 4x4 RAS mm, from the published position to the shipped one."""
    x, y, z = POSE_AXIS
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.deg2rad(POSE_DEGREES)
    matrix = np.eye(4)
    matrix[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    matrix[:3, 3] = POSE_SHIFT_MM
    return matrix


def brain_only(image):
    """Colin 27 without the thin sheets and loose pieces that its published brain extraction left.

    :param image: uint8, 1 mm, 0 outside the brain.
    """
    array = sitk.GetArrayFromImage(image)
    ball = ndimage.generate_binary_structure(3, 1)
    opened = ndimage.binary_opening(array > 0, ball, iterations=3)
    pieces, _ = ndimage.label(opened)
    largest = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    # Opening rounds corners: what lies next to the kept piece comes back.
    keep = ndimage.binary_dilation(largest, ball, iterations=2) & (array > 0)
    result = sitk.GetImageFromArray(np.where(keep, array, 0))
    result.CopyInformation(image)
    return result


def reduce(image):
    """Smoothed, then sampled at ``SPACING_MM`` on a RAS grid of ``SIZE`` centered on the brain; uint8."""
    array = sitk.GetArrayViewFromImage(image)
    inside = np.argwhere(array > 0)
    middle_ijk = ((inside.min(axis=0) + inside.max(axis=0)) / 2)[::-1]
    middle = np.array(image.TransformContinuousIndexToPhysicalPoint(middle_ijk.tolist()))
    # LPS: an i axis to the right and a j axis to the front run towards -x and -y.
    direction = np.diag([-1.0, -1.0, 1.0])
    origin = middle - direction @ ((np.array(SIZE) - 1) / 2 * SPACING_MM)
    smooth = sitk.SmoothingRecursiveGaussian(sitk.Cast(image, sitk.sitkFloat32), SIGMA_MM)
    small = sitk.Resample(
        smooth, list(SIZE), sitk.Transform(), sitk.sitkLinear, origin.tolist(), [SPACING_MM] * 3,
        direction.ravel().tolist(), 0.0, sitk.sitkFloat32,
    )  # fmt: skip
    # The recursive filter rings below 0 at the brain's edge.
    return sitk.Cast(sitk.Round(sitk.Clamp(small, lowerBound=0, upperBound=255)), sitk.sitkUInt8)


def place(image, pose: np.ndarray):
    """Move an image by its header alone.

    :param pose: 4x4 rigid, RAS mm.
    """
    flip = np.diag([-1.0, -1.0, 1.0])
    rotation, shift = flip @ pose[:3, :3] @ flip, flip @ pose[:3, 3]
    image.SetOrigin((rotation @ np.array(image.GetOrigin()) + shift).tolist())
    image.SetDirection((rotation @ np.array(image.GetDirection()).reshape(3, 3)).ravel().tolist())
    return image


def write(image, path: Path) -> None:
    """NIfTI without the metadata that the source files carried."""
    clean = sitk.GetImageFromArray(sitk.GetArrayFromImage(image))
    clean.CopyInformation(image)
    sitk.WriteImage(clean, str(path), useCompression=True, compressionLevel=9)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


def unpack(deb: Path, wheel: Path, folder: Path) -> tuple[Path, Path]:
    """The two source images, unpacked under ``folder``: Colin 27, ICBM 152."""
    subprocess.run(["dpkg-deb", "-x", str(deb), str(folder / "deb")], check=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extract(ICBM_MEMBER, folder / "wheel")
    return folder / "deb" / COLIN_MEMBER, folder / "wheel" / ICBM_MEMBER


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("deb", type=Path, help="Debian package mricron-data")
    parser.add_argument("wheel", type=Path, help="wheel of nilearn")
    options = parser.parse_args(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        colin, icbm = (sitk.ReadImage(str(path)) for path in unpack(options.deb, options.wheel, Path(folder)))
        write(reduce(icbm), FOLDER / "ICBM152_T1_2mm.nii.gz")
        write(place(reduce(brain_only(colin)), pose_matrix()), FOLDER / "Colin27_T1_2mm.nii.gz")
    return 0


if __name__ == "__main__":
    sys.exit(main())
