"""A session that stays alive: iterations shown in place, finished, refined further, discarded."""

from types import SimpleNamespace

import numpy as np
import pytest
import slicer
import vtk

from FiReworkRegistrationLib.engine.errors import Cancelled, RegistrationError
from FiReworkRegistrationLib.engine.fields import resize_field
from FiReworkRegistrationLib.mrml.session import RegistrationSession
from FiReworkRegistrationLib.mrml.transforms import mapFromTransformNode
from FiReworkRegistrationLib.mrml.volumes import ijkToRAS


def refined(session, iterations=3):
    for iteration in session.refine(iterations):
        session.show(iteration.index)
    return session


def heldBy(node):
    return mapFromTransformNode(node).displacement


def expectedAt(session, iteration):
    """Fixed world to moving local, computed the slow way."""
    from FiReworkRegistrationLib.engine.maps import _lattice_points

    dmap = session.mapAt(iteration)
    points = _lattice_points(dmap.grid)
    mapped = points + dmap.displacement.reshape(-1, 3)
    parent = session._pair.movingToWorld
    local = (mapped - parent[:3, 3]) @ np.linalg.inv(parent[:3, :3]).T
    return (local - points).reshape(dmap.displacement.shape)


def test_nothing_is_in_the_scene_before_an_iteration_is_shown(tools, scene, tinyModel, fixed, moving):
    before = tools.contents(scene)
    session = RegistrationSession(fixed, moving, device="cpu", affine="none")
    session.prepare()
    assert [iteration.index for iteration in session.refine(2)] == [1, 2]
    assert session.transformNode is None and session.shownIteration is None
    assert tools.contents(scene) == before


def test_every_iteration_can_be_shown_in_place(tools, tinyModel, anyFixed, moving):
    moving.SetAndObserveTransformNodeID(tools.addLinear("of moving", tools.rotation(7, 0)).GetID())
    session = RegistrationSession(anyFixed, moving, device="cpu", affine="none")
    session.prepare()
    refined(session)
    node, transform = session.transformNode, session.transformNode.GetTransformFromParent()
    for index in (0, 2, 1, 3):
        session.show(index)
        np.testing.assert_allclose(heldBy(node), expectedAt(session, index), atol=1e-4)
        assert session.shownIteration == index
        assert node.GetAttribute("FiRework.iterations") == str(index)
    assert node.GetTransformFromParent() is transform
    assert node.GetNodeReference("spatialRegistrationFixed") is anyFixed


def test_showing_fires_one_event_that_reaches_what_lies_under_the_node(session, moving):
    refined(session)
    session.placeMoving()
    events = {"node": 0, "moving": 0}
    for name, node in (("node", session.transformNode), ("moving", moving)):
        node.AddObserver(
            slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
            lambda caller, event, name=name: events.__setitem__(name, events[name] + 1),
        )
    session.show(1)
    assert events == {"node": 1, "moving": 1}


def test_events_that_are_held_back_stay_held_back(session):
    refined(session)
    session.transformNode.SetDisableModifiedEvent(True)
    session.show(1)
    assert session.transformNode.GetDisableModifiedEvent()


def test_a_transform_that_somebody_else_has_put_into_the_node_gives_way(session):
    refined(session)
    session.transformNode.SetAndObserveTransformFromParent(slicer.vtkOrientedGridTransform())
    session.show(1)
    np.testing.assert_allclose(heldBy(session.transformNode), expectedAt(session, 1), atol=1e-4)


def test_the_field_itself_is_marked_as_changed(session):
    """For whoever holds on to its image."""
    refined(session)
    image = session.transformNode.GetTransformFromParent().GetDisplacementGrid()
    stamps = lambda: np.array([image.GetMTime(), image.GetPointData().GetScalars().GetMTime()])  # noqa: E731
    before = stamps()
    session.show(1)
    session.show(2)
    assert (stamps() > before).all()


def test_the_slider_passes_between_two_grids_without_new_transforms(session):
    refined(session)
    field = session.iterations[-1].field
    session.registration._refiner.accept(resize_field(field, [2 * n - 1 for n in field.shape[2:]]), 1.0)
    node, seen = session.transformNode, {}
    for iteration in (4, 2, 4, 2):
        session.show(iteration)
        assert seen.setdefault(iteration, node.GetTransformFromParent()) is node.GetTransformFromParent()
    assert seen[2] is not seen[4]
    session.finish(4)
    session.show(2)
    assert node.GetTransformFromParent() is seen[2]


