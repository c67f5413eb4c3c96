"""Output nodes are checked first and written all or not at all."""

import numpy as np
import pytest
import slicer

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.geometry import Grid
from FiReworkRegistrationLib.mrml import outputs
from FiReworkRegistrationLib.mrml.outputs import INVERSE, JACOBIAN, TRANSFORM, VOLUME
from FiReworkRegistrationLib.mrml.pair import readPair
from FiReworkRegistrationLib.mrml.results import Results


@pytest.fixture
def nodes(tools):
    return tools.addVolume("fixed", tools.GEOMETRIES["oblique"]), tools.addVolume("moving", tools.GEOMETRIES["upright"])


@pytest.fixture
def pair(tools, nodes):
    nodes[0].SetAndObserveTransformNodeID(tools.addLinear("tilt", tools.rotation(20, 0)).GetID())
    return readPair(*nodes)


@pytest.fixture
def results(tools, pair):
    known = tools.knownMap(Grid(tools.SHAPE, tools.GEOMETRIES["upright"]))
    array = np.ones(pair.fixed.array.shape, dtype=np.float32)
    return Results(known, array, 2 * array, known, {"FiRework.model": "M"}, {"FiRework.inverseResidual": "0.01"})


@pytest.fixture
def existing(tools, scene):
    """Output nodes with former content: own names, parents, colors and references."""
    volume = tools.addVolume("my volume", np.diag([3.0, 3, 3, 1]))
    jacobian = tools.addVolume("my Jacobian", np.diag([4.0, 4, 4, 1]))
    for node in (volume, jacobian):
        node.CreateDefaultDisplayNodes()
    colors = scene.AddNewNodeByClass("vtkMRMLColorTableNode", "my colors")
    jacobian.GetDisplayNode().SetAndObserveColorNodeID(colors.GetID())
    jacobian.GetDisplayNode().SetAutoWindowLevel(0)
    jacobian.GetDisplayNode().SetWindowLevel(70, 30)
    parent = tools.addLinear("parent", tools.rotation(40, 1))
    transform, inverse = tools.addNonlinear("my transform"), tools.addLinear("my inverse", tools.rotation(9, 0))
    transform.SetAndObserveTransformNodeID(parent.GetID())
    volume.SetAndObserveTransformNodeID(parent.GetID())
    transform.SetAttribute("FiRework.model", "former")
    transform.SetNodeReferenceID(transform.GetFixedNodeReferenceRole(), volume.GetID())
    return {TRANSFORM: transform, VOLUME: volume, JACOBIAN: jacobian, INVERSE: inverse}


def test_new_nodes_are_named_after_the_inputs(scene, pair, results):
    nodes = outputs.writeOutputs(pair, results, {})
    assert {role: node.GetName() for role, node in nodes.items()} == {
        TRANSFORM: "moving to fixed transform",
        VOLUME: "moving registered",
        JACOBIAN: "moving Jacobian",
        INVERSE: "fixed to moving transform",
    }
    assert outputs.writeOutputs(pair, results, {})[VOLUME].GetName() == "moving registered_1"


def test_results_arrive(tools, pair, results):
    nodes = outputs.writeOutputs(pair, results, {})
    fixed, moving = pair.fixedNode, pair.movingNode
    points = tools.randomInside(results.transform.grid)
    np.testing.assert_allclose(tools.fromWorld(nodes[TRANSFORM], points), results.transform.at(points), atol=1e-4)
    for role, value in ((VOLUME, 1), (JACOBIAN, 2)):
        assert slicer.util.arrayFromVolume(nodes[role]).shape == tools.SHAPE
        assert (slicer.util.arrayFromVolume(nodes[role]) == value).all()
        np.testing.assert_allclose(outputs.ijkToRAS(nodes[role]), outputs.ijkToRAS(fixed), atol=1e-9)
        assert nodes[role].GetTransformNodeID() == fixed.GetTransformNodeID()
        assert nodes[role].GetDisplayNode() is not None
    for role, first, second in ((TRANSFORM, fixed, moving), (INVERSE, moving, fixed)):
        node = nodes[role]
        assert node.GetNodeReference("spatialRegistrationFixed") is first
        assert node.GetNodeReference("spatialRegistrationMoving") is second
    assert nodes[TRANSFORM].GetAttribute("FiRework.model") == "M"
    assert nodes[INVERSE].GetAttribute("FiRework.inverseResidual") == "0.01"
    assert nodes[JACOBIAN].GetDisplayNode().GetColorNode().GetColorName(0) == "folded"


