"""The moving volume under the result, to be seen through it, and back where the user has it."""

import weakref

from .former_parent import setParentBack

#: Node reference roles of a transform: the volume that was put under it, and what that was under before. A scene that
#: is saved meanwhile tells so what to take back.
PLACED_ROLE, FORMER_ROLE = "FiRework.placed", "FiRework.placedFrom"
_places = weakref.WeakSet()


class MovingPlace:
    """:param node: the moving volume node."""

    def __init__(self, node):
        self._node, self._transform, self._formerID = node, None, None
        _places.add(self)

    def put(self, transformNode):
        """Under a transform node; one that the user has put there stays there for good.

        :return: whether it had to be moved.
        """
        if self._node.GetParentTransformNode() is transformNode:
            return False
        self._transform, self._formerID = transformNode, self._node.GetTransformNodeID()
        transformNode.SetNodeReferenceID(PLACED_ROLE, self._node.GetID())
        transformNode.SetNodeReferenceID(FORMER_ROLE, self._formerID)
        self._node.SetAndObserveTransformNodeID(transformNode.GetID())
        return True

    def takeBack(self):
        """Where it was before :meth:`put`, unless somebody has moved it since."""
        transform, self._transform = self._transform, None
        if transform is None:
            return
        _forget(transform)
        parent = self._node.GetParentTransformNode()
        # With a transform that is removed, what is under it loses its parent.
        if parent is transform or (parent is None and transform.GetScene() is None):
            setParentBack(self._node, self._formerID)

    def leave(self):
        """It is the user's doing from now on, and stays there."""
        if self._transform is not None:
            _forget(self._transform)
            self._transform = None

    def holds(self, transformNode):
        """Whether it is under that node, to be taken back."""
        return self._transform is transformNode


def takeBackLoaded(scene):
    """Volumes of a scene that was saved in the middle of a registration, back where they were."""
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLTransformNode")):
        transform = scene.GetNthNodeByClass(index, "vtkMRMLTransformNode")
        placed = transform.GetNodeReference(PLACED_ROLE)
        if placed is None or any(place.holds(transform) for place in _places):
            continue
        former = transform.GetNodeReference(FORMER_ROLE)
        _forget(transform)
        if placed.GetParentTransformNode() is transform:
            placed.SetAndObserveTransformNodeID(former.GetID() if former is not None else None)


def _forget(transform):
    for role in (PLACED_ROLE, FORMER_ROLE):
        transform.SetNodeReferenceID(role, None)
