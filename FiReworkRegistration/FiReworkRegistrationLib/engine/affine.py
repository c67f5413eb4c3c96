"""Affine pre-alignment: center of mass, then rigid, then affine (SimpleITK, Mattes mutual information)."""

import threading
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from .errors import Cancelled, RegistrationError, is_out_of_memory
from .files import LPS_RAS, to_image
from .geometry import Volume
from .texts import tr as _

#: Alignment runs on images of this spacing: brains are large, detail does not help a dozen numbers.
ALIGNMENT_MM = 2.0
SEED = 24
#: Normalized intensity above which a voxel belongs to the object, and how far its edge reaches.
CONTENT, EDGE_VOXELS = 0.02, 3
#: An affine map that stretches, after the rigid one, so much more along one axis than along another fits no two
#: heads: a slab of a few slices says little of the scale across it. In all, infants' heads are half as long.
MOST_UNEVEN, MOST_STRETCH = 1.6, 2.5
#: Held while SimpleITK's number of threads is changed, so that the last one to change it back has the right one.
_SETTING_THREADS = threading.RLock()


@dataclass(frozen=True)
class Alignment:
    """:param matrix: 4x4 RAS mm, fixed to moving. :param steps: name of each step and its metric."""

    matrix: np.ndarray
    steps: tuple[tuple[str, float], ...]


def center_of_mass(volume: Volume) -> np.ndarray:
    """Intensity-weighted RAS center in mm, (3,); intensities must not be negative.

    :raises RegistrationError: all of them are 0.
    """
    weights = volume.array.astype(np.float64)
    if weights.sum() <= 0:
        raise RegistrationError(
            _("Volume '{volume}' shows nothing but one gray value; choose another one.").format(volume=volume.name)
        )
    sums = [weights.sum(axis=tuple(a for a in range(3) if a != axis)) for axis in (2, 1, 0)]
    ijk = [(line * np.arange(len(line))).sum() / line.sum() for line in sums]
    return volume.grid.to_ras(np.array(ijk))


def prealign(fixed: Volume, moving: Volume, start=None, progress=None, cancelled=None) -> Alignment:
    """Affine map of the fixed to the moving space.

    :param fixed, moving: normalized to [0, 1], background 0.
    :param start: 4x4 RAS mm, fixed to moving, instead of the centers of mass.
    :param progress: called as ``progress(fraction, message)``.
    :param cancelled: asked at every step of the optimizer.
    :return: what the affine step began with where it comes to something implausible, see :data:`MOST_UNEVEN`.
    :raises Cancelled: the flag was set.
    :raises RegistrationError: a volume of one gray value; volumes that the optimizer finds no overlap of.
    """
    import SimpleITK as sitk

    center = center_of_mass(fixed)
    if start is None:
        start = np.eye(4)
        start[:3, 3] = center_of_mass(moving) - center
    images = [_coarse(to_image(volume)) for volume in (fixed, moving)]
    lps_center = (LPS_RAS[:3, :3] @ center).tolist()
    rigid_start = _is_rigid(start)

    steps, current = [], sitk.AffineTransform(3)
    _set_matrix(current, start, lps_center)
    if rigid_start:
        rigid = sitk.Euler3DTransform()
        rigid.SetCenter(lps_center)
        # Files round their numbers, SimpleITK wants an exact rotation.
        left, _stretch, right = np.linalg.svd(np.array(current.GetMatrix()).reshape(3, 3))
        rigid.SetMatrix((left @ right).ravel().tolist())
        rigid.SetTranslation(current.GetTranslation())
        _report(progress, 0.05, _("Rigid alignment"))
        rigid, value = _optimize(*images, rigid, (4, 2), (2.0, 1.0), 100, cancelled)
        steps.append(("rigid", value))
        current.SetMatrix(rigid.GetMatrix())
        current.SetTranslation(rigid.GetTranslation())
    _report(progress, 0.4, _("Affine alignment"))
    before = _matrix_of(current)
    current, value = _optimize(*images, current, (4, 2, 1), (2.0, 1.0, 0.5), 100, cancelled)
    found = _matrix_of(current)
    if is_plausible(found[:3, :3] @ np.linalg.inv(before[:3, :3])):
        steps.append(("affine", value))
    else:
        found = before
    _report(progress, 1.0, _("Aligned"))
    return Alignment(found, tuple(steps))


