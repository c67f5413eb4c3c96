"""A registration from node to node, with a map that is known instead of a network."""

import numpy as np
import pytest
import slicer
import vtk

from FiReworkRegistrationLib.engine.geometry import linear_map
from FiReworkRegistrationLib.mrml.former_parent import rememberedMovingToWorld
from FiReworkRegistrationLib.mrml.volumes import ijkToRAS, volumeFromNode

TOLERANCE_MM = 0.01


def insideFixed(tools, outputs):
    return tools.randomInside(outputs.registration.fixed.grid, margin=1.5)


def seenThrough(transformNode, movingNode, points):
    """Values that MRML shows of a volume under a transform node, at world points; NaN outside."""
    from scipy.ndimage import map_coordinates

    transform = vtk.vtkGeneralTransform()
    movingNode.GetParentTransformNode().GetTransformFromWorld(transform)
    assert movingNode.GetParentTransformNode() is transformNode
    local = np.array([transform.TransformPoint(point) for point in points])
    ijk = linear_map(np.linalg.inv(ijkToRAS(movingNode)), local)
    array = slicer.util.arrayFromVolume(movingNode).astype(float)
    return map_coordinates(array, ijk[:, ::-1].T, order=1, cval=np.nan)


def test_transform_node_holds_the_whole_map(tools, register, anyFixed, moving):
    outputs = register(anyFixed, moving)
    points = insideFixed(tools, outputs)
    expected = tools.knownMotion(points)
    # What lies between is linear interpolation of a smooth motion on a 2 mm lattice.
    np.testing.assert_allclose(tools.fromWorld(outputs.transform, points), expected, atol=0.02)
    np.testing.assert_allclose(
        tools.fromWorld(outputs.transform, points), outputs.registration.map().at(points), atol=1e-4
    )


@pytest.mark.parametrize("ending", [".h5", ".nrrd", ".nii.gz"])
def test_saved_transform_is_the_same_map_in_itk(tools, scene, tmp_path, register, anyFixed, moving, ending):
    import SimpleITK as sitk

    outputs = register(anyFixed, moving)
    path = str(tmp_path / f"transform{ending}")
    storage = scene.AddNewNodeByClass("vtkMRMLTransformStorageNode")
    storage.SetFileName(path)
    assert storage.WriteData(outputs.transform) == 1
    if ending == ".h5":
        transform = sitk.ReadTransform(path)
    else:
        transform = sitk.DisplacementFieldTransform(sitk.ReadImage(path, sitk.sitkVectorFloat64))
    lps = np.array([-1.0, -1, 1])
    points = insideFixed(tools, outputs)
    through = np.array([transform.TransformPoint((point * lps).tolist()) for point in points]) * lps
    np.testing.assert_allclose(through, tools.fromWorld(outputs.transform, points), atol=TOLERANCE_MM)


def test_output_volumes_lie_on_the_fixed_geometry(tools, register, anyFixed, moving):
    outputs = register(anyFixed, moving)
    for node in (outputs.volume, outputs.jacobian):
        np.testing.assert_allclose(ijkToRAS(node), ijkToRAS(anyFixed), atol=1e-9)
        assert slicer.util.arrayFromVolume(node).shape == tools.SHAPE
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(outputs.volume), outputs.registration.warped().array)
    determinant = slicer.util.arrayFromVolume(outputs.jacobian)
    assert 0.5 < determinant.min() < 1 < determinant.max() < 1.5


def outputVolumeAt(node, points):
    from scipy.ndimage import map_coordinates

    toWorld = np.eye(4)
    if node.GetParentTransformNode():
        matrix = vtk.vtkMatrix4x4()
        node.GetParentTransformNode().GetMatrixTransformToWorld(matrix)
        toWorld = slicer.util.arrayFromVTKMatrix(matrix)
    ijk = linear_map(np.linalg.inv(toWorld @ ijkToRAS(node)), points)
    return map_coordinates(slicer.util.arrayFromVolume(node).astype(float), ijk[:, ::-1].T, order=1)


