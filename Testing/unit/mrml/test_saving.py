"""Transforms saved as other programs read them, or a clear word why not."""

import os

import numpy as np
import pytest
import SimpleITK as sitk
import slicer

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.mrml import saving
from FiReworkRegistrationLib.mrml.saving import ENDINGS, saveInverse, saveTransform
from FiReworkRegistrationLib.mrml.volumes import volumeFromNode


def throughITK(path, points):
    """Points (N, 3) RAS through a saved transform as SimpleITK applies it."""
    if path.name.endswith(".h5"):
        transform = sitk.ReadTransform(str(path))
    else:
        transform = sitk.DisplacementFieldTransform(sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkVectorFloat64))
    flip = np.array([-1.0, -1.0, 1.0])
    return np.array([transform.TransformPoint((point * flip).tolist()) for point in points]) * flip


@pytest.mark.parametrize("ending", ENDINGS)
def test_saved_map_is_the_map(tools, fixed, result, tmp_path, ending):
    path = saveTransform(result, tmp_path / f"my transform{ending}")
    points = tools.randomInside(volumeFromNode(fixed).grid)
    np.testing.assert_allclose(throughITK(path, points), tools.knownMotion(points), atol=0.05)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
def test_saved_inverse_leads_back(tools, fixed, moving, result, tmp_path, ending):
    path = tmp_path / f"back{ending}"
    residual = saveInverse(result, moving, path)
    assert residual < 0.1
    points = tools.randomInside(volumeFromNode(fixed).grid, margin=6)
    np.testing.assert_allclose(throughITK(path, tools.knownMotion(points)), points, atol=0.15)


def test_inverse_does_not_see_the_moving_volumes_parent(tools, moving, result, tmp_path):
    free, under = tmp_path / "free.nrrd", tmp_path / "under.nrrd"
    saveInverse(result, moving, free)
    moving.SetAndObserveTransformNodeID(result.GetID())
    saveInverse(result, moving, under, execute=lambda function: function())
    assert free.read_bytes().split(b"\n\n", 1)[1] == under.read_bytes().split(b"\n\n", 1)[1]


def test_slicer_reads_it_again(tools, scene, fixed, result, tmp_path):
    path = saveTransform(result, tmp_path / "t.nii.gz")
    storage = slicer.vtkMRMLTransformStorageNode()
    storage.SetFileName(str(path))
    copy = scene.AddNewNodeByClass("vtkMRMLTransformNode", "copy")
    assert storage.ReadData(copy)
    points = tools.randomInside(volumeFromNode(fixed).grid, count=20)
    mapped = [copy.GetTransformFromParent().TransformPoint(point) for point in points]
    np.testing.assert_allclose(mapped, tools.knownMotion(points), atol=0.05)


def test_an_existing_file_is_replaced_and_the_node_stays(tools, scene, result, tmp_path):
    path = tmp_path / "t.NRRD"
    path.write_text("old")
    before = tools.contents(scene)
    saveTransform(result, path)
    assert path.stat().st_size > 1000
    assert tools.contents(scene) == before
    assert result.GetStorageNode() is None


def test_what_cannot_be_saved(tools, fixed, moving, result, tmp_path):
    def refused(message, path, node=result):
        with pytest.raises(RegistrationError, match=message):
            saveTransform(node, path)

    refused(r"'t.txt': a transform is saved as .h5, .nrrd, .nii.gz; choose", tmp_path / "t.txt")
    refused("Folder '.*none' does not exist", tmp_path / "none" / "t.h5")
    (tmp_path / "folder.h5").mkdir()
    refused("is a folder; choose a file name", tmp_path / "folder.h5")
    refused("'turned' does not hold one displacement field", tmp_path / "t.h5", tools.addLinear("turned", np.eye(4)))
    result.Inverse()
    refused("'result' does not hold one displacement field", tmp_path / "t.nii.gz")
    with pytest.raises(RegistrationError, match="Moving volume is missing"):
        saveInverse(result, None, tmp_path / "t.h5")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.h5"]


def test_a_failed_write_keeps_the_file_that_was_there(result, tmp_path, monkeypatch):
    path = tmp_path / "t.h5"
    path.write_text("old")

    def full(source, target):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(saving.os, "replace", full)
    with pytest.raises(RegistrationError, match=r"could not be written \(No space left on device\); choose another"):
        saveTransform(result, path)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
