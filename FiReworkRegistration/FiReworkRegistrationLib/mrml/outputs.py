"""Output nodes: checked before the work, written all together after it, or not at all."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import slicer

from .jacobian import addJacobianColors, findJacobianColors, showAsJacobian
from .transforms import setMap
from .volumes import ijkToRAS, setVolume

TRANSFORM = "Output transform"
VOLUME = "Output volume"
JACOBIAN = "Output Jacobian volume"
INVERSE = "Output inverse transform"


@dataclass(frozen=True)
class Results:
    """What a registration computed, ready to be written.

    :param transform: ``DisplacementMap`` fixed world to moving local, RAS mm.
    :param volume, jacobian: arrays (k, j, i) on the fixed volume's grid, or None.
    :param inverse: ``DisplacementMap`` moving world to fixed local, or None.
    :param attributes, inverseAttributes: of the transform nodes, name to text.
    """

    transform: Any
    volume: Any = None
    jacobian: Any = None
    inverse: Any = None
    attributes: dict | None = None
    inverseAttributes: dict | None = None


def checkOutputs(given, inputs, scene):
    """Outputs that were given are of the right kind, in the scene, and no inputs.

    :param given: role (``TRANSFORM`` and so on) to node or None.
    :param inputs: role to node or None; "Moving volume" and "Moving mask" may be directly under the output
        transform, whose place the result takes.
    :raises RegistrationError: naming the output.
    """
    from ..engine.errors import RegistrationError

    seen = {}
    for role, node in given.items():
        if node is None:
            continue
        who = f"{role} '{node.GetName()}'"
        _checkKind(node, role, who)
        if scene is None or node.GetScene() is not scene:
            raise RegistrationError(f"{who} is not in the scene of the fixed volume; select another node.")
        if node.GetID() in seen:
            raise RegistrationError(f"{who} is also the {seen[node.GetID()]}; select two different nodes.")
        seen[node.GetID()] = role.lower()
        for inputRole, inputNode in inputs.items():
            if inputNode is node:
                raise RegistrationError(
                    f"{who} is also the {inputRole.lower()} and would be overwritten; "
                    "select another node or let a new one be made."
                )
            above = _parents(inputNode)
            if role == TRANSFORM and inputRole in ("Moving volume", "Moving mask"):
                above = above[1:]
            if node in above:
                raise RegistrationError(
                    f"{inputRole} '{inputNode.GetName()}' is under the {role.lower()} '{node.GetName()}' and would be "
                    "moved by the result; take it out of that transform or select another output."
                )


def writeOutputs(pair, results, given):
    """Write results into the given nodes, and into new ones where none is given.

    When anything goes wrong on the way, new nodes are removed and given ones restored before the error goes on.

    :param pair: ``Pair`` of the inputs.
    :param results: ``Results``.
    :param given: role to node or None, as in :func:`checkOutputs`.
    :return: role to node, or to None where there is no result.
    :raises RegistrationError: a node was removed from the scene meanwhile.
    """
    scene = pair.fixedNode.GetScene()
    _checkStillThere(pair, given, scene)
    fixedName, movingName = pair.fixedNode.GetName(), pair.movingNode.GetName()
    nodes = dict.fromkeys((TRANSFORM, VOLUME, JACOBIAN, INVERSE))
    with ExitStack() as undo:
        names = {
            TRANSFORM: f"{movingName} to {fixedName} transform",
            VOLUME: f"{movingName} registered",
            JACOBIAN: f"{movingName} Jacobian",
            INVERSE: f"{fixedName} to {movingName} transform",
        }
        values = {
            TRANSFORM: results.transform,
            VOLUME: results.volume,
            JACOBIAN: results.jacobian,
            INVERSE: results.inverse,
        }
        for role, value in values.items():
            if value is not None:
                nodes[role] = _outputNode(scene, given.get(role), role, names[role], undo)
        _writeTransform(nodes[TRANSFORM], results.transform, pair.fixedNode, pair.movingNode, results.attributes)
        if results.inverse is not None:
            _writeTransform(nodes[INVERSE], results.inverse, pair.movingNode, pair.fixedNode, results.inverseAttributes)
        if results.volume is not None:
            _writeVolume(nodes[VOLUME], results.volume, pair, undo)
        if results.jacobian is not None:
            _writeVolume(nodes[JACOBIAN], results.jacobian, pair, undo)
            _colorJacobian(nodes[JACOBIAN], scene, undo)
        undo.pop_all()
    return nodes


def _checkKind(node, role, who):
    """Old linear and B-spline classes, label maps and vector volumes cannot hold the results."""
    from ..engine.errors import RegistrationError

    if role in (TRANSFORM, INVERSE):
        if node.GetClassName() not in ("vtkMRMLTransformNode", "vtkMRMLGridTransformNode"):
            raise RegistrationError(
                f"{who} is a {node.GetNodeTagName()} node, which cannot hold a displacement field; "
                "select a general transform node or let a new one be made."
            )
    elif node.GetClassName() != "vtkMRMLScalarVolumeNode":
        raise RegistrationError(f"{who} is a {node.GetNodeTagName()} node; select a scalar volume.")


def _parents(node):
    """Transform nodes that a node is under, the nearest first."""
    found = []
    parent = node.GetParentTransformNode() if node is not None else None
    while parent is not None:
        found.append(parent)
        parent = parent.GetParentTransformNode()
    return found


def _checkStillThere(pair, given, scene):
    """The user may close the scene or delete nodes while the network works."""
    from ..engine.errors import RegistrationError

    needed = [pair.fixedNode, pair.movingNode, *(node for node in given.values() if node is not None)]
    if scene is None or any(node.GetScene() is not scene for node in needed):
        raise RegistrationError(
            "A volume or output node was removed from the scene during the registration; nothing was written. "
            "Register again."
        )
    if pair.fixedParentID and scene.GetNodeByID(pair.fixedParentID) is None:
        raise RegistrationError(
            "The fixed volume's parent transform was removed during the registration; nothing was written. "
            "Register again."
        )


def _outputNode(scene, given, role, name, undo):
    """The given node, remembered as it is, or a new one; ``undo`` takes either back."""
    isTransform = role in (TRANSFORM, INVERSE)
    if given is None:
        nodeClass = "vtkMRMLTransformNode" if isTransform else "vtkMRMLScalarVolumeNode"
        node = scene.AddNewNodeByClass(nodeClass, scene.GenerateUniqueName(name))
        undo.callback(scene.RemoveNode, node)
    else:
        node = given
        (_rememberTransform if isTransform else _rememberVolume)(node, undo)
    return node


def _rememberTransform(node, undo):
    # The copy shares the transform object, which is replaced and never edited.
    content = node.CreateNodeInstance()
    content.CopyContent(node, False)
    undo.callback(node.CopyContent, content, False)
    undo.callback(node.SetAndObserveTransformNodeID, node.GetTransformNodeID())
    for name in ("FiRework.iterations", "FiRework.model", "FiRework.percentFolded", "FiRework.inverseResidual"):
        undo.callback(node.SetAttribute, name, node.GetAttribute(name))
    for role in (node.GetFixedNodeReferenceRole(), node.GetMovingNodeReferenceRole()):
        undo.callback(node.SetNodeReferenceID, role, node.GetNodeReferenceID(role))


def _rememberVolume(node, undo):
    undo.callback(setVolumeBack, node, node.GetImageData(), ijkToRAS(node), node.GetTransformNodeID())
    display = node.GetDisplayNode()
    if display is not None:
        content = display.CreateNodeInstance()
        content.CopyContent(display, False)
        undo.callback(display.SetAndObserveColorNodeID, display.GetColorNodeID())
        undo.callback(display.CopyContent, content, False)


def setVolumeBack(node, image, matrix, parentTransformID):
    """Give a volume node its former image, 4x4 IJK to RAS (mm) and parent again."""
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    node.SetAndObserveImageData(image)
    node.SetAndObserveTransformNodeID(parentTransformID)


def _writeTransform(node, displacementMap, fixedNode, movingNode, attributes):
    """Field, attributes and references; no parent, as the map starts from the world."""
    with slicer.util.NodeModify(node):
        setMap(node, displacementMap)
        node.SetAndObserveTransformNodeID(None)
        for name, value in (attributes or {}).items():
            node.SetAttribute(name, value)
        node.SetNodeReferenceID(node.GetFixedNodeReferenceRole(), fixedNode.GetID())
        node.SetNodeReferenceID(node.GetMovingNodeReferenceRole(), movingNode.GetID())


def _writeVolume(node, array, pair, undo):
    """Array on the fixed geometry, and a display node if there is none."""
    with slicer.util.NodeModify(node):
        setVolume(node, array, pair.fixedMatrix, pair.fixedParentID)
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
        undo.callback(node.GetScene().RemoveNode, node.GetDisplayNode())


def _colorJacobian(node, scene, undo):
    colors = findJacobianColors(scene)
    if colors is None:
        colors = addJacobianColors(scene)
        undo.callback(scene.RemoveNode, colors)
    showAsJacobian(node.GetDisplayNode(), colors)
