"""A transform node that follows a slider: its field is overwritten in place."""

from .transforms import setMap


def writtenMap(writers, field):
    """(k, j, i, 3) float32 displacement of a field's map; touches no node, so any thread may make it.

    :param writers: engine ``MapWriters``.
    """
    import numpy as np

    writer = writers.of(field)
    displacement = np.empty((*writer.lattice.shape, 3), dtype=np.float32)
    writer.write(field, displacement)
    return displacement


class LiveTransform:
    """Shows one field after another in a transform node, from parent.

    :param node: vtkMRMLTransformNode.
    :param writers: engine ``MapWriters``.
    """

    def __init__(self, node, writers):
        self.node = node
        self._writers = writers
        self._transform = None
        self._array = None
        self._made = {}

    def show(self, field, attributes, displacement=None):
        """Make the node hold the map of ``field``; everything under it is drawn anew, once.

        :param field: (1, 3, D, H, W) float32 voxels of the working grid or a finer one.
        :param attributes: of the node, name to text.
        :param displacement: what :func:`writtenMap` made of the field; saves the main thread that work.
        """
        # A changed attribute alone would also have everything under the node drawn.
        disabled = self.node.GetDisableModifiedEvent()
        self.node.SetDisableModifiedEvent(True)
        for name, value in attributes.items():
            self.node.SetAttribute(name, value)
        self.node.SetDisableModifiedEvent(disabled)
        writer = self._writers.of(field)
        made = self._made.get(tuple(writer.lattice.shape))
        if made is None:
            self._begin(field, writer, displacement)
            return
        isShown = self._transform is made[0] and self.node.GetTransformFromParent() is self._transform
        self._transform, self._array = made
        if displacement is None:
            writer.write(field, self._array)
        else:
            self._array[...] = displacement
        image = self._transform.GetDisplacementGrid()
        image.GetPointData().GetScalars().Modified()
        image.Modified()
        if isShown:
            # Writing fires no event; this one reaches the node and from there whatever lies under it.
            self._transform.Modified()
        else:
            # Polished fields have a finer lattice: a transform for each is kept, so that the slider can pass by.
            self.node.SetAndObserveTransformFromParent(self._transform)

    def adopt(self):
        """Go on with the field that somebody else has just set in the node."""
        from vtk.util.numpy_support import vtk_to_numpy

        self._transform = self.node.GetTransformFromParent()
        image = self._transform.GetDisplacementGrid()
        self._array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(*reversed(image.GetDimensions()), 3)
        self._made[self._array.shape[:3]] = self._transform, self._array

    def _begin(self, field, writer, displacement):
        from ..engine.maps import DisplacementMap

        # A transform of its own: the former one may be shared with a copy that restores it.
        if displacement is None:
            displacement = writtenMap(self._writers, field)
        setMap(self.node, DisplacementMap(writer.lattice, displacement), copy=False)
        self.adopt()
