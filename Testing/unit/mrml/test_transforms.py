"""The map in a transform node is the map in MRML, in files, and in SimpleITK."""

import numpy as np
import pytest
import slicer
import vtk

from FiReworkRegistrationLib.engine.covering_inverse import covering_inverse
from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.geometry import Grid, Volume, linear_map
from FiReworkRegistrationLib.mrml import transforms
from FiReworkRegistrationLib.mrml.former_parent import MOVING_TO_WORLD, movingToWorldText

TOLERANCE_MM = 0.01
LPS = np.array([-1.0, -1.0, 1.0])
ENDINGS = (".h5", ".nrrd", ".nii.gz")


@pytest.fixture
def node(scene):
    return scene.AddNewNodeByClass("vtkMRMLTransformNode", "map")


@pytest.fixture
def known(tools, geometry):
    return tools.knownMap(Grid(tools.SHAPE, geometry))


def save(node, path):
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformStorageNode")
    storage.SetFileName(str(path))
    assert storage.WriteData(node) == 1
    return storage


def throughSimpleITK(path, points):
    """RAS points through the transform or displacement field file, as ITK applies it."""
    import SimpleITK as sitk

    if path.name.endswith(".h5"):
        transform = sitk.ReadTransform(str(path))
    else:
        transform = sitk.DisplacementFieldTransform(sitk.ReadImage(str(path), sitk.sitkVectorFloat64))
    return np.array([transform.TransformPoint((point * LPS).tolist()) for point in points]) * LPS


def test_node_maps_points_as_the_map_does(tools, node, known):
    transforms.setMap(node, known)
    points = tools.randomInside(known.grid)
    np.testing.assert_allclose(tools.fromWorld(node, points), known.at(points), atol=1e-4)


def test_map_can_be_read_back_from_the_node(node, known):
    transforms.setMap(node, known)
    back = transforms.mapFromTransformNode(node)
    np.testing.assert_array_equal(back.displacement, known.displacement)
    np.testing.assert_allclose(back.grid.affine, known.grid.affine, atol=1e-9)


def test_displacements_that_another_program_has_scaled_are_read_as_they_act(tools, node, known):
    transforms.setMap(node, known)
    node.GetTransformFromParent().SetDisplacementScale(0.5)
    node.GetTransformFromParent().SetDisplacementShift(2.0)
    points = tools.randomInside(known.grid)
    expected = tools.fromWorld(node, points)
    np.testing.assert_allclose(transforms.mapFromTransformNode(node).at(points), expected, atol=1e-3)


@pytest.mark.parametrize("ending", ENDINGS)
def test_written_file_is_the_same_map_in_itk(tools, tmp_path, node, known, ending):
    transforms.setMap(node, known)
    path = tmp_path / f"map{ending}"
    save(node, path)
    points = tools.randomInside(known.grid)
    np.testing.assert_allclose(throughSimpleITK(path, points), tools.fromWorld(node, points), atol=TOLERANCE_MM)


@pytest.mark.parametrize("ending", ENDINGS)
def test_written_file_is_the_same_map_when_read_again(tools, scene, tmp_path, node, known, ending):
    transforms.setMap(node, known)
    storage = save(node, tmp_path / f"map{ending}")
    again = scene.AddNewNodeByClass("vtkMRMLTransformNode", "again")
    assert storage.ReadData(again) == 1
    points = tools.randomInside(known.grid)
    np.testing.assert_allclose(tools.fromWorld(again, points), tools.fromWorld(node, points), atol=2 * TOLERANCE_MM)
    # MRML reads fields for cubic interpolation; with ours the maps are equal.
    again.GetTransformFromParent().SetInterpolationModeToLinear()
    np.testing.assert_allclose(tools.fromWorld(again, points), tools.fromWorld(node, points), atol=1e-4)
    np.testing.assert_allclose(
        transforms.mapFromTransformNode(again).displacement, known.displacement, atol=1e-4
    )  # fmt: skip


def test_itk_resamples_an_image_as_mrml_points_say(tools, tmp_path, node, known):
    import SimpleITK as sitk

    from FiReworkRegistrationLib.engine.files import to_image
    from FiReworkRegistrationLib.engine.maps import _lattice_points
    from FiReworkRegistrationLib.engine.volume_warping import warp_volume

    moving = Volume(tools.blobs(tools.GEOMETRIES["upright"]), tools.GEOMETRIES["upright"])
    fixed = Volume(tools.blobs(known.grid.affine), known.grid.affine)
    transforms.setMap(node, known)
    save(node, tmp_path / "map.h5")
    transform = sitk.ReadTransform(str(tmp_path / "map.h5"))
    resampled = sitk.Resample(to_image(moving), to_image(fixed), transform, sitk.sitkLinear, 0.0)
    expected, got = warp_volume(moving, known, fixed).array, sitk.GetArrayFromImage(resampled)
    # Between the outermost voxel centers and the border, ITK repeats the edge and the engine fades to 0.
    ijk = moving.grid.to_ijk(known.at(_lattice_points(known.grid)))
    inside = ((ijk >= 0) & (ijk <= np.array(tools.SHAPE[::-1]) - 1)).all(axis=1).reshape(tools.SHAPE)
    assert inside.mean() > 0.4
    np.testing.assert_allclose(got[inside], expected[inside], atol=0.05)


