"""Jacobian colors: white at 1, folded voxels magenta, whatever their value."""

import numpy as np
import pytest

from FiReworkRegistrationLib.mrml import jacobian
from FiReworkRegistrationLib.mrml.volumes import setVolume

MAGENTA = [255, 0, 255]


@pytest.fixture
def shown(scene):
    """A function from determinants to the RGB that slice views get."""
    from vtk.util.numpy_support import vtk_to_numpy

    def colors(values):
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "determinant")
        setVolume(node, np.array(values, dtype=np.float32).reshape(1, 1, -1), np.eye(4))
        node.CreateDefaultDisplayNodes()
        jacobian.showAsJacobian(node.GetDisplayNode(), jacobian.addJacobianColors(scene))
        producer = node.GetDisplayNode().GetImageDataConnection().GetProducer()
        producer.Update()
        return vtk_to_numpy(producer.GetOutputDataObject(0).GetPointData().GetScalars())[:, :3].astype(int)

    return colors


def test_folded_voxels_are_magenta(shown):
    assert shown([-1000, -3, -1e-6, 0]).tolist() == [MAGENTA] * 4


def test_no_other_voxel_is_near_magenta(shown):
    distance = np.abs(shown(np.linspace(0.02, 5, 300)) - MAGENTA).max(axis=1)
    assert distance.min() > 80


def test_one_is_white_and_both_sides_differ(shown):
    kept, shrunk, grown = shown([1, 0.3, 1.7])
    assert kept.min() > 240
    assert shrunk[2] > shrunk[0] + 60
    assert grown[0] > grown[2] + 60


def test_scale_is_symmetric_around_one(shown):
    below, above = shown(np.linspace(0.02, 0.98, 20)), shown(np.linspace(1.98, 1.02, 20))
    # Lightness falls alike to both sides.
    np.testing.assert_allclose(below.sum(axis=1) / 765, above.sum(axis=1) / 765, atol=0.15)


def test_window_does_not_follow_the_values(scene, shown):
    shown([-5, 1, 90])
    display = scene.GetFirstNodeByClass("vtkMRMLScalarVolumeDisplayNode")
    assert not display.GetAutoWindowLevel()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0, 2)
    assert not display.GetInterpolate()


def test_color_table_is_of_user_type_and_found_again(scene):
    assert jacobian.findJacobianColors(scene) is None
    scene.AddNewNodeByClass("vtkMRMLColorTableNode", "another")
    node = jacobian.addJacobianColors(scene)
    assert jacobian.findJacobianColors(scene) is node
    assert node.GetType() == node.User
    assert node.GetNumberOfColors() == 256
    assert node.GetColorName(0) == "folded"


def test_color_table_survives_saving_and_loading(scene, tmp_path):
    import slicer

    node = jacobian.addJacobianColors(scene)
    storage = node.CreateDefaultStorageNode()
    scene.AddNode(storage)
    storage.SetFileName(str(tmp_path / "jacobian.ctbl"))
    assert storage.WriteData(node) == 1
    again = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode", "again")
    assert storage.ReadData(again) == 1
    for index in (0, 1, 64, 127, 255):
        expected, got = [0.0] * 4, [0.0] * 4
        node.GetColor(index, expected)
        again.GetColor(index, got)
        np.testing.assert_allclose(got, expected, atol=0.01)
