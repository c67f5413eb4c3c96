"""The files in Resources/SampleData, and the script that made them."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import make_sample_pair
from FiReworkRegistrationLib.engine.files import read_volume

FOLDER = Path(__file__).resolve().parents[3] / "Resources" / "SampleData"
FIXED, MOVING = FOLDER / "ICBM152_T1_2mm.nii.gz", FOLDER / "Colin27_T1_2mm.nii.gz"


@pytest.mark.parametrize("path", [FIXED, MOVING], ids=lambda path: path.name)
def test_is_a_small_8_bit_brain_at_2_mm(path):
    volume = read_volume(path)
    assert volume.array.dtype == np.uint8
    assert volume.array.shape == (80, 96, 80)
    np.testing.assert_allclose(volume.grid.spacing, 2.0, atol=1e-4)
    brain_ml = (volume.array > 10).sum() * 8 / 1000
    assert 1200 < brain_ml < 2200


@pytest.mark.parametrize("path", [FIXED, MOVING], ids=lambda path: path.name)
def test_nothing_is_cut_off(path):
    array = read_volume(path).array
    for axis in range(3):
        assert array.take([0, -1], axis=axis).max() <= 10


def test_both_stay_under_a_megabyte():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_000_000


def test_header_of_the_moving_brain_holds_the_documented_pose():
    directions = read_volume(MOVING).grid.directions
    angle = np.rad2deg(np.arccos((np.trace(directions) - 1) / 2))
    assert angle == pytest.approx(8.0, abs=0.01)
    np.testing.assert_allclose(read_volume(FIXED).grid.directions, np.eye(3), atol=1e-6)
    pose = make_sample_pair.pose_matrix()
    np.testing.assert_allclose(directions, pose[:3, :3], atol=1e-5)
    assert np.linalg.norm(pose[:3, 3]) == pytest.approx(10.0)
    assert "8 degrees" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_place_moves_every_voxel_by_the_pose():
    image = sitk.GetImageFromArray(np.zeros((4, 5, 6), np.uint8))
    image.SetSpacing((1.0, 2.0, 3.0))
    lps_before = np.array(image.TransformIndexToPhysicalPoint((5, 4, 3)))
    pose = make_sample_pair.pose_matrix()
    make_sample_pair.place(image, pose)
    flip = np.array([-1, -1, 1])
    expected = pose[:3, :3] @ (lps_before * flip) + pose[:3, 3]
    np.testing.assert_allclose(np.array(image.TransformIndexToPhysicalPoint((5, 4, 3))) * flip, expected, atol=1e-9)


@pytest.mark.parametrize("name", ["LICENSE-Colin27.txt", "LICENSE-ICBM152.txt"])
def test_notices_travel_with_the_images(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert "McConnell Brain Imaging Centre" in text
    assert "Permission to use, copy, modify, and distribute" in text
    assert "Redistribution and use in source and binary forms" in text
    assert name in (FOLDER / "README.md").read_text(encoding="utf-8")
