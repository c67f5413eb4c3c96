"""Everything a registration reads from the scene, read and checked before any work."""

from dataclasses import dataclass
from typing import Any

from ..engine.texts import tr as _
from .masks import maskFromNode
from .transforms import initialMatrix, linearToWorld, localToWorld
from .volumes import ijkToRAS, volumeFromNode


@dataclass(frozen=True)
class Pair:
    """Inputs as engine values, copied from the nodes; matrices are 4x4 float64, RAS mm.

    :param fixedNode, movingNode: the volume nodes.
    :param fixed, moving: ``Volume`` in world coordinates.
    :param fixedMask, movingMask: bool ``Volume`` on the grid of its volume, or None.
    :param initial: fixed world to moving world, or None.
    :param fixedMatrix: IJK to RAS of the fixed node without its parents.
    :param fixedParentID: node ID of the fixed node's parent transform, or None.
    :param fixedToWorld, movingToWorld: of the nodes' parents.
    :param asRead: see :func:`_contents`.
    """

    fixedNode: Any
    movingNode: Any
    fixed: Any
    moving: Any
    fixedMask: Any
    movingMask: Any
    initial: Any
    fixedMatrix: Any
    fixedParentID: str | None
    fixedToWorld: Any
    movingToWorld: Any
    asRead: Any

    def isAsRead(self):
        """Whether both volumes still have the images that were read, at the same place."""
        return self.asRead == _contents(self.fixedNode, self.movingNode)


def checkInputs(inputs):
    """What can be refused before anything is read.

    :param inputs: role ("Fixed volume" and so on) to node or None.
    :raises RegistrationError: a volume is missing, or a node is not in the scene.
    """
    from ..engine.errors import RegistrationError

    for role, node in inputs.items():
        if node is not None and not hasattr(node, "GetScene"):
            raise RegistrationError(
                _("{role} is no node ({type}); give a node of the scene.").format(role=role, type=type(node).__name__)
            )
    for role in (_("Fixed volume"), _("Moving volume")):
        if inputs[role] is None:
            raise RegistrationError(_("{role} is missing; select a volume.").format(role=role))
    scene = inputs["Fixed volume"].GetScene()
    for role, node in inputs.items():
        if node is not None and (scene is None or node.GetScene() is not scene):
            raise RegistrationError(
                _("{role} '{name}' is not in the scene (any more); select one that is.").format(
                    role=role, name=node.GetName()
                )
            )


def checkIterations(iterations):
    """:raises RegistrationError: no whole number, or fewer than one iteration."""
    from numbers import Integral

    from ..engine.errors import RegistrationError

    if not isinstance(iterations, Integral):
        raise RegistrationError(
            _("Iterations (K) is {iterations}; choose a whole number.").format(iterations=repr(iterations))
        )
    if iterations < 1:
        raise RegistrationError(_("Iterations (K) is {iterations}; choose 1 or more.").format(iterations=iterations))


def readPair(
    fixedNode, movingNode, *, fixedMask=None, movingMask=None, fixedSegment=None, movingSegment=None,
    initialTransform=None, replacedTransform=None,
):  # fmt: skip
    """Inputs of a registration as ``Pair``.

    :param fixedMask, movingMask: label map, volume or segmentation node, or None.
    :param fixedSegment, movingSegment: segment IDs; all segments of a segmentation if None.
    :param initialTransform: linear transform node, or None.
    :param replacedTransform: transform node that the registration will write, or None. A moving volume
        (or mask) that lies directly under it is taken where it was before that.
    :raises RegistrationError: any of them cannot be used.
    """
    from ..engine.errors import RegistrationError

    if fixedNode is not None and fixedNode is movingNode:
        raise RegistrationError(
            _("Fixed and moving volume are the same node '{fixed}'; select two different volumes.").format(
                fixed=fixedNode.GetName()
            )
        )
    fixed = volumeFromNode(fixedNode, _("Fixed volume"))
    moving = volumeFromNode(movingNode, _("Moving volume"), replacedTransform)
    masks = [None, None]
    if fixedMask is not None:
        masks[0] = maskFromNode(fixedMask, fixed, _("Fixed mask"), fixedSegment)
    if movingMask is not None:
        masks[1] = maskFromNode(movingMask, moving, _("Moving mask"), movingSegment, replacedTransform)
    movingToWorld = localToWorld(movingNode, _("Moving volume"), replacedTransform)
    return Pair(
        fixedNode, movingNode, fixed, moving, *masks,
        initial=None if initialTransform is None else initialMatrix(initialTransform, movingToWorld),
        fixedMatrix=ijkToRAS(fixedNode),
        fixedParentID=fixedNode.GetTransformNodeID(),
        fixedToWorld=localToWorld(fixedNode, _("Fixed volume")),
        movingToWorld=movingToWorld,
        asRead=_contents(fixedNode, movingNode),
    )  # fmt: skip


def _contents(fixedNode, movingNode):
    """Images with their geometry, and what the fixed one is placed under. The moving one is placed by the panel too."""
    toWorld = linearToWorld(fixedNode)
    images = [(node.GetImageData(), ijkToRAS(node).tolist()) for node in (fixedNode, movingNode)]
    return images, toWorld if toWorld is None else toWorld.tolist()