def test_the_registered_volume_has_the_grays_of_the_moving_one(pair, results):
    pair.movingNode.CreateDefaultDisplayNodes()
    pair.movingNode.GetDisplayNode().AutoWindowLevelOff()
    pair.movingNode.GetDisplayNode().SetWindowLevel(70, 30)
    display = outputs.writeOutputs(pair, results, {})[VOLUME].GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel(), display.GetAutoWindowLevel()) == (70, 30, 0)


def test_what_is_not_computed_is_not_made(scene, pair, results):
    before = scene.GetNumberOfNodes()
    nodes = outputs.writeOutputs(pair, Results(results.transform), {})
    assert [nodes[role] for role in (VOLUME, JACOBIAN, INVERSE)] == [None] * 3
    assert scene.GetNumberOfNodes() == before + 1


def test_existing_nodes_are_overwritten_and_keep_identity(tools, scene, pair, results, existing):
    before = {role: (node.GetID(), node.GetName()) for role, node in existing.items()}
    count = scene.GetNumberOfNodes()
    nodes = outputs.writeOutputs(pair, results, existing)
    assert {role: (node.GetID(), node.GetName()) for role, node in nodes.items()} == before
    # The color table alone is new.
    assert scene.GetNumberOfNodes() == count + 1
    assert nodes[TRANSFORM].GetTransformNodeID() is None
    points = tools.randomInside(results.transform.grid)
    np.testing.assert_allclose(tools.fromWorld(nodes[TRANSFORM], points), results.transform.at(points), atol=1e-4)
    assert slicer.util.arrayFromVolume(nodes[JACOBIAN]).max() == 2
    assert nodes[VOLUME].GetTransformNodeID() == pair.fixedParentID


def test_color_table_is_made_once(scene, pair, results):
    nodes = [outputs.writeOutputs(pair, results, {})[JACOBIAN] for _ in range(2)]
    assert nodes[0].GetDisplayNode().GetColorNodeID() == nodes[1].GetDisplayNode().GetColorNodeID()


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("broken", ["showAsJacobian", "addJacobianColors", "setVolume", "_writeTransform"])
def test_a_failure_while_writing_takes_everything_back(
    tools, scene, monkeypatch, pair, results, existing, given, broken
):
    before = tools.contents(scene)
    original, calls = getattr(outputs, broken), []

    def fails(*arguments, **keywords):
        calls.append(arguments)
        # Not before others of the kind are written.
        original(*arguments, **keywords)
        if len(calls) == (2 if broken in ("setVolume", "_writeTransform") else 1):
            if broken == "addJacobianColors":
                scene.RemoveNode(outputs.findJacobianColors(scene))
            raise MemoryError("no room")

    monkeypatch.setattr(outputs, broken, fails)
    with pytest.raises(MemoryError):
        outputs.writeOutputs(pair, results, existing if given else {})
    assert tools.contents(scene) == before


def test_nodes_removed_meanwhile_are_noticed(tools, scene, pair, results, existing):
    scene.RemoveNode(existing[VOLUME])
    before = tools.contents(scene)
    with pytest.raises(RegistrationError, match=r"removed from the scene.*nothing was written"):
        outputs.writeOutputs(pair, results, existing)
    assert tools.contents(scene) == before
    scene.RemoveNode(pair.fixedNode)
    with pytest.raises(RegistrationError, match="removed from the scene"):
        outputs.writeOutputs(pair, results, {})