def test_a_pipeline_through_the_node_is_computed_anew(session, moving):
    """As a slice view does: an image resliced through the transform to the world."""
    refined(session)
    session.placeMoving()
    reslice = vtk.vtkImageReslice()
    reslice.SetInputData(moving.GetImageData())
    toWorld = vtk.vtkGeneralTransform()
    session.transformNode.GetTransformFromWorld(toWorld)
    toIJK = vtk.vtkGeneralTransform()
    matrix = vtk.vtkMatrix4x4()
    moving.GetRASToIJKMatrix(matrix)
    toIJK.Concatenate(matrix)
    toIJK.Concatenate(toWorld)
    reslice.SetResliceTransform(toIJK)
    reslice.SetOutputOrigin(-20, -20, 0)
    reslice.SetOutputExtent(0, 40, 0, 40, 0, 0)
    reslice.SetInterpolationModeToLinear()
    pictures = []
    for index in (0, 3, 0):
        session.show(index)
        reslice.Update()
        scalars = reslice.GetOutput().GetPointData().GetScalars()
        pictures.append(vtk.util.numpy_support.vtk_to_numpy(scalars).copy())
    assert np.abs(pictures[0] - pictures[1]).max() > 0.1
    np.testing.assert_array_equal(pictures[0], pictures[2])


def test_finish_brings_all_outputs_to_the_iteration(session, fixed):
    refined(session)
    for index in (2, 0, 3):
        session.show(index)
        outputs = session.finish(index)
        np.testing.assert_allclose(heldBy(outputs.transform), expectedAt(session, index), atol=1e-4)
        np.testing.assert_array_equal(
            slicer.util.arrayFromVolume(outputs.volume), session.registration.warped(index).array
        )
        np.testing.assert_array_equal(
            slicer.util.arrayFromVolume(outputs.jacobian), session.registration.jacobian(index).array
        )
        assert outputs.transform.GetAttribute("FiRework.iterations") == str(index)
        assert session.finishedIteration == session.shownIteration == index
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTransformNode") == 1
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 4


def test_what_a_later_finish_writes_over_is_freed(tools, fixed, moving):
    session, freed = RegistrationSession(fixed, moving, registrationClass=tools.KnownRegistration), []
    session.prepare()
    list(session.refine(2))
    node = session.finish(1).transform
    session.finish(2)
    node.GetTransformFromParent().AddObserver("DeleteEvent", lambda *_: freed.append(1))
    session.finish(1)
    assert freed


def test_the_slider_goes_on_in_place_after_finish(session):
    refined(session)
    node = session.finish(3).transform
    transform = node.GetTransformFromParent()
    session.show(1)
    assert node.GetTransformFromParent() is transform
    np.testing.assert_allclose(heldBy(node), expectedAt(session, 1), atol=1e-4)


def test_finish_chooses_the_best_iteration_by_itself(session):
    refined(session)
    assert session.finish().transform.GetAttribute("FiRework.iterations") == str(session.bestIteration)
    nccs = [figure.local_ncc for figure in session.iterations if figure.percent_folded <= 0.5]
    assert session.iterations[session.bestIteration].local_ncc == max(nccs)


def test_refine_further_equals_one_go(session, tinyModel, fixed, moving):
    refined(session, 2)
    session.finish()
    assert [iteration.index for iteration in session.refine(4)] == [3, 4]
    assert list(session.refine(4)) == []
    other = RegistrationSession(fixed, moving, device="cpu", affine="none", precision="fp32")
    other.prepare()
    list(other.refine(4))
    np.testing.assert_array_equal(session.mapAt(4).displacement, other.mapAt(4).displacement)


def test_stop_rule_ends_early(session, monkeypatch):
    from FiReworkRegistrationLib.engine import stop_rule

    monkeypatch.setattr(stop_rule, "stop_reason", lambda figures: "change" if len(figures) > 2 else None)
    assert len(list(session.refine(6, stopEarly=True))) == 2


def test_figures_in_mm(session):
    refined(session)
    assert session.largestDisplacement(0) == 0
    field = session.iterations[2].field[0]
    inside = session.registration.mask[0, 0] > 0
    assert session.largestDisplacement(2) == pytest.approx(4.0 * field.norm(dim=0)[inside].max().item())
    assert session.storedError(1) == 0


def test_a_stored_iteration_that_lost_precision_is_finished_exactly(tinyModel, session):
    exact = [session.mapAt(0).displacement]
    for iteration in session.refine(6):
        exact.append(session.mapAt(iteration.index).displacement)
        if iteration.index == 2:
            session.registration._refiner.fields.budget = session.registration._refiner.fields.nbytes
    assert session.storedError(1) > 0
    session.show(1)
    off = np.linalg.norm(heldBy(session.transformNode) - exact[1], axis=-1).max()
    assert 0 < off <= session.storedError(1) + 1e-4
    session.finish(1)
    np.testing.assert_allclose(heldBy(session.transformNode), exact[1], atol=1e-4)