def _optimize(fixed, moving, transform, shrink, sigmas, iterations, cancelled):
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentagePerLevel([min(1.0, 0.05 * f**2) for f in shrink], SEED)
    # Samples are spent on the object and its edge: air outweighs it and agrees anywhere.
    method.SetMetricFixedMask(sitk.BinaryDilate(fixed > CONTENT, [EDGE_VOXELS] * 3))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=1e-3, numberOfIterations=iterations, gradientMagnitudeTolerance=1e-6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(list(shrink))
    method.SetSmoothingSigmasPerLevel([s * ALIGNMENT_MM for s in sigmas])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    # In place: the transform keeps its type and center.
    method.SetInitialTransform(transform, True)
    stopped = []

    def ask():
        if cancelled():
            stopped.append(True)
            method.StopRegistration()

    if cancelled:
        # Not for nothing: Ctrl-C in a function that ITK calls would come back as an error of ITK.
        method.AddCommand(sitk.sitkIterationEvent, ask)
    try:
        with _one_thread():
            method.Execute(fixed, moving)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        reason = str(error).strip().splitlines()[-1]
        raise RegistrationError(
            _(
                "Affine alignment failed ({reason}); check that fixed and moving show the same anatomy, or give an "
                "initial transform and switch the alignment off."
            ).format(reason=reason)
        ) from error
    finally:
        # The method holds ``ask``, and that the method: a circle through C++, which Python does not see. What
        # ``cancelled`` holds, such as a session with its images and fields, would stay for good.
        method.RemoveAllCommands()
    if stopped:
        raise Cancelled("Cancelled during the affine alignment.")
    return transform, method.GetMetricValue()


@contextmanager
def _one_thread():
    """SimpleITK computes with one thread meanwhile.

    Several add up in any order, and the optimizer makes hundredths of a millimeter of the last digit, the polish
    tenths of a voxel: with one the same volumes always come to the same result. The metric of a registration only
    heeds the setting for all of SimpleITK.
    """
    from SimpleITK import ProcessObject

    with _SETTING_THREADS:
        before = ProcessObject.GetGlobalDefaultNumberOfThreads()
        ProcessObject.SetGlobalDefaultNumberOfThreads(1)
        try:
            yield
        finally:
            ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _coarse(image):
    """The image at ``ALIGNMENT_MM``, smoothed before."""
    import SimpleITK as sitk

    spacing = np.array(image.GetSpacing())
    image = sitk.Cast(image, sitk.sitkFloat32)
    sigma = np.where(1.3 * spacing < ALIGNMENT_MM, 0.35 * ALIGNMENT_MM, 1e-3 * spacing)
    image = sitk.SmoothingRecursiveGaussian(image, sigma.tolist()) if (sigma > 0.1 * spacing).any() else image
    target = np.maximum(spacing, ALIGNMENT_MM)
    size = np.maximum(np.ceil(np.array(image.GetSize()) * spacing / target), 8).astype(int)
    target = np.array(image.GetSize()) * spacing / size
    # Half-voxel corners of both grids agree.
    shift = np.array(image.GetDirection()).reshape(3, 3) @ ((target - spacing) / 2)
    origin = np.array(image.GetOrigin()) + shift
    return sitk.Resample(
        image, size.tolist(), sitk.Transform(), sitk.sitkLinear, origin.tolist(), target.tolist(),
        image.GetDirection(), 0.0, sitk.sitkFloat32,
    )  # fmt: skip


def _is_rigid(matrix: np.ndarray) -> bool:
    linear = matrix[:3, :3]
    return np.allclose(linear @ linear.T, np.eye(3), atol=1e-4) and np.linalg.det(linear) > 0


def is_plausible(change: np.ndarray) -> bool:
    """Whether a 3x3 neither mirrors nor stretches too much, see :data:`MOST_UNEVEN`."""
    stretch = np.linalg.svd(change, compute_uv=False)
    is_even = stretch.max() <= MOST_UNEVEN * stretch.min()
    return is_even and np.linalg.det(change) > 0 and stretch.max() <= MOST_STRETCH and stretch.min() >= 1 / MOST_STRETCH


def _set_matrix(transform, ras: np.ndarray, center) -> None:
    lps = LPS_RAS @ ras @ LPS_RAS
    center = np.array(center)
    transform.SetCenter(center.tolist())
    transform.SetMatrix(lps[:3, :3].ravel().tolist())
    transform.SetTranslation((lps[:3, :3] @ center + lps[:3, 3] - center).tolist())


def _matrix_of(transform) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    center = np.array(transform.GetCenter())
    matrix[:3, 3] = np.array(transform.GetTranslation()) + center - matrix[:3, :3] @ center
    return LPS_RAS @ matrix @ LPS_RAS


def _report(progress, fraction: float, message: str) -> None:
    if progress:
        progress(fraction, message)