def test_skewed_lattice_is_refused(tools):
    skewed = np.eye(4)
    skewed[0, 1] = 0.3
    with pytest.raises(RegistrationError, match="not perpendicular; resample"):
        transforms.gridTransformFromMap(tools.knownMap(Grid((4, 5, 6), skewed)))


def test_only_fields_from_parent_are_read(tools, node, known):
    with pytest.raises(RegistrationError, match="Transform 'map' does not hold one displacement field"):
        transforms.mapFromTransformNode(node)
    node.SetAndObserveTransformToParent(transforms.gridTransformFromMap(known))
    with pytest.raises(RegistrationError, match="from parent"):
        transforms.mapFromTransformNode(node)


def test_followed_by_a_matrix(tools, known):
    matrix = tools.rotation(25, 1) @ np.diag([1.1, 0.9, 1, 1])
    matrix[:3, 3] = (3, -8, 5)
    points = tools.randomInside(known.grid)
    expected = linear_map(matrix, known.at(points))
    np.testing.assert_allclose(transforms.followedBy(known, matrix).at(points), expected, atol=1e-3)


def test_matrix_to_world_includes_parents(tools):
    inner, outer = tools.addLinear("inner", tools.rotation(10, 0)), tools.addLinear("outer", tools.rotation(20, 1))
    inner.SetAndObserveTransformNodeID(outer.GetID())
    expected = tools.rotation(20, 1) @ tools.rotation(10, 0)
    np.testing.assert_allclose(transforms.matrixToWorld(inner, "T"), expected, atol=1e-12)


def test_under_a_result_a_node_is_where_it_was_before(tools, node, moving):
    parent = tools.rotation(25, 1)
    node.SetAttribute(MOVING_TO_WORLD, movingToWorldText(parent))
    moving.SetAndObserveTransformNodeID(node.GetID())
    np.testing.assert_allclose(transforms.localToWorld(moving, "Moving volume", node), parent, atol=1e-12)


def test_initial_transform_takes_the_place_of_the_parent(tools):
    parent = tools.rotation(15, 2)
    initial = transforms.initialMatrix(tools.addLinear("start", tools.rotation(5, 0)), parent)
    np.testing.assert_allclose(initial, parent @ np.linalg.inv(tools.rotation(5, 0)), atol=1e-12)
    # The parent itself as initial transform: the volume stays where it is in the world.
    np.testing.assert_allclose(transforms.initialMatrix(tools.addLinear("own", parent), parent), np.eye(4), atol=1e-12)


def test_bad_initial_transforms_are_refused(tools, scene):
    with pytest.raises(RegistrationError, match="Initial transform 'bent' is not linear; choose"):
        transforms.initialMatrix(tools.addNonlinear("bent"), np.eye(4))
    with pytest.raises(RegistrationError, match="Initial transform 'flat' is not an invertible"):
        transforms.initialMatrix(tools.addLinear("flat", np.diag([1.0, 0, 1, 1])), np.eye(4))
    with pytest.raises(RegistrationError, match="Initial transform 'skull' is not a transform node"):
        transforms.initialMatrix(scene.AddNewNodeByClass("vtkMRMLModelNode", "skull"), np.eye(4))


@pytest.mark.parametrize("ending", ENDINGS)
def test_inverse_node_is_a_file_of_its_own(tools, tmp_path, node, ending):
    forward = tools.knownMap(Grid(tools.SHAPE, tools.GEOMETRIES["oblique"]))
    moving = Volume(tools.blobs(tools.GEOMETRIES["left-handed"]), tools.GEOMETRIES["left-handed"])
    inverse, _ = covering_inverse(forward, moving)
    transforms.setMap(node, inverse)
    path = tmp_path / f"inverse{ending}"
    save(node, path)
    points = tools.randomInside(inverse.grid)
    np.testing.assert_allclose(throughSimpleITK(path, points), tools.fromWorld(node, points), atol=TOLERANCE_MM)


def test_markups_and_models_under_the_node_show_registered(tools, scene, node):
    known = tools.knownMap(Grid(tools.SHAPE, tools.GEOMETRIES["oblique"]))
    transforms.setMap(node, known)
    points = tools.randomInside(known.grid, count=20, margin=4)
    fiducials = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "landmarks")
    for point in known.at(points):
        fiducials.AddControlPoint(vtk.vtkVector3d(*point))
    fiducials.SetAndObserveTransformNodeID(node.GetID())
    world = np.zeros((len(points), 3))
    for index in range(len(points)):
        fiducials.GetNthControlPointPositionWorld(index, world[index])
    np.testing.assert_allclose(world, points, atol=TOLERANCE_MM)


def test_a_map_may_give_its_memory_to_the_transform(tools, node):
    import gc

    displacementMap = tools.knownMap(Grid(tools.SHAPE, tools.GEOMETRIES["upright"]))
    expected = displacementMap.displacement.copy()
    transforms.setMap(node, displacementMap, copy=False)
    array = slicer.util.arrayFromGridTransform(node)
    assert np.shares_memory(array, displacementMap.displacement)
    del displacementMap
    gc.collect()
    np.testing.assert_array_equal(slicer.util.arrayFromGridTransform(node), expected)
