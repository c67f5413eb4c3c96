"""Training subjects: image, optional labels, brain mask and label centroids in memory."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..engine.errors import RegistrationError
from ..engine.files import read_volume
from ..engine.label_maps import label_map
from ..engine.preprocessing import foreground
from .cohort_files import Entry, find_entries

#: Label maps of a cohort are kept in 16 bits.
HIGHEST_LABEL = 2**15 - 1


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
            "needs 4 or more. Give label maps of both."
        )
    source = np.array([[*fixed.centroids[label], 1.0] for label in common])
    target = np.array([moving.centroids[label] for label in common])
    matrix = np.eye(4)
    matrix[:3] = np.linalg.lstsq(source, target, rcond=None)[0].T
    return matrix


def load_subject(entry: Entry) -> Subject:
    """Read an image and, where it has them, its labels and mask.

    :raises RegistrationError: a file that is no volume, or labels or a mask on another grid.
    """
    volume = read_volume(entry.image)
    labels = mask = None
    if entry.labels:
        labels = label_map(read_volume(entry.labels), "Labels", HIGHEST_LABEL)
        labels = _on_grid(labels, volume, entry, "labels").astype(np.int16)
    if entry.mask:
        mask = _on_grid(read_volume(entry.mask), volume, entry, "mask") > 0
    elif labels is not None:
        mask = brain_mask(labels)
    else:
        mask = foreground(volume.array)
    if not mask.any():
        raise RegistrationError(f"'{entry.image}' shows nothing inside its mask; correct or leave out the mask.")
    centroids = label_centroids(labels, volume.affine) if labels is not None else {}
    return Subject(entry.name, volume.array, labels, mask, volume.affine, centroids)


def _on_grid(volume, image, entry: Entry, what: str) -> np.ndarray:
    if volume.array.shape != image.array.shape or not np.allclose(volume.affine, image.affine, atol=1e-3):
        raise RegistrationError(f"The {what} of '{entry.image}' are not on its grid; resample them to the image first.")
    return volume.array


def load_subjects(source, limit: int | None = None, progress=None) -> list[Subject]:
    """Subjects of a folder, a CSV file (see ``cohort_files.py``) or a list of entries.

    :param limit: read only the first so many.
    :param progress: called as ``progress(done, total)``.
    :raises RegistrationError: fewer than two, or a file that cannot be used.
    """
    entries = (source if isinstance(source, list) else find_entries(source))[:limit]
    if len(entries) < 2:
        where = "the cohort" if isinstance(source, list) else source
        raise RegistrationError(f"{where}: needs at least two images, found {len(entries)}.")
    subjects = []
    for entry in entries:
        subjects.append(load_subject(entry))
        if progress:
            progress(len(subjects), len(entries))
    return subjects
