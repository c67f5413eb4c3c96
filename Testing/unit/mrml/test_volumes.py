"""Volume nodes become engine volumes and back, and bad ones are refused in words."""

import numpy as np
import pytest
import slicer
import vtk

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.mrml import volumes


def test_array_and_geometry_arrive_unchanged(tools, geometry):
    node = tools.addVolume("brain", geometry)
    volume = volumes.volumeFromNode(node, "Fixed volume")
    np.testing.assert_array_equal(volume.array, tools.blobs(geometry))
    np.testing.assert_allclose(volume.affine, geometry, atol=1e-9)
    assert volume.name == "brain"


def test_array_is_a_copy(tools):
    node = tools.addVolume("brain", tools.GEOMETRIES["oblique"])
    volumes.volumeFromNode(node).array[:] = 0
    assert slicer.util.arrayFromVolume(node).max() > 50


def test_linear_parents_become_part_of_the_affine(tools, geometry):
    outer = tools.addLinear("outer", tools.rotation(30, 2))
    move = np.eye(4)
    move[:3, 3] = (10, 20, 30)
    inner = tools.addLinear("inner", move)
    inner.SetAndObserveTransformNodeID(outer.GetID())
    node = tools.addVolume("brain", geometry)
    node.SetAndObserveTransformNodeID(inner.GetID())
    expected = tools.rotation(30, 2) @ move @ geometry
    np.testing.assert_allclose(volumes.volumeFromNode(node).affine, expected, atol=1e-9)


def test_nonlinear_parent_is_refused(tools):
    node = tools.addVolume("brain", tools.GEOMETRIES["upright"])
    node.SetAndObserveTransformNodeID(tools.addNonlinear("bent").GetID())
    with pytest.raises(
        RegistrationError, match=r"Fixed volume 'brain' is under the nonlinear transform 'bent'.*harden"
    ):
        volumes.volumeFromNode(node, "Fixed volume")


def test_set_volume_replaces_the_image_and_leaves_the_former_alone(tools, geometry):
    node = tools.addVolume("brain", geometry)
    before, array = node.GetImageData(), np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    volumes.setVolume(node, array, np.diag([1.0, 2, 3, 1]))
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), array)
    assert slicer.util.arrayFromVolume(node).dtype == np.int16
    assert node.GetSpacing() == (1, 2, 3)
    assert before.GetDimensions() == tools.SHAPE[::-1]


def vector(node, array):
    image = vtk.vtkImageData()
    image.SetDimensions(4, 4, 4)
    image.AllocateScalars(vtk.VTK_FLOAT, 3)
    node.SetAndObserveImageData(image)


def values(array):
    return lambda node, _: volumes.setVolume(node, array, np.eye(4))


RAMP = np.arange(64, dtype=np.float32).reshape(4, 4, 4)
BAD_IMAGES = {
    "no image data": (lambda node, _: node.SetAndObserveImageData(None), "has no image data; load"),
    "no voxels": (lambda node, _: node.SetAndObserveImageData(vtk.vtkImageData()), "has no image data; load"),
    "vector": (vector, "has 3 values in every voxel .* extract"),
    "one slice": (values(RAMP[:1]), "single slice or 2D .* choose a 3D volume"),
    "NaN": (values(np.where(RAMP == 3, np.nan, RAMP)), "1 NaN, infinite or huge voxels; replace"),
    "infinite": (values(np.where(RAMP > 61, np.inf, RAMP)), "2 NaN, infinite or huge voxels; replace"),
    "constant": (values(np.full((4, 4, 4), 7.0)), "is constant .* choose"),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_bad_images_are_refused(tools, kind):
    spoil, message = BAD_IMAGES[kind]
    node = tools.addVolume("brain", np.eye(4), RAMP)
    spoil(node, RAMP)
    with pytest.raises(RegistrationError, match=f"Moving volume 'brain'.*{message}"):
        volumes.volumeFromNode(node, "Moving volume")


@pytest.mark.parametrize(
    ("directions", "message"),
    [((0, 0, 0, 0, 1, 0, 0, 0, 1), "zero spacing; set"), ((1, 1, 0, 0, 0, 0, 0, 0, 1), "singular direction.*correct")],
)
def test_bad_geometry_is_refused(tools, directions, message):
    node = tools.addVolume("brain", np.eye(4), RAMP)
    node.SetIJKToRASDirections(*directions)
    with pytest.raises(RegistrationError, match=f"Fixed volume 'brain'.*{message}"):
        volumes.volumeFromNode(node, "Fixed volume")


def test_singular_parent_is_refused(tools):
    node = tools.addVolume("brain", np.eye(4), RAMP)
    node.SetAndObserveTransformNodeID(tools.addLinear("flat", np.diag([1.0, 1, 0, 1])).GetID())
    with pytest.raises(RegistrationError, match=r"Transform 'flat', parent of fixed volume 'brain'.*invertible"):
        volumes.volumeFromNode(node, "Fixed volume")


def test_missing_and_other_nodes_are_refused(scene):
    with pytest.raises(RegistrationError, match="Fixed volume is missing; select a volume"):
        volumes.volumeFromNode(None, "Fixed volume")
    model = scene.AddNewNodeByClass("vtkMRMLModelNode", "skull")
    with pytest.raises(RegistrationError, match="Fixed volume 'skull' is a Model node; select a scalar volume"):
        volumes.volumeFromNode(model, "Fixed volume")