class TestDiscard:
    @pytest.fixture
    def existing(self, tools, register, fixed, moving):
        outputs = register(tools.addVolume("a", np.diag([3.0, 2, 2, 1])), moving, wantInverse=True)
        return {"outputTransform": outputs.transform, "outputVolume": outputs.volume,
                "outputJacobian": outputs.jacobian, "outputInverse": outputs.inverse}  # fmt: skip

    @pytest.mark.parametrize("reuse", [True, False])
    def test_restores_the_scene(self, tools, scene, tinyModel, existing, fixed, moving, reuse):
        moving.SetAndObserveTransformNodeID(tools.addLinear("of moving", tools.rotation(7, 0)).GetID())
        before = tools.contents(scene)
        settings = existing if reuse else {}
        session = RegistrationSession(fixed, moving, device="cpu", affine="none", wantInverse=True, **settings)
        session.prepare()
        refined(session)
        session.placeMoving()
        session.finish(2)
        session.show(1)
        session.finish(3)
        assert tools.contents(scene) != before
        session.discard()
        assert tools.contents(scene) == before
        assert session.transformNode is None
        session.show(2)
        np.testing.assert_allclose(heldBy(session.transformNode), expectedAt(session, 2), atol=1e-4)
        session.discard()
        assert tools.contents(scene) == before

    def test_nothing_to_do(self, tools, scene, fixed, moving):
        before = tools.contents(scene)
        RegistrationSession(fixed, moving).discard()
        assert tools.contents(scene) == before

    def test_after_the_scene_was_closed(self, scene, session):
        refined(session)
        session.placeMoving()
        session.finish()
        scene.Clear(0)
        session.discard()
        assert scene.GetNumberOfNodesByClass("vtkMRMLTransformNode") == 0

    def test_moving_volume_is_placed_and_taken_back(self, tools, tinyModel, fixed, moving):
        parent = tools.addLinear("of moving", tools.rotation(7, 0))
        moving.SetAndObserveTransformNodeID(parent.GetID())
        session = RegistrationSession(fixed, moving, device="cpu", affine="none")
        session.prepare()
        refined(session)
        session.placeMoving()
        session.placeMoving()
        assert moving.GetParentTransformNode() is session.transformNode
        session.placeMoving(False)
        assert moving.GetParentTransformNode() is parent


class TestCancel:
    @pytest.fixture
    def flag(self):
        return SimpleNamespace(value=False)

    @pytest.fixture
    def session(self, tinyModel, fixed, moving, flag):
        session = RegistrationSession(fixed, moving, device="cpu", affine="none", cancelled=lambda: flag.value)
        session.prepare()
        return session

    def cancelAt(self, session, flag, index, iterations=5):
        with pytest.raises(Cancelled):
            for iteration in session.refine(iterations):
                session.show(iteration.index)
                flag.value = iteration.index == index

    def test_leaves_the_scene_as_it_was(self, tools, scene, session, flag):
        before = tools.contents(scene)
        self.cancelAt(session, flag, 2)
        assert tools.contents(scene) == before
        assert [figure.index for figure in session.iterations] == [0, 1, 2]

    def test_keeps_what_is_done_when_the_user_says_so(self, session, flag):
        session.cancelKeeps = True
        self.cancelAt(session, flag, 2)
        flag.value = False
        assert session.shownIteration == 2
        assert session.finish(2).volume is not None

    def test_of_refining_further_goes_back_to_the_finished_result(self, session, flag):
        refined(session, 2)
        volume = session.finish(2).volume
        self.cancelAt(session, flag, 4)
        assert session.shownIteration == 2 and volume.GetScene() is slicer.mrmlScene
        np.testing.assert_allclose(heldBy(session.transformNode), expectedAt(session, 2), atol=1e-4)

    def test_of_finish_keeps_the_former_outputs(self, tools, scene, session, flag):
        refined(session, 2)
        session.finish(2)
        before = tools.contents(scene)
        session.show(1)
        flag.value = True
        with pytest.raises(Cancelled):
            session.finish(1)
        assert tools.contents(scene) == before

    def test_an_error_of_the_network_discards_too(self, tools, scene, session):
        before = tools.contents(scene)
        with pytest.raises(RegistrationError, match="NaN"):
            for iteration in session.refine(5):
                session.show(iteration.index)
                session.registration._refiner.moving.fill_(float("nan"))
        assert tools.contents(scene) == before


def test_outputs_lie_on_the_fixed_geometry_after_every_finish(tools, tinyModel, anyFixed, moving):
    session = RegistrationSession(anyFixed, moving, device="cpu", affine="none")
    session.prepare()
    refined(session, 2)
    for index in (1, 2):
        outputs = session.finish(index)
        for node in (outputs.volume, outputs.jacobian):
            np.testing.assert_allclose(ijkToRAS(node), ijkToRAS(anyFixed), atol=1e-9)
