from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from FiReworkRegistrationLib.training import reference_alignment
from FiReworkRegistrationLib.training.reference_alignment import ReferenceAlignment
from FiReworkRegistrationLib.training.subjects import centroid_affine, load_subjects


@pytest.fixture
def subjects(subject_folder):
    return load_subjects(subject_folder)


def lying(number):
    """Turned and shifted by so many times as much."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("z", 20 * number, degrees=True).as_matrix()
    matrix[0, 3] = 10.0 * number
    return matrix


@pytest.fixture
def aligned(monkeypatch):
    """Pairs that the engine has aligned: each moving subject lies further away than the one before."""
    calls = []

    def align(fixed, moving):
        calls.append((fixed.name, moving.name))
        return lying(len(calls)), 0.9

    monkeypatch.setattr(reference_alignment, "align", align)
    return calls


def test_labels_come_first(subjects, aligned, tmp_path):
    alignment = ReferenceAlignment(subjects, tmp_path)
    alignment.prepare()
    assert np.array_equal(alignment(*subjects[:2]), centroid_affine(*subjects[:2]))
    assert not aligned


def test_without_labels_every_subject_is_aligned_once_and_kept(subjects, aligned, tmp_path):
    bare = [replace(subject, labels=None, centroids={}) for subject in subjects]
    told = []
    alignment = ReferenceAlignment(bare, tmp_path / "kept")
    alignment.prepare(lambda done, total: told.append((done, total)))
    count = len(bare) - 1
    assert len(aligned) == count and {fixed for fixed, _ in aligned} == {bare[0].name}
    assert told[-1] == (len(bare), len(bare))
    np.testing.assert_allclose(alignment(bare[0], bare[1]), lying(1), atol=1e-9)
    np.testing.assert_allclose(alignment(bare[1], bare[2]) @ lying(1), lying(2), atol=1e-9)
    np.testing.assert_allclose(alignment(bare[2], bare[1]) @ lying(2), lying(1), atol=1e-9)
    again = ReferenceAlignment(bare, tmp_path / "kept")
    np.testing.assert_allclose(again(bare[0], bare[1]), lying(1), atol=1e-9)
    assert len(aligned) == count
    assert not list((tmp_path / "kept").glob("*.part"))


def test_what_was_kept_is_of_its_own_reference(subjects, aligned, tmp_path):
    bare = [replace(subject, labels=None, centroids={}) for subject in subjects]
    first = ReferenceAlignment(bare, tmp_path)(bare[0], bare[2])
    assert not np.array_equal(ReferenceAlignment(bare[1:], tmp_path)(bare[1], bare[2]), first)
    assert aligned == [(bare[0].name, bare[2].name), (bare[1].name, bare[2].name)]


@pytest.mark.parametrize("kind", ["tissues", "both sides"])
def test_labels_that_say_nothing_of_an_axis_are_not_used(subjects, aligned, tmp_path, kind):
    """Centers of tissues lie in one point, those of structures of both sides in the midline."""
    generator = np.random.default_rng(0)

    def relabelled(subject):
        spread = np.array([1.0, 1.0, 1.0] if kind == "tissues" else [0.5, 30.0, 30.0])
        places = np.random.default_rng(1).normal(0, spread, (8, 3))
        return replace(
            subject, centroids={n + 1: subject.center + p + generator.normal(0, 1, 3) for n, p in enumerate(places)}
        )

    flat = [relabelled(subject) for subject in subjects]
    alignment = ReferenceAlignment(flat, tmp_path)
    alignment.prepare()
    assert len(aligned) >= len(flat) - 2
    stretch = np.linalg.svd(alignment(flat[0], flat[1])[:3, :3], compute_uv=False)
    assert stretch.max() < 1.7 * stretch.min()
