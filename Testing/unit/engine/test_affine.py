import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation
from SimpleITK import ProcessObject

from FiReworkRegistrationLib.engine import affine
from FiReworkRegistrationLib.engine.affine import center_of_mass, prealign
from FiReworkRegistrationLib.engine.errors import Cancelled
from FiReworkRegistrationLib.engine.geometry import Volume, linear_map


@pytest.fixture
def shape():
    """Three unequal bars in 48^3 voxels of 2 mm: no symmetry that an alignment could fall for."""
    array = np.zeros((48, 48, 48), np.float32)
    array[10:38, 16:30, 18:32] = 0.6
    array[12:20, 14:36, 20:24] = 1.0
    array[28:34, 20:26, 12:30] = 0.8
    return Volume(array, np.diag([2.0, 2.0, 2.0, 1.0]), "bars")


def moved(volume, matrix):
    """The volume seen through ``matrix``: a fixed point x of it lies at matrix x in the result."""
    to_source = np.linalg.inv(volume.affine) @ np.linalg.inv(matrix) @ volume.affine
    reverse = to_source[:3, :3][::-1, ::-1]
    array = affine_transform(volume.array, reverse, to_source[:3, 3][::-1], order=1)
    return Volume(array, volume.affine, "moved")


def known_matrix(stretch=1.0):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", (6, -5, 8), degrees=True).as_matrix() @ np.diag([stretch, 1, 1])
    matrix[:3, 3] = (5.0, -4.0, 3.0)
    return matrix


@pytest.mark.parametrize("stretch", [1.0, 1.08])
def test_finds_a_known_motion_within_half_a_voxel(shape, stretch):
    truth = known_matrix(stretch)
    found = prealign(shape, moved(shape, truth))
    corners = shape.grid.to_ras(np.array(np.meshgrid([12, 32], [14, 36], [10, 38])).reshape(3, 8).T)
    error = np.linalg.norm(linear_map(found.matrix, corners) - linear_map(truth, corners), axis=1)
    assert error.max() < 1.0
    assert [name for name, _ in found.steps] == ["rigid", "affine"]


def test_same_volumes_same_result(shape):
    other = moved(shape, known_matrix())
    assert np.array_equal(prealign(shape, other).matrix, prealign(shape, other).matrix)


def test_other_users_of_simpleitk_keep_their_threads(shape):
    seen, before = [], ProcessObject.GetGlobalDefaultNumberOfThreads()
    ProcessObject.SetGlobalDefaultNumberOfThreads(3)
    try:
        with pytest.raises(Cancelled):
            prealign(shape, shape, cancelled=lambda: not seen.append(ProcessObject.GetGlobalDefaultNumberOfThreads()))
        assert seen[0] == 1
        assert ProcessObject.GetGlobalDefaultNumberOfThreads() == 3
    finally:
        ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def test_a_given_start_is_used(shape):
    far = np.eye(4)
    far[:3, 3] = (300.0, 0, 0)
    other = Volume(shape.array, far @ shape.affine, "far")
    found = prealign(shape, other, far).matrix
    point = shape.grid.center
    assert np.linalg.norm(linear_map(found, point) - linear_map(far, point)) < 1.0


def test_a_start_that_was_rounded_in_a_file_is_used(shape):
    start = np.eye(4)
    start[:3, :3] = np.round(Rotation.from_euler("xyz", (5, 7, 11), degrees=True).as_matrix(), 4)
    assert [name for name, _ in prealign(shape, shape, start).steps] == ["rigid", "affine"]


def test_a_start_that_turns_is_the_same_about_any_center():
    start, transform = known_matrix(1.08), sitk.AffineTransform(3)
    affine._set_matrix(transform, start, (30.0, -20.0, 10.0))
    point, lps = np.array([7.0, -3.0, 11.0]), np.array([-1.0, -1.0, 1.0])
    there = np.array(transform.TransformPoint((point * lps).tolist())) * lps
    np.testing.assert_allclose(there, linear_map(start, point), atol=1e-9)
    np.testing.assert_allclose(affine._matrix_of(transform), start, atol=1e-9)


def test_center_of_mass_in_ras(shape):
    box = Volume(np.pad(np.ones((2, 2, 2), np.float32), 3), np.diag([1.0, 2.0, 3.0, 1.0]))
    assert np.allclose(center_of_mass(box), (3.5, 7.0, 10.5))


def test_cancel_and_progress(shape):
    told = []
    with pytest.raises(Cancelled):
        prealign(shape, shape, progress=lambda *what: told.append(what), cancelled=lambda: True)
    assert told[0][1] == "Rigid alignment"


@pytest.mark.parametrize("change", [np.diag([1, 1, -1]), np.diag([1, 1, 0.05]), np.diag([1, 1.7, 1])])
def test_what_fits_no_two_heads_is_not_taken(shape, monkeypatch, change):
    """A slab of a few slices says little of the scale across it: the rigid alignment stands."""
    optimize = affine._optimize

    def optimized(fixed, moving, transform, shrink, *rest):
        result = optimize(fixed, moving, transform, shrink, *rest)
        if len(shrink) == 3:
            transform.SetMatrix((change @ np.array(transform.GetMatrix()).reshape(3, 3)).ravel().tolist())
        return result

    monkeypatch.setattr(affine, "_optimize", optimized)
    truth = known_matrix()
    found = prealign(shape, moved(shape, truth))
    assert [name for name, _ in found.steps] == ["rigid"]
    np.testing.assert_allclose(found.matrix[:3, :3], truth[:3, :3], atol=0.02)


@pytest.mark.parametrize(("scale", "fits"), [(0.3, False), (1.0, True), (3.0, False)])
def test_no_head_is_three_times_as_long_as_another(scale, fits):
    assert affine.is_plausible(scale * np.eye(3)) == fits


def test_a_head_of_another_size_is_no_slab(shape):
    """A newborn's is about half as long as a template's."""
    truth = np.diag([0.6, 0.6, 0.6, 1.0])
    truth[:3, 3] = 0.4 * shape.grid.center
    found = prealign(shape, moved(shape, truth))
    np.testing.assert_allclose(np.linalg.svd(found.matrix[:3, :3], compute_uv=False), 0.6, atol=0.05)


def test_what_asks_whether_to_stop_is_let_go(shape):
    """SimpleITK keeps commands in C++, where the garbage collector does not look."""
    import gc
    import weakref

    class Session:
        def stopped(self):
            return False

    session = Session()
    alive = weakref.ref(session)
    prealign(shape, shape, cancelled=session.stopped)
    del session
    gc.collect()
    assert alive() is None
