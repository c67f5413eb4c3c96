"""After an error or a cancel the scene is as it was, and the user is told in words."""

import numpy as np
import pytest
import slicer

from FiReworkRegistrationLib.engine import covering_inverse
from FiReworkRegistrationLib.engine.errors import Cancelled, RegistrationError


@pytest.fixture
def existing(tools, register, fixed, moving):
    """Outputs of a former run with other inputs, to be kept when the next one fails."""
    outputs = register(tools.addVolume("a", np.diag([3.0, 2, 2, 1])), moving, wantInverse=True)
    return {"outputTransform": outputs.transform, "outputVolume": outputs.volume,
            "outputJacobian": outputs.jacobian, "outputInverse": outputs.inverse}  # fmt: skip


def failing(tools, method):
    def fails(self, *arguments, **settings):
        raise MemoryError("no room")

    return type("Failing", (tools.KnownRegistration,), {method: fails})


@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize("step", ["warp_volume", "jacobian"])
def test_a_failing_output_leaves_the_scene_as_it_was(
    tools, scene, monkeypatch, register, moving, existing, step, reuse
):
    from FiReworkRegistrationLib.engine import maps, volume_warping

    def fails(*arguments):
        raise MemoryError("no room")

    monkeypatch.setattr(volume_warping if step == "warp_volume" else maps.DisplacementMap, step, fails)
    fixed = tools.addVolume("fixed", tools.GEOMETRIES["upright"])
    before = tools.contents(scene)
    with pytest.raises(MemoryError):
        register(fixed, moving, **(existing if reuse else {}))
    assert tools.contents(scene) == before


@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize("method", ["__init__", "refine", "map", "restore"])
def test_a_failure_leaves_the_scene_as_it_was(tools, scene, register, moving, existing, method, reuse):
    fixed = tools.addVolume("fixed", tools.GEOMETRIES["upright"])
    before = tools.contents(scene)
    with pytest.raises(MemoryError):
        register(fixed, moving, registrationClass=failing(tools, method), **(existing if reuse else {}))
    assert tools.contents(scene) == before


def test_a_failing_inverse_leaves_the_scene_as_it_was(tools, scene, monkeypatch, register, moving, existing):
    def fails(*arguments):
        raise MemoryError("no room")

    monkeypatch.setattr(covering_inverse, "covering_inverse", fails)
    fixed = tools.addVolume("fixed", tools.GEOMETRIES["upright"])
    before = tools.contents(scene)
    with pytest.raises(MemoryError):
        register(fixed, moving, **existing)
    assert tools.contents(scene) == before


@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize("words", ["Iteration 2", "Resampling", "Jacobian", "inverse", "Writing"])
def test_cancel_leaves_the_scene_as_it_was(tools, scene, register, moving, existing, words, reuse):
    fixed = tools.addVolume("fixed", tools.GEOMETRIES["upright"])
    before, told = tools.contents(scene), []
    with pytest.raises(Cancelled):
        register(fixed, moving, wantInverse=True, **(existing if reuse else {}),
                 progress=lambda fraction, message: told.append(message),
                 cancelled=lambda: any(words in message for message in told))  # fmt: skip
    assert tools.contents(scene) == before


def test_closing_the_scene_meanwhile_is_an_error(scene, register, fixed, moving):
    with pytest.raises(RegistrationError, match="removed from the scene"):
        register(fixed, moving, onIteration=lambda iteration: scene.Clear(0))
    assert scene.GetNumberOfNodesByClass("vtkMRMLTransformNode") == 0


class TestBadInput:
    """Refused in words, the scene untouched."""

    @pytest.fixture
    def refused(self, tools, scene, register):
        def check(message, *nodes, **settings):
            before = tools.contents(scene)
            with pytest.raises(RegistrationError, match=message):
                register(*nodes, **settings)
            assert tools.contents(scene) == before

        return check

    def test_nodes(self, tools, scene, refused, fixed, moving):
        refused("Fixed volume is missing; select", None, moving)
        refused("Moving volume is missing; select", fixed, None)
        refused("the same node 'fixed'; select two", fixed, fixed)
        refused("Moving volume 'empty' has no image data", fixed,
                scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty"))  # fmt: skip
        stray = slicer.vtkMRMLScalarVolumeNode()
        stray.SetName("stray")
        refused("Moving volume 'stray' is not in the scene", fixed, stray)
        moving.SetAndObserveTransformNodeID(tools.addNonlinear("bent").GetID())
        refused("Moving volume 'moving' is under the nonlinear transform 'bent'.*harden", fixed, moving)

    def test_settings(self, tools, scene, refused, fixed, moving):
        refused("Iterations .K. is 0; choose 1 or more", fixed, moving, iterations=0)
        refused("Iterations .K. is 1.5; choose a whole number", fixed, moving, iterations=1.5)
        refused("Iterations .K. is '2'; choose a whole number", fixed, moving, iterations="2")
        refused("Initial transform is no node .ndarray.; give a node", fixed, moving, initialTransform=np.eye(4))
        refused("Output volume 'fixed' is also the fixed volume", fixed, moving, outputVolume=fixed)
        bent = tools.addNonlinear("bent")
        refused("Initial transform 'bent' is not linear", fixed, moving, initialTransform=bent)
        refused("also the initial transform", fixed, moving, initialTransform=bent, outputTransform=bent)
        empty = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "empty")
        refused("Fixed mask 'empty' has no segments", fixed, moving, fixedMask=empty)

    @pytest.mark.parametrize(
        ("message", "settings"),
        [
            ("Affine is 'auto' or 'none'", {"affine": "maybe"}),
            ("Unknown model 'nobody'|No model is installed", {"model": "nobody"}),
        ],
    )
    def test_the_engine_refuses_too(self, refused, fixed, moving, message, settings):
        refused(message, fixed, moving, registrationClass=None, **settings)