@pytest.mark.parametrize("parents", ["none", "fixed", "moving", "both"])
def test_moving_volume_under_the_node_shows_as_the_output_volume(tools, register, anyFixed, moving, parents):
    near = tools.rotation(7, 0)
    near[:3, 3] = (3, -2, 4)
    if parents in ("fixed", "both"):
        anyFixed.SetAndObserveTransformNodeID(tools.addLinear("of fixed", near).GetID())
    if parents in ("moving", "both"):
        scaled = near @ np.diag([1.05, 0.95, 1.0, 1.0])
        moving.SetAndObserveTransformNodeID(tools.addLinear("of moving", scaled).GetID())
    outputs = register(anyFixed, moving)
    assert outputs.volume.GetTransformNodeID() == anyFixed.GetTransformNodeID()
    moving.SetAndObserveTransformNodeID(outputs.transform.GetID())
    # Voxel centers, where the output volume is not interpolated.
    size = np.array(tools.SHAPE[::-1])
    voxels = np.random.default_rng(2).integers(3, size - 3, (300, 3))
    points = outputs.registration.fixed.grid.to_ras(voxels)
    shown, expected = seenThrough(outputs.transform, moving, points), outputVolumeAt(outputs.volume, points)
    known = np.isfinite(shown)
    assert known.sum() > 100
    np.testing.assert_allclose(shown[known], expected[known], atol=0.05)


def test_hardened_moving_volume_lies_over_the_fixed_one(tools, register, moving):
    fixed = tools.addVolume("fixed", tools.GEOMETRIES["upright"])
    outputs = register(fixed, moving)
    moving.SetAndObserveTransformNodeID(outputs.transform.GetID())
    assert moving.HardenTransform()
    points = tools.randomInside(outputs.registration.fixed.grid, margin=7)
    hardened, expected = outputVolumeAt(moving, points), outputVolumeAt(outputs.volume, points)
    np.testing.assert_allclose(hardened, expected, atol=2.0)


def test_landmarks_of_the_moving_volume_show_registered(tools, scene, register, anyFixed, moving):
    parent = tools.addLinear("of moving", tools.rotation(7, 0))
    moving.SetAndObserveTransformNodeID(parent.GetID())
    outputs = register(anyFixed, moving)
    points = tools.randomInside(outputs.registration.fixed.grid, count=15, margin=4)
    landmarks = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "landmarks")
    landmarks.SetAndObserveTransformNodeID(parent.GetID())
    for point in outputs.registration.map().at(points):
        landmarks.AddControlPointWorld(vtk.vtkVector3d(*point))
    landmarks.SetAndObserveTransformNodeID(outputs.transform.GetID())
    world = np.zeros((len(points), 3))
    for index in range(len(points)):
        landmarks.GetNthControlPointPositionWorld(index, world[index])
    np.testing.assert_allclose(world, points, atol=TOLERANCE_MM)


def test_inverse_node_leads_back_with_parents(tools, register, anyFixed, moving):
    anyFixed.SetAndObserveTransformNodeID(tools.addLinear("of fixed", tools.rotation(7, 0)).GetID())
    moving.SetAndObserveTransformNodeID(tools.addLinear("of moving", tools.rotation(5, 1)).GetID())
    outputs = register(anyFixed, moving, wantInverse=True)
    points = tools.randomInside(outputs.registration.fixed.grid, margin=5)
    there = outputs.registration.map().at(points)
    ijk = outputs.registration.moving.grid.to_ijk(there)
    inside = ((ijk > 0) & (ijk < np.array(tools.SHAPE[::-1]) - 1)).all(axis=1)
    # The fixed volume, placed under the inverse node in place of its parent, lies over the moving one.
    back = linear_map(tools.rotation(7, 0), tools.fromWorld(outputs.inverse, there[inside]))
    assert inside.sum() > 50
    assert np.linalg.norm(back - points[inside], axis=1).max() < 0.1
    assert outputs.inverseResidual < 0.1
    assert float(outputs.inverse.GetAttribute("FiRework.inverseResidual")) == pytest.approx(
        outputs.inverseResidual, abs=1e-4
    )
    assert not outputs.inverse.GetTransformFromParent().GetInverseFlag()
    assert outputs.inverse.GetNodeReference("spatialRegistrationFixed") is moving


def test_each_transform_remembers_the_parent_of_what_it_moves(tools, register, fixed, moving):
    parents = [tools.rotation(-20, 2), tools.rotation(7, 0)]
    for node, matrix in zip((moving, fixed), parents, strict=True):
        node.SetAndObserveTransformNodeID(tools.addLinear("room", matrix).GetID())
    outputs = register(fixed, moving, wantInverse=True)
    remembered = [rememberedMovingToWorld(node) for node in (outputs.transform, outputs.inverse)]
    np.testing.assert_allclose(remembered, parents, atol=1e-9)


def test_attributes_references_and_figures(register, fixed, moving):
    outputs = register(fixed, moving, iterations=5)
    node = outputs.transform
    assert node.GetAttribute("FiRework.iterations") == "5"
    assert node.GetAttribute("FiRework.model") == "known-map"
    assert node.GetAttribute("FiRework.percentFolded") == "0.1250"
    assert node.GetNodeReference("spatialRegistrationFixed") is fixed
    assert node.GetNodeReference("spatialRegistrationMoving") is moving
    assert [figure.index for figure in outputs.figures] == [0, 1, 2, 3, 4, 5]
    assert outputs.inverse is None
    assert outputs.inverseResidual is None


