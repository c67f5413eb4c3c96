"""Nodes that leave the scene while a registration needs them."""

import slicer

from ..engine.errors import Cancelled, RegistrationError
from ..engine.texts import tr as _


class NodesRemoved(Cancelled, RegistrationError):
    """The scene was closed or a needed node removed: the user's doing, so it ends like a cancel, but in words."""


class Watch:
    """Notices, while the engine works on another thread, that a needed node leaves the scene.

    Used as a context on the main thread; :attr:`gone` can be read from any.

    :param scene: vtkMRMLScene.
    :param nodes: called for the nodes that are needed.
    """

    def __init__(self, scene, nodes):
        self.gone = False
        self._scene = scene
        self._nodes = nodes
        self._tags = []

    def __enter__(self):
        # A scene tells that it is closing before it removes the nodes, one by one and without an event for each.
        for event in (slicer.vtkMRMLScene.NodeRemovedEvent, slicer.vtkMRMLScene.StartCloseEvent):
            self._tags.append(self._scene.AddObserver(event, self._look))
        return self

    def __exit__(self, *_error):
        while self._tags:
            self._scene.RemoveObserver(self._tags.pop())

    def _look(self, _caller, _event):
        closing = self._scene.IsClosing()
        self.gone = self.gone or closing or any(node.GetScene() is not self._scene for node in self._nodes())


def checkInScene(nodes):
    """Before a registration has read them.

    :raises NodesRemoved: a node is in no scene any more.
    """
    if any(node is not None and node.GetScene() is None for node in nodes):
        raise NodesRemoved(
            _("A volume was removed from the scene before it was read; nothing was written. Register again.")
        )


def checkStillThere(pair, nodes, scene):
    """The inputs, their geometry's parent, and nodes to write are in the scene.

    :param nodes: iterable of nodes, None among them allowed.
    :raises NodesRemoved: one is not.
    """
    needed = [pair.fixedNode, pair.movingNode, *(node for node in nodes if node is not None)]
    if scene is None or any(node.GetScene() is not scene for node in needed):
        raise NodesRemoved(
            _(
                "A volume or output node was removed from the scene during the registration; nothing was written. "
                "Register again."
            )
        )
    if pair.fixedParentID and scene.GetNodeByID(pair.fixedParentID) is None:
        raise NodesRemoved(
            _(
                "The fixed volume's parent transform was removed during the registration; nothing was written. "
                "Register again."
            )
        )
