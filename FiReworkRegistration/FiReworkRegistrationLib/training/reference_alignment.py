"""The affine start of training pairs: by label centroids, else by aligning every subject to one of them."""

import hashlib
from pathlib import Path

import numpy as np

from ..engine.affine import is_plausible
from ..engine.alignment import align
from ..engine.geometry import Volume
from ..engine.inputs import prepare_image
from ..engine.whole_files import in_one_move
from .subjects import Subject, centroid_affine, common_labels

#: Common labels above which their centroids align better than intensities do.
LEAST_LABELS = 4


class ReferenceAlignment:
    """Affine maps between any two subjects from one alignment a subject, kept as files.

    :param subjects: the first is the reference: the same on every call, or all are aligned anew.
    :param folder: where the alignments are kept.
    """

    def __init__(self, subjects: list[Subject], folder):
        self._reference, self._folder, self._known = subjects[0], Path(folder), {}
        self._unlabelled = [s for s in subjects if self._by_centroids(subjects[0], s) is None]

    def prepare(self, progress=None) -> None:
        """Align every subject whose labels do not tell how it lies now, instead of when a pair first needs it.

        :param progress: called as ``progress(done, total)``.
        """
        for number, subject in enumerate(self._unlabelled):
            self._from_reference(subject)
            if progress:
                progress(number + 1, len(self._unlabelled))

    def __call__(self, fixed: Subject, moving: Subject) -> np.ndarray:
        """4x4 RAS mm, fixed to moving."""
        found = self._by_centroids(fixed, moving)
        if found is not None:
            return found
        return self._from_reference(moving) @ np.linalg.inv(self._from_reference(fixed))

    @staticmethod
    def _by_centroids(fixed: Subject, moving: Subject) -> np.ndarray | None:
        """None where labels are too few, or say nothing of an axis: the centers of tissues, or of structures of both
        sides in one label, lie in a point or a plane."""
        if len(common_labels(fixed, moving)) < LEAST_LABELS:
            return None
        matrix = centroid_affine(fixed, moving)
        return matrix if is_plausible(matrix[:3, :3]) else None

    def _from_reference(self, subject: Subject) -> np.ndarray:
        if subject.name == self._reference.name:
            return np.eye(4)
        if subject.name not in self._known:
            key = hashlib.sha256(f"{self._reference.name}\n{subject.name}".encode()).hexdigest()[:16]
            path = self._folder / f"{key}.npy"
            if not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                matrix, *_ = align(_blanked(self._reference), _blanked(subject))
                # Several processes may be at it.
                with in_one_move(path) as part, part.open("wb") as file:
                    np.save(file, matrix)
            self._known[subject.name] = np.load(path, allow_pickle=False)
        return self._known[subject.name]


def _blanked(subject: Subject) -> Volume:
    mask = Volume(subject.mask.astype(np.uint8), subject.affine, f"{subject.name} mask")
    return prepare_image(Volume(subject.image, subject.affine, subject.name), mask, "Training").blanked
