"""A volume as it appears under its transforms, on the voxels of another one."""

import numpy as np
import pytest

from FiReworkRegistrationLib.mrml.resampling import arrayOnGrid, coarsened, writeArray
from FiReworkRegistrationLib.mrml.volumes import ijkToRAS


def voxels(node):
    """World RAS of each voxel of a node without parents, (k, j, i, 3)."""
    k, j, i = np.indices(node.GetImageData().GetDimensions()[::-1])
    affine = ijkToRAS(node)
    return np.stack([i, j, k], -1) @ affine[:3, :3].T + affine[:3, 3]


def inner(array, edge=6):
    return array[edge:-edge, edge:-edge, edge:-edge]


def test_same_grid_is_not_resampled(fixed, tools):
    import slicer

    other = tools.addVolume("other", tools.GEOMETRIES["oblique"])
    assert np.shares_memory(arrayOnGrid(other, fixed), slicer.util.arrayFromVolume(other))


def test_another_geometry_shows_the_same_scene(anyFixed, tools):
    import slicer

    moving = tools.addVolume("moving", tools.GEOMETRIES["upright"])
    found, expected = arrayOnGrid(moving, anyFixed), slicer.util.arrayFromVolume(anyFixed)
    assert found.shape == expected.shape
    assert np.abs(inner(found) - inner(expected)).max() < 6


def test_linear_parents_of_both(fixed, moving, tools):
    before = arrayOnGrid(moving, fixed).copy()
    parent = tools.addLinear("parent", tools.rotation(30, 1))
    for node in (fixed, moving):
        node.SetAndObserveTransformNodeID(parent.GetID())
    assert np.allclose(arrayOnGrid(moving, fixed), before, atol=1e-3)


def test_nonlinear_transform(fixed, tools):
    moving = tools.addVolume("moving", tools.GEOMETRIES["upright"])
    moving.SetAndObserveTransformNodeID(tools.addNonlinear().GetID())
    found = inner(arrayOnGrid(moving, fixed), 9)
    points = tools.knownMotion(voxels(fixed))
    expected = np.zeros(points.shape[:3])
    for center, width, height in (((0, 0, 0), 14, 100), ((8, -6, 4), 6, 60), ((-9, 5, -6), 5, 80), ((3, 10, 8), 4, 50)):
        expected += height * np.exp(-((points - center) ** 2).sum(-1) / (2 * width**2))
    assert np.abs(found - inner(expected, 9)).max() < 8


def test_a_draft_is_coarser_and_in_the_same_place(fixed, moving):
    step, dimensions, matrix = coarsened(fixed, 2500)
    assert step == 2
    assert np.prod(dimensions) <= 2500
    draft, whole = arrayOnGrid(moving, fixed, 2500), arrayOnGrid(moving, fixed)
    assert draft.shape == dimensions[::-1]
    assert np.allclose(draft, whole[::2, ::2, ::2], atol=1e-3)
    assert np.allclose(matrix[:3, 3], ijkToRAS(fixed)[:3, 3])


def test_outside_is_the_lowest_value(tools):
    fixed = tools.addVolume("fixed", tools.GEOMETRIES["upright"])
    affine = tools.GEOMETRIES["upright"].copy()
    affine[:3, 3] += 500
    far = tools.addVolume("far", affine, np.random.default_rng(0).integers(-30, 90, tools.SHAPE).astype(np.int16))
    assert (arrayOnGrid(far, fixed) == -30).all()


@pytest.mark.parametrize("second", [(4, 5, 6), (3, 3, 3)])
def test_written_in_place_or_anew(tools, second):
    import slicer

    node = tools.addVolume("node", np.eye(4), np.zeros((4, 5, 6), np.float32))
    image, events = node.GetImageData(), []
    node.AddObserver("ModifiedEvent", lambda caller, event: events.append(event))
    writeArray(node, np.full(second, 3.0, np.float32), np.eye(4), None)
    assert (node.GetImageData() is image) == (second == (4, 5, 6))
    assert (slicer.util.arrayFromVolume(node) == 3).all()
    assert events
