"""Volumes that exist only to be looked at: hidden from lists, never saved, removed in the end."""

import slicer

from .resampling import writeArray


class HelperVolumes:
    """Hidden volume nodes by key, with their display nodes and color tables."""

    def __init__(self, scene):
        self.scene = scene
        self._nodes = {}  # key -> node of any class

    def get(self, key):
        """The node of that key, None if it was never made or is gone."""
        node = self._nodes.get(key)
        return node if node is not None and self.scene.IsNodePresent(node) else None

    def volume(self, key, name, array, matrix, parentTransformID):
        """The volume of that key with a new array (k, j, i); ``matrix`` 4x4 IJK to local RAS mm."""
        node = self.node(key, "vtkMRMLScalarVolumeNode", name)
        node.SetName(name)
        writeArray(node, array, matrix, parentTransformID)
        if node.GetDisplayNode() is None:
            display = self._add(f"{key} display", "vtkMRMLScalarVolumeDisplayNode", f"{name} display")
            display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
            node.SetAndObserveDisplayNodeID(display.GetID())
        return node

    def colors(self, key, name, table):
        """The color table node of that key; ``table`` lists (r, g, b, opacity), 0 to 1."""
        node = self.get(key)
        if node is None:
            node = self._add(key, "vtkMRMLColorTableNode", name)
            node.SetTypeToUser()
            node.SetNumberOfColors(len(table))
            for index, color in enumerate(table):
                node.SetColor(index, str(index), *color)
            node.GetLookupTable().SetTableRange(0, len(table) - 1)
        return node

    def node(self, key, className, name):
        """The node of that key, of any class."""
        return self.get(key) or self._add(key, className, name)

    def removeAll(self):
        for key in list(self._nodes):
            node = self.get(key)
            if node is not None:
                self.scene.RemoveNode(node)
        self._nodes.clear()

    def _add(self, key, className, name):
        node = self.scene.CreateNodeByClass(className)
        node.UnRegister(None)  # the Python variable owns it now
        node.SetName(name)
        # Before it is added: the subject hierarchy looks at it then.
        node.SetHideFromEditors(1)
        node.SetSaveWithScene(False)
        self._nodes[key] = self.scene.AddNode(node)
        return self._nodes[key]


def showWithColors(volumeNode, colorNode, low, high):
    """Color table and window of a helper volume."""
    display = volumeNode.GetDisplayNode()
    with slicer.util.NodeModify(display):
        display.SetAndObserveColorNodeID(colorNode if isinstance(colorNode, str) else colorNode.GetID())
        display.AutoWindowLevelOff()
        display.SetWindowLevelMinMax(low, high)
        display.SetInterpolate(1)