def test_parent_removed_meanwhile_is_noticed(scene, pair, results):
    scene.RemoveNode(scene.GetNodeByID(pair.fixedParentID))
    with pytest.raises(RegistrationError, match="parent transform was removed"):
        outputs.writeOutputs(pair, results, {})


class TestChecks:
    """``checkOutputs`` before any work."""

    def refused(self, scene, nodes, given, message, **more):
        inputs = {"Fixed volume": nodes[0], "Moving volume": nodes[1], **more}
        with pytest.raises(RegistrationError, match=message):
            outputs.checkOutputs(given, inputs, scene)

    def test_good_outputs_pass(self, scene, nodes, existing):
        outputs.checkOutputs(existing, {"Fixed volume": nodes[0], "Moving volume": nodes[1]}, scene)
        outputs.checkOutputs(dict.fromkeys(existing), {"Fixed volume": nodes[0], "Moving mask": None}, scene)

    def test_an_input_as_output(self, tools, scene, nodes):
        self.refused(scene, nodes, {VOLUME: nodes[0]}, "Output volume 'fixed' is also the fixed volume and would be")
        self.refused(scene, nodes, {JACOBIAN: nodes[1]}, "Output Jacobian volume 'moving' is also the moving volume")
        start = tools.addLinear("start", np.eye(4))
        more = {"Initial transform": start}
        self.refused(scene, nodes, {TRANSFORM: start}, "Output transform 'start' is also the initial transform", **more)

    def test_one_node_for_two_outputs(self, tools, scene, nodes):
        node = tools.addVolume("one", np.eye(4))
        given = {VOLUME: node, JACOBIAN: node}
        self.refused(scene, nodes, given, "Output Jacobian volume 'one' is also the output volume; select two")

    def test_wrong_kind(self, scene, nodes):
        labels = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
        linear = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "L")
        self.refused(scene, nodes, {VOLUME: labels}, "Output volume 'labels' is a LabelMapVolume node; select a scalar")
        self.refused(scene, nodes, {TRANSFORM: linear}, "Output transform 'L' is a LinearTransform node.*displacement")
        self.refused(scene, nodes, {INVERSE: nodes[1]}, "Output inverse transform 'moving' is a Volume node")

    def test_node_outside_the_scene(self, scene, nodes):
        stray = slicer.vtkMRMLTransformNode()
        stray.SetName("stray")
        self.refused(scene, nodes, {TRANSFORM: stray}, "Output transform 'stray' is not in the scene")

    def test_inputs_under_an_output(self, tools, scene, nodes):
        result, outer = tools.addLinear("result", np.eye(4)), tools.addLinear("outer", np.eye(4))
        nodes[1].SetAndObserveTransformNodeID(result.GetID())
        # Where a former result was applied: allowed, it is replaced.
        outputs.checkOutputs({TRANSFORM: result}, {"Moving volume": nodes[1]}, scene)
        self.refused(scene, nodes, {INVERSE: result}, "Moving volume 'moving' is under the output inverse transform")
        result.SetAndObserveTransformNodeID(outer.GetID())
        self.refused(scene, nodes, {TRANSFORM: outer}, "Moving volume 'moving' is under the output transform 'outer'")
        nodes[0].SetAndObserveTransformNodeID(result.GetID())
        self.refused(scene, nodes, {TRANSFORM: result}, "Fixed volume 'fixed' is under the output transform 'result'")


def test_what_is_written_over_is_freed(pair, results, scene):
    """One field of 1 mm has 80 MB, and every release of the slider writes another."""
    import vtk

    node, freed = scene.AddNewNodeByClass("vtkMRMLTransformNode"), []
    before = vtk.vtkGeneralTransform()
    before.AddObserver("DeleteEvent", lambda *_: freed.append(1))
    node.SetAndObserveTransformFromParent(before)
    del before
    outputs.writeOutputs(pair, results, {TRANSFORM: node})
    assert freed
