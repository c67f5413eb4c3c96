import numpy as np
import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.training.subjects import (
    Subject,
    brain_mask,
    centroid_affine,
    label_centroids,
    load_subjects,
)


def test_subjects_are_read_with_masks_and_centroids(subject_folder):
    subjects = load_subjects(subject_folder)
    assert [s.name for s in subjects] == ["case0", "case1", "case2", "case3"]
    assert set(subjects[0].centroids) == {1, 2, 3, 4}
    assert (subjects[0].mask >= (subjects[0].labels > 0)).all()
    assert len(load_subjects(subject_folder, 2)) == 2


def test_too_few_files(tmp_path):
    with pytest.raises(RegistrationError, match="holds no volume"):
        load_subjects(tmp_path)


def test_centroids_in_ras():
    labels = np.zeros((6, 6, 6), int)
    labels[1:4, 2:5, 0:3] = 9
    affine = np.diag([-2.0, 2.0, 3.0, 1.0])
    assert np.allclose(label_centroids(labels, affine)[9], (-2.0, 6.0, 6.0))


def test_centroid_affine_brings_centroids_together(subject_folder):
    fixed, moving = load_subjects(subject_folder, 2)
    matrix = centroid_affine(fixed, moving)
    for label, position in fixed.centroids.items():
        assert np.allclose((matrix @ [*position, 1])[:3], moving.centroids[label], atol=1.0)


def test_mask_is_closed_and_filled():
    labels = np.zeros((12, 12, 12), int)
    labels[3:9, 3:9, 3:9] = 1
    labels[5:7, 5:7, 5:7] = 0
    assert brain_mask(labels)[5, 5, 5]


def test_a_brain_that_fills_its_volume_keeps_its_border():
    assert brain_mask(np.ones((6, 6, 6), int)).all()


def test_extent_and_center_of_the_brain_in_mm():
    mask = np.zeros((10, 12, 14), bool)
    mask[2:5, 3:9, 4:12] = True
    subject = Subject("a", mask.astype(float), None, mask, np.diag([-2.0, 3.0, 4.0, 1.0]))
    np.testing.assert_allclose(subject.extent, (16, 18, 12))
    np.testing.assert_allclose(subject.center, (-15, 16.5, 12))


def test_subjects_without_labels_cannot_be_paired(subject_folder):
    fixed, moving = load_subjects(subject_folder, 2)
    moving.centroids.clear()
    with pytest.raises(RegistrationError, match="0 labels in common"):
        centroid_affine(fixed, moving)


def test_label_maps_that_16_bits_do_not_hold_are_refused(subject_folder, tmp_path):
    import shutil

    import SimpleITK as sitk

    for file in subject_folder.glob("case[01]_*.nii.gz"):
        shutil.copy(file, tmp_path)
    path = str(tmp_path / "case1_seg.nii.gz")
    labels = sitk.Cast(sitk.ReadImage(path), sitk.sitkInt32)
    sitk.WriteImage(labels + 65536 * sitk.Cast(labels > 0, sitk.sitkInt32), path)
    with pytest.raises(RegistrationError, match=r"Labels 'case1_seg.nii.gz' holds label 655.*to 32767"):
        load_subjects(tmp_path)
