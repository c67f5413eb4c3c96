"""The deformed grid of a transform over a compared pair."""

import slicer

from .node_copy import copyOf


class GridOverlay:
    """The deformed grid of a transform node, drawn in slice views."""

    def __init__(self, scene):
        self.scene, self._display, self._before, self._isNew = scene, None, None, False

    def show(self, transformNode, spacing):
        """:param transformNode: with a displacement field; ``spacing`` of the grid's lines in mm."""
        display = transformNode.GetDisplayNode()
        if display is None or display is not self._display:
            self.hide()
            self._isNew = display is None
            if display is None:
                transformNode.CreateDefaultDisplayNodes()
                display = transformNode.GetDisplayNode()
                # In a file it would be taken for the user's own, and stay.
                display.SetSaveWithScene(False)
            else:
                self._before = copyOf(display)
            self._display = display
        with slicer.util.NodeModify(display):
            display.SetVisualizationMode(display.VIS_MODE_GRID)
            display.SetGridSpacingMm(spacing)
            display.SetGridResolutionMm(spacing / 4)
            display.SetGridScalePercent(100)
            display.SetGridShowNonWarped(False)
            display.SetVisibility(1)
            display.SetVisibility2D(1)
            display.SetVisibility3D(0)

    def hide(self):
        display, self._display = self._display, None
        if display is None or not self.scene.IsNodePresent(display):
            return
        if self._isNew:
            self.scene.RemoveNode(display)
        else:
            display.CopyContent(self._before, False)
