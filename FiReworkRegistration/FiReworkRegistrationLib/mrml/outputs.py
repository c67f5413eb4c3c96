"""Output nodes: checked before the work, written all together after it, or not at all."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import slicer

from ..engine.texts import tr as _
from .former_parent import FIXED_GRID, FIXED_TO_WORLD, MOVING_TO_WORLD, PAIR_ROLES, setParentBack
from .jacobian import addJacobianColors, findJacobianColors, showAsJacobian
from .language import say
from .node_copy import copyOf
from .presence import checkStillThere
from .remembered import VERDICT
from .transforms import setMap
from .volumes import ijkToRAS, setVolume

TRANSFORM = _("Output transform")
VOLUME = _("Output volume")
JACOBIAN = _("Output Jacobian volume")
INVERSE = _("Output inverse transform")


@dataclass
class Outputs:
    """What a registration left in the scene.

    :param transform: vtkMRMLTransformNode, from parent: fixed world to moving local coordinates.
    :param volume: the moving volume resampled on the fixed volume's grid, or None.
    :param jacobian: Jacobian determinant on the fixed volume's grid, or None.
    :param inverse: vtkMRMLTransformNode of the way back, moving world to fixed local coordinates, or None.
    :param registration: engine ``Registration``, which holds the fields and can refine further.
    :param figures: list of ``Iteration``, index 0 the affine start.
    :param inverseResidual: how far the inverse misses, mm, 99th percentile, or None.
    """

    transform: Any
    volume: Any = None
    jacobian: Any = None
    inverse: Any = None
    registration: Any = None
    figures: list = field(default_factory=list)
    inverseResidual: float | None = None


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
        who = _("{role} '{name}'").format(role=role, name=node.GetName())
        _checkKind(node, role, who)
        if scene is None or node.GetScene() is not scene:
            raise RegistrationError(
                _("{who} is not in the scene of the fixed volume; select another node.").format(who=who)
            )
        if node.GetID() in seen:
            raise RegistrationError(
                _("{who} is also the {role}; select two different nodes.").format(who=who, role=seen[node.GetID()])
            )
        seen[node.GetID()] = role.lower()
        for inputRole, inputNode in inputs.items():
            if inputNode is node:
                raise RegistrationError(
                    _(
                        "{who} is also the {role} and would be overwritten; select another node or let a new one "
                        "be made."
                    ).format(who=who, role=inputRole.lower())
                )
            above = _parents(inputNode)
            if role == TRANSFORM and inputRole in ("Moving volume", "Moving mask"):
                above = above[1:]
            if node in above:
                raise RegistrationError(
                    _(
                        "{inputRole} '{inputName}' is under the {role} '{name}' and would be moved by the result; "
                        "take it out of that transform or select another output."
                    ).format(inputRole=inputRole, inputName=inputNode.GetName(), role=role.lower(), name=node.GetName())
                )


def writeOutputs(pair, results, given, undo=None):
    """Write results into the given nodes, and into new ones where none is given.

    When anything goes wrong on the way, new nodes are removed and given ones restored before the error goes on.

    :param pair: ``Pair`` of the inputs.
    :param results: ``Results``.
    :param given: role to node or None, as in :func:`checkOutputs`.
    :param undo: ``ExitStack`` that will restore the scene as it was before, or None.
    :return: role to node, or to None where there is no result.
    :raises NodesRemoved: a node was removed from the scene meanwhile.
    """
    scene = pair.fixedNode.GetScene()
    checkStillThere(pair, given.values(), scene)
    nodes = dict.fromkeys((TRANSFORM, VOLUME, JACOBIAN, INVERSE))
    with ExitStack() as restore:
        values = {
            TRANSFORM: results.transform,
            VOLUME: results.volume,
            JACOBIAN: results.jacobian,
            INVERSE: results.inverse,
        }
        for role, value in values.items():
            if value is not None:
                nodes[role] = _outputNode(pair, given.get(role), role, restore)
        _writeTransform(nodes[TRANSFORM], results.transform, pair.fixedNode, pair.movingNode, results.attributes)
        if results.inverse is not None:
            _writeTransform(nodes[INVERSE], results.inverse, pair.movingNode, pair.fixedNode, results.inverseAttributes)
        if results.volume is not None:
            _writeVolume(nodes[VOLUME], results.volume, pair, restore)
        if results.jacobian is not None:
            _writeVolume(nodes[JACOBIAN], results.jacobian, pair, restore)
            _colorJacobian(nodes[JACOBIAN], scene, restore)
        done = restore.pop_all()
        if undo is not None:
            undo.callback(done.close)
    return nodes


def openTransform(pair, given, undo):
    """The transform node to write into, the given one or a new one, with its references and without a parent.

    :param given: transform node, or None.
    :param undo: ``ExitStack`` that will restore the scene as it was before.
    """
    with ExitStack() as restore:
        node = _outputNode(pair, given, TRANSFORM, restore)
        _describeTransform(node, pair.fixedNode, pair.movingNode)
        undo.callback(restore.pop_all().close)
    return node


def _checkKind(node, role, who):
    """Old linear and B-spline classes, label maps and vector volumes cannot hold the results."""
    from ..engine.errors import RegistrationError

    if role in (TRANSFORM, INVERSE):
        if node.GetClassName() not in ("vtkMRMLTransformNode", "vtkMRMLGridTransformNode"):
            raise RegistrationError(
                _(
                    "{who} is a {kind} node, which cannot hold a displacement field; select a general transform "
                    "node or let a new one be made."
                ).format(who=who, kind=node.GetNodeTagName())
            )
    elif node.GetClassName() != "vtkMRMLScalarVolumeNode":
        raise RegistrationError(
            _("{who} is a {kind} node; select a scalar volume.").format(who=who, kind=node.GetNodeTagName())
        )


def _parents(node):
    """Transform nodes that a node is under, the nearest first."""
    found = []
    parent = node.GetParentTransformNode() if node is not None else None
    while parent is not None:
        found.append(parent)
        parent = parent.GetParentTransformNode()
    return found


def _outputNode(pair, given, role, undo):
    """The given node, remembered as it is, or a new one; ``undo`` takes either back."""
    isTransform = role in (TRANSFORM, INVERSE)
    if given is None:
        scene = pair.fixedNode.GetScene()
        names = {"fixed": pair.fixedNode.GetName(), "moving": pair.movingNode.GetName()}
        name = {
            TRANSFORM: _("{moving} to {fixed} transform"),
            VOLUME: _("{moving} registered"),
            JACOBIAN: _("{moving} Jacobian"),
            INVERSE: _("{fixed} to {moving} transform"),
        }[role].format(**names)
        nodeClass = "vtkMRMLTransformNode" if isTransform else "vtkMRMLScalarVolumeNode"
        node = scene.AddNewNodeByClass(nodeClass, scene.GenerateUniqueName(say(name)))
        undo.callback(_remove, node)
    else:
        node = given
        (_rememberTransform if isTransform else _rememberVolume)(node, undo)
    return node


def _remove(node):
    """Take a node out of its scene, if it is still in one."""
    if node.GetScene() is not None:
        node.GetScene().RemoveNode(node)


def _rememberTransform(node, undo):
    # The copy shares the transform object: whoever writes into the node has to set another one first.
    content = copyOf(node)
    undo.callback(node.CopyContent, content, False)
    undo.callback(setParentBack, node, node.GetTransformNodeID())
    for name in (
        "FiRework.iterations", "FiRework.polished", "FiRework.model", "FiRework.percentFolded",
        "FiRework.inverseResidual", MOVING_TO_WORLD, FIXED_TO_WORLD, FIXED_GRID, VERDICT,
    ):  # fmt: skip
        undo.callback(node.SetAttribute, name, node.GetAttribute(name))
    for role in (node.GetFixedNodeReferenceRole(), node.GetMovingNodeReferenceRole()):
        undo.callback(node.SetNodeReferenceID, role, node.GetNodeReferenceID(role))


def _rememberVolume(node, undo):
    for role in PAIR_ROLES:
        undo.callback(node.SetNodeReferenceID, role, node.GetNodeReferenceID(role))
    undo.callback(setVolumeBack, node, node.GetImageData(), ijkToRAS(node), node.GetTransformNodeID())
    display = node.GetDisplayNode()
    if display is not None:
        content = copyOf(display)
        undo.callback(display.SetAndObserveColorNodeID, display.GetColorNodeID())
        undo.callback(display.CopyContent, content, False)


def setVolumeBack(node, image, matrix, parentTransformID):
    """Give a volume node its former image, 4x4 IJK to RAS (mm) and parent again."""
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    node.SetAndObserveImageData(image)
    setParentBack(node, parentTransformID)


def _writeTransform(node, displacementMap, fixedNode, movingNode, attributes):
    """Field, attributes and references; no parent, as the map starts from the world."""
    with slicer.util.NodeModify(node):
        setMap(node, displacementMap, copy=False)
        _describeTransform(node, fixedNode, movingNode)
        for name, value in (attributes or {}).items():
            node.SetAttribute(name, value)


def _describeTransform(node, fixedNode, movingNode):
    # What was said of its former content.
    node.SetAttribute(VERDICT, None)
    node.SetAndObserveTransformNodeID(None)
    node.SetNodeReferenceID(node.GetFixedNodeReferenceRole(), fixedNode.GetID())
    node.SetNodeReferenceID(node.GetMovingNodeReferenceRole(), movingNode.GetID())


def _writeVolume(node, array, pair, undo):
    """Array on the fixed geometry, and a display node if there is none."""
    if node.GetDisplayNode() is None:
        # Before the image: a display node that is to choose its own window would look at every voxel.
        node.CreateDefaultDisplayNodes()
        undo.callback(_remove, node.GetDisplayNode())
        _showLike(node.GetDisplayNode(), pair.movingNode.GetDisplayNode())
    with slicer.util.NodeModify(node):
        setVolume(node, array, pair.fixedMatrix, pair.fixedParentID, copy=False)
        for role, input in zip(PAIR_ROLES, (pair.fixedNode, pair.movingNode), strict=True):
            node.SetNodeReferenceID(role, input.GetID())


def _showLike(display, other):
    """The same grays for the same values, so that before and after can be compared."""
    if other is None or not other.IsA("vtkMRMLScalarVolumeDisplayNode"):
        return
    display.AutoWindowLevelOff()
    display.SetWindowLevel(other.GetWindow(), other.GetLevel())
    display.SetAndObserveColorNodeID(other.GetColorNodeID())


def _colorJacobian(node, scene, undo):
    colors = findJacobianColors(scene)
    if colors is None:
        colors = addJacobianColors(scene)
        undo.callback(_remove, colors)
    showAsJacobian(node.GetDisplayNode(), colors)