def test_settings_reach_the_engine(tools, register, fixed, moving):
    start = tools.addLinear("start", tools.rotation(3, 2))
    outputs = register(fixed, moving, fixedMask=fixed, movingMask=moving, initialTransform=start, model="m",
                       device="cpu", affine="none", spacing=3.0)  # fmt: skip
    settings = outputs.registration.settings
    assert {name: settings[name] for name in ("model", "device", "affine", "spacing")} == {
        "model": "m", "device": "cpu", "affine": "none", "spacing": 3.0,
    }  # fmt: skip
    np.testing.assert_allclose(settings["initial_transform"], np.linalg.inv(tools.rotation(3, 2)), atol=1e-12)
    np.testing.assert_array_equal(settings["fixed_mask"].affine, outputs.registration.fixed.affine)
    assert settings["moving_mask"].array.dtype == bool


def test_progress_rises_from_zero_to_one(register, fixed, moving):
    told, seen = [], []
    register(fixed, moving, iterations=3, wantInverse=True, onIteration=seen.append,
             progress=lambda fraction, message: told.append((fraction, message)))  # fmt: skip
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert all(message for _, message in told)
    assert [iteration.index for iteration in seen] == [1, 2, 3]


def test_only_what_is_wanted_is_made(tools, scene, register, fixed, moving):
    kept = tools.addVolume("kept", np.eye(4))
    before = tools.contents(scene)
    outputs = register(fixed, moving, outputVolume=kept, wantVolume=False, wantJacobian=False)
    assert (outputs.volume, outputs.jacobian) == (None, None)
    after = tools.contents(scene)
    assert after.pop(outputs.transform.GetID())
    assert after == before


def test_registering_again_reuses_the_nodes(tools, scene, register, fixed, moving):
    first = register(fixed, moving, wantInverse=True)
    moving.SetAndObserveTransformNodeID(first.transform.GetID())
    count = scene.GetNumberOfNodes()
    second = register(fixed, moving, outputTransform=first.transform, outputVolume=first.volume,
                      outputJacobian=first.jacobian, outputInverse=first.inverse)  # fmt: skip
    assert scene.GetNumberOfNodes() == count
    assert second.inverse is first.inverse
    # The result of the first run, under which the moving volume lay, is not registered on top of itself.
    points = insideFixed(tools, second)
    np.testing.assert_allclose(tools.fromWorld(second.transform, points), tools.knownMotion(points), atol=0.02)


@pytest.mark.parametrize(
    ("settings", "count", "polished"),
    [
        ({"preset": "fast", "iterations": None, "polish": None}, 3, True),
        ({"preset": "plain", "iterations": 3, "polish": None}, 3, False),
        ({"preset": None, "iterations": 3, "polish": None}, 4, True),
    ],
)
def test_the_preset_says_how_many_iterations_and_whether_to_polish(register, fixed, moving, settings, count, polished):
    seen = []
    outputs = register(fixed, moving, onIteration=seen.append, **settings)
    assert len(seen) == count and seen[-1].polished == polished
    assert outputs.transform.GetAttribute("FiRework.iterations") == str(count)
    assert outputs.transform.GetAttribute("FiRework.polished") == str(polished).lower()


def test_the_jacobian_is_of_the_transform_also_where_a_parent_scales(tools, register, fixed, moving):
    """Such as the affine of another module, under which the moving volume lies."""
    moving.SetAndObserveTransformNodeID(tools.addLinear("scaled", np.diag([1.1, 1.2, 0.9, 1.0])).GetID())
    outputs = register(fixed, moving)
    grid = volumeFromNode(fixed).grid
    points, step = tools.randomInside(grid, 60, margin=4.0), 1.0
    ahead, behind = ([tools.fromWorld(outputs.transform, points + sign * step * axis) for axis in np.eye(3)]
                     for sign in (1, -1))  # fmt: skip
    slopes = np.stack([(a - b) / (2 * step) for a, b in zip(ahead, behind, strict=True)], axis=-1)
    expected = np.abs(np.linalg.det(slopes))
    k, j, i = np.round(grid.to_ijk(points)).astype(int).T[::-1]
    found = slicer.util.arrayFromVolume(outputs.jacobian)[k, j, i]
    assert np.median(np.abs(found / expected - 1)) < 0.02
