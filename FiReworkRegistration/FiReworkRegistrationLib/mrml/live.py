"""A transform node that follows a slider: its field is overwritten in place."""

from .transforms import setMap


def writtenMap(writers, field):
    """The map of a field as ``DisplacementMap``; touches no node, so any thread may make it.

    :param writers: engine ``MapWriters``.
    :param field: (1, 3, D, H, W) float32 voxels of the working grid or a finer one.
    """
    import numpy as np

    from ..engine.maps import DisplacementMap

    writer = writers.of(field)
    displacement = np.empty((*writer.lattice.shape, 3), dtype=np.float32)
    writer.write(field, displacement)
    return DisplacementMap(writer.lattice, displacement)


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

    def show(self, field, attributes):
        """Make the node hold the map of ``field``; everything under it is drawn anew, once.

        :param field: see :func:`writtenMap`.
        :param attributes: of the node, name to text.
        """
        writer = self._writers.of(field)
        if not self._isMade(writer.lattice.shape):
            self.showWritten(writtenMap(self._writers, field), attributes)
            return
        self._show(writer.lattice.shape, attributes, lambda array: writer.write(field, array))

    def showWritten(self, displacementMap, attributes):
        """The same with a map that :func:`writtenMap` has made, which saves the main thread that work.

        Its memory goes to the node when the first map of its size comes.
        """
        if self._isMade(displacementMap.grid.shape):
            self._show(displacementMap.grid.shape, attributes, lambda array: _copy(displacementMap.displacement, array))
            return
        # A transform of its own: the former one may be shared with a copy that restores it.
        self._setAttributes(attributes)
        setMap(self.node, displacementMap, copy=False)
        self.adopt()

    def _isMade(self, shape):
        return tuple(shape) in self._made

    def _show(self, shape, attributes, write):
        self._setAttributes(attributes)
        made = self._made[tuple(shape)]
        isShown = self._transform is made[0] and self.node.GetTransformFromParent() is self._transform
        self._transform, self._array = made
        write(self._array)
        image = self._transform.GetDisplacementGrid()
        image.GetPointData().GetScalars().Modified()
        image.Modified()
        if isShown:
            # Writing fires no event; this one reaches the node and from there whatever lies under it.
            self._transform.Modified()
        else:
            # Polished fields have a finer lattice: a transform for each is kept, so that the slider can pass by.
            self.node.SetAndObserveTransformFromParent(self._transform)

    def _setAttributes(self, attributes):
        # A changed attribute alone would also have everything under the node drawn.
        disabled = self.node.GetDisableModifiedEvent()
        self.node.SetDisableModifiedEvent(True)
        for name, value in attributes.items():
            self.node.SetAttribute(name, value)
        self.node.SetDisableModifiedEvent(disabled)

    def adopt(self):
        """Go on with the field that somebody else has just set in the node."""
        from vtk.util.numpy_support import vtk_to_numpy

        self._transform = self.node.GetTransformFromParent()
        image = self._transform.GetDisplacementGrid()
        self._array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(*reversed(image.GetDimensions()), 3)
        self._made[self._array.shape[:3]] = self._transform, self._array


def _copy(source, target):
    target[...] = source
