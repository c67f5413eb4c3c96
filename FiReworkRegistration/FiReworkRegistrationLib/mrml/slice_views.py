"""The slice views of a scene: their nodes, their layers, and what part of the world they show."""

import slicer

#: First free index of the volumes that a slice view stacks over background, foreground and label.
OVERLAY = slicer.vtkMRMLSliceCompositeNode.Layer_Last
#: Ending of the names of views that Slicer's "three over three" layout puts into the second row.
SECOND_ROW = "+"


def compositeNodes(scene):
    """vtkMRMLSliceCompositeNode of every slice view made so far, in scene order."""
    return _nodes(scene, "vtkMRMLSliceCompositeNode")


def sliceNodes(scene):
    """vtkMRMLSliceNode of every slice view made so far, in scene order."""
    return _nodes(scene, "vtkMRMLSliceNode")


def layoutNode(scene):
    """The vtkMRMLLayoutNode of the application, None where there are no views."""
    return scene.GetFirstNodeByClass("vtkMRMLLayoutNode")


def setLayers(composite, background, foreground, opacity):
    """Two volumes in a slice view, alpha blended, without label map.

    :param composite: vtkMRMLSliceCompositeNode.
    :param background, foreground: volume nodes or None.
    :param opacity: of the foreground, 0 to 1.
    """
    with slicer.util.NodeModify(composite):
        composite.SetBackgroundVolumeID(nodeID(background))
        composite.SetForegroundVolumeID(nodeID(foreground))
        composite.SetLabelVolumeID(None)
        composite.SetCompositing(composite.Alpha)
        composite.SetForegroundOpacity(opacity)


def setOverlay(composite, volumeNode, opacity):
    """A volume over all other layers of a slice view, or none; ``opacity`` 0 to 1."""
    with slicer.util.NodeModify(composite):
        if volumeNode is None and composite.GetNumberOfAdditionalLayers() == 0:
            return
        composite.SetNthLayerVolumeID(OVERLAY, nodeID(volumeNode))
        composite.SetNthLayerOpacity(OVERLAY, opacity if volumeNode is not None else 0.0)


def setLinked(scene, linked):
    """Views follow each other in offset, zoom and layers, already while the mouse moves."""
    for composite in compositeNodes(scene):
        composite.SetLinkedControl(linked)
        composite.SetHotLinkedControl(linked)


def fitToVolume(sliceNode, volumeNode, margin=1.05):
    """Center a slice view on a volume and zoom to all of it; the orientation stays.

    :param volumeNode: its bounds in the world count, with all transforms.
    :param margin: how much larger than the volume the shown field of view is.
    """
    import numpy as np

    bounds = np.zeros(6)
    volumeNode.GetRASBounds(bounds)
    low, high = bounds[::2], bounds[1::2]
    axes = np.abs(slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS())[:3, :3])
    width, height = (axes.T @ (high - low))[:2] * margin
    columns, rows, _ = sliceNode.GetDimensions()
    pixel = max(width / max(columns, 1), height / max(rows, 1), 1e-3)
    with slicer.util.NodeModify(sliceNode):
        sliceNode.SetXYZOrigin(0, 0, 0)
        sliceNode.SetFieldOfView(pixel * columns, pixel * rows, sliceNode.GetFieldOfView()[2])
        sliceNode.JumpSliceByCentering(*((low + high) / 2))


def throughAxis(sliceNode, volumeNode):
    """Array axis of a volume, 0 (k), 1 (j) or 2 (i), that a slice view most nearly looks along."""
    import numpy as np

    from .transforms import linearToWorld
    from .volumes import ijkToRAS

    toWorld = linearToWorld(volumeNode)
    directions = ((np.eye(4) if toWorld is None else toWorld) @ ijkToRAS(volumeNode))[:3, :3]
    directions /= np.linalg.norm(directions, axis=0)
    normal = slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS())[:3, 2]
    return 2 - int(np.argmax(np.abs(directions.T @ normal)))


def nodeID(node):
    return node.GetID() if node is not None else None


def _nodes(scene, className):
    return [scene.GetNthNodeByClass(index, className) for index in range(scene.GetNumberOfNodesByClass(className))]
