"""What the user's views looked like, to bring that back."""

import slicer
import vtk

from .slice_views import OVERLAY, compositeNodes, sliceNodes


class ViewState:
    """Layers and position of every slice view at the time it is made.

    Nodes removed later are skipped, layers whose volume is gone become empty.
    """

    def __init__(self, scene):
        self.scene = scene
        self._composites = [(composite, _layers(composite)) for composite in compositeNodes(scene)]
        self._slices = [(node, _position(node)) for node in sliceNodes(scene)]

    def restore(self):
        """Bring everything back; the layout is ``CompareLayout``'s."""
        known = dict(self._composites)
        for composite in compositeNodes(self.scene):
            # Views made since then are left empty.
            _setLayers(composite, known.get(composite, _EMPTY))
        self.restoreSlices()

    def restoreSlices(self):
        """Positions of slice views only; to be done again when a layout has given views another size."""
        for node, position in self._slices:
            if self._isThere(node):
                _setPosition(node, position)

    def _isThere(self, node):
        return self.scene.IsNodePresent(node)


_NUMBERS = ("ForegroundOpacity", "LabelOpacity", "Compositing", "LinkedControl", "HotLinkedControl")
_VOLUMES = ("BackgroundVolumeID", "ForegroundVolumeID", "LabelVolumeID")
_EMPTY = dict.fromkeys(_VOLUMES), []


def _layers(composite):
    values = {name: getattr(composite, f"Get{name}")() for name in _NUMBERS + _VOLUMES}
    extra = range(OVERLAY, OVERLAY + composite.GetNumberOfAdditionalLayers())
    return values, [(composite.GetNthLayerVolumeID(i), composite.GetNthLayerOpacity(i)) for i in extra]


def _setLayers(composite, layers):
    values, extra = layers
    scene = composite.GetScene()
    with slicer.util.NodeModify(composite):
        for name, value in values.items():
            if name in _VOLUMES and value is not None and scene.GetNodeByID(value) is None:
                value = None
            getattr(composite, f"Set{name}")(value)
        for index in range(composite.GetNumberOfAdditionalLayers()):
            volumeID, opacity = extra[index] if index < len(extra) else (None, 0.0)
            composite.SetNthLayerVolumeID(OVERLAY + index, volumeID if scene.GetNodeByID(volumeID or "") else None)
            composite.SetNthLayerOpacity(OVERLAY + index, opacity)


def _position(node):
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(node.GetSliceToRAS())
    return matrix, node.GetFieldOfView(), node.GetXYZOrigin(), node.GetDimensions(), node.GetViewGroup()


def _setPosition(node, position):
    matrix, fieldOfView, origin, dimensions, group = position
    with slicer.util.NodeModify(node):
        node.GetSliceToRAS().DeepCopy(matrix)
        # The view may have another size by now: same millimeters a pixel then.
        columns, rows, _ = node.GetDimensions()
        width, height = (columns / max(dimensions[0], 1), rows / max(dimensions[1], 1))
        node.SetFieldOfView(fieldOfView[0] * width, fieldOfView[1] * height, fieldOfView[2])
        node.SetXYZOrigin(*origin)
        node.SetViewGroup(group)
        node.UpdateMatrices()
