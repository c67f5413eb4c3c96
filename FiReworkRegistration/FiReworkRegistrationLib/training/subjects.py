"""Training subjects: image, optional labels, brain mask and label centroids in memory."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ..engine.errors import RegistrationError
from ..engine.files import read_volume

IMAGE_ENDING = "_t1.nii.gz"
LABEL_ENDING = "_seg.nii.gz"


@dataclass
class Subject:
    """One subject on its own grid.

    :param image: (k, j, i) as stored.
    :param labels: (k, j, i) int16, or None.
    :param mask: (k, j, i) bool, the brain.
    :param affine: 4x4 IJK-to-RAS, mm.
    :param centroids: label to RAS position in mm, of labels with enough voxels.
    """

    name: str
    image: np.ndarray
    labels: np.ndarray | None
    mask: np.ndarray
    affine: np.ndarray
    centroids: dict[int, np.ndarray] = field(default_factory=dict)

    @property
    def center(self) -> np.ndarray:
        """RAS center of the mask's bounding box, mm, (3,)."""
        return self.affine[:3, :3] @ self._box.mean(axis=1)[::-1] + self.affine[:3, 3]

    @property
    def extent(self) -> np.ndarray:
        """Size of the mask's bounding box along R, A, S in mm, (3,)."""
        return np.abs(self.affine[:3, :3]) @ (np.ptp(self._box, axis=1) + 1)[::-1]

    @cached_property
    def _box(self) -> np.ndarray:
        return np.array([(axis.min(), axis.max()) for axis in np.nonzero(self.mask)])


def brain_mask(labels: np.ndarray) -> np.ndarray:
    """Closed and filled union of all labels, bool."""
    from scipy import ndimage

    padded = np.pad(labels > 0, 3)
    closed = ndimage.binary_closing(padded, iterations=2)
    return ndimage.binary_fill_holes(closed)[3:-3, 3:-3, 3:-3]


def label_centroids(labels: np.ndarray, affine: np.ndarray, least_voxels=10) -> dict[int, np.ndarray]:
    """RAS centroid in mm of every label with at least ``least_voxels`` voxels."""
    flat = labels.ravel().astype(np.int64)
    count = np.bincount(flat)
    axes = np.meshgrid(*(np.arange(size) for size in labels.shape), indexing="ij", sparse=True)
    sums = [np.bincount(flat, np.broadcast_to(axis, labels.shape).ravel()) for axis in reversed(axes)]
    found = [label for label in np.nonzero(count >= least_voxels)[0] if label > 0]
    ijk = {label: np.array([s[label] for s in sums]) / count[label] for label in found}
    return {int(label): affine[:3, :3] @ position + affine[:3, 3] for label, position in ijk.items()}


def common_labels(fixed: Subject, moving: Subject) -> list[int]:
    """Labels with enough voxels in both, ascending."""
    return sorted(fixed.centroids.keys() & moving.centroids.keys())


def centroid_affine(fixed: Subject, moving: Subject) -> np.ndarray:
    """Least-squares affine of the common labels' centroids, 4x4, fixed RAS to moving RAS."""
    common = common_labels(fixed, moving)
    if len(common) < 4:
        raise RegistrationError(
            f"Subjects '{fixed.name}' and '{moving.name}' have {len(common)} labels in common; their affine alignment "
            f"needs 4 or more. Put label maps X{LABEL_ENDING} beside the images."
        )
    source = np.array([[*fixed.centroids[label], 1.0] for label in common])
    target = np.array([moving.centroids[label] for label in common])
    matrix = np.eye(4)
    matrix[:3] = np.linalg.lstsq(source, target, rcond=None)[0].T
    return matrix


def load_subject(image_path: Path) -> Subject:
    """Read ``X_t1.nii.gz`` and, where it lies beside it, ``X_seg.nii.gz``."""
    volume = read_volume(image_path)
    label_path = image_path.with_name(image_path.name.replace(IMAGE_ENDING, LABEL_ENDING))
    labels = None
    if label_path.exists():
        labels = read_volume(label_path).array.astype(np.int16)
    mask = brain_mask(labels) if labels is not None else volume.array > volume.array.min()
    centroids = label_centroids(labels, volume.affine) if labels is not None else {}
    name = image_path.name.removesuffix(IMAGE_ENDING)
    return Subject(name, volume.array, labels, mask, volume.affine, centroids)


def load_subjects(folder, limit: int | None = None, progress=None) -> list[Subject]:
    """Every ``*_t1.nii.gz`` of a folder, in the order of names.

    :param limit: read only the first so many.
    :param progress: called as ``progress(done, total)``.
    :raises RegistrationError: the folder holds fewer than two such files.
    """
    paths = sorted(Path(folder).glob(f"*{IMAGE_ENDING}"))[:limit]
    if len(paths) < 2:
        raise RegistrationError(f"{folder}: needs at least two files named *{IMAGE_ENDING}, found {len(paths)}.")
    subjects = []
    for path in paths:
        subjects.append(load_subject(path))
        if progress:
            progress(len(subjects), len(paths))
    return subjects
