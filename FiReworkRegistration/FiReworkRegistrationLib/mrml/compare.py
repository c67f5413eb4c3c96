"""What the slice views show of a registration, from the first look to the views as they were before."""

from .compare_layout import CompareLayout
from .compare_modes import CompareMode
from .compare_volumes import CompareVolumes
from .grid_overlay import GridOverlay
from .jacobian_overlay import JacobianOverlay
from .slice_views import (
    SECOND_ROW,
    compositeNodes,
    fitToVolume,
    layoutNode,
    nodeID,
    setLayers,
    setLinked,
    sliceNodes,
    throughAxis,
)
from .view_state import ViewState

#: Of the deformed grid, mm between its lines.
GRID_SPACING = 12.0


class Compare:
    """Shows a fixed and a moving volume in the slice views; ``end()`` brings the former views back.

    Works on nodes only, so with and without a main window. Nodes that are removed meanwhile are left out.

    :param later: calls a function after the application has laid out its views, such as
        ``lambda function: qt.QTimer.singleShot(0, function)``; None calls it at once.
    """

    def __init__(self, scene, later=None):
        self.scene = scene
        self._later = later or (lambda function: function())
        self._state = None
        self._layout = None
        self._clear()

    def _clear(self):
        self.mode, self.opacity, self.linked = CompareMode.BLEND, 0.5, True
        self._fixedID = self._movingID = None
        self._jacobianID, self._jacobianOpacity = None, 0.5
        self._gridID, self._gridSpacing = None, GRID_SPACING
        self._flipped = False

    @property
    def isShowing(self):
        return self._state is not None

    def show(self, fixedNode, movingNode, mode=CompareMode.BLEND, opacity=0.5, linked=True, draft=False):
        """Show a pair; the first call remembers the user's views and centers them on the fixed volume.

        Called again with other nodes or another mode, it changes what is shown.

        :param fixedNode: scalar volume node; another one than before is centered again.
        :param movingNode: the moving volume under the transform, or the registered volume.
        :param mode: ``CompareMode``.
        :param opacity: of the moving volume or of its contours, 0 to 1.
        :param linked: views follow each other.
        :param draft: see :meth:`refresh`.
        """
        if self._state is None:
            self._begin()
        isNew = fixedNode.GetID() != self._fixedID
        self.mode, self.opacity, self.linked = mode, opacity, linked
        self._fixedID, self._movingID, self._flipped = fixedNode.GetID(), movingNode.GetID(), False
        if self._layout.setFor(mode) or isNew:
            self.fit()
            self._later(self.fit)  # views get their size after the layout is set
        self.refresh(draft)
        setLinked(self.scene, linked)

    def fit(self):
        """Center all slice views on the fixed volume and zoom to it."""
        fixedNode, _ = self._pair()
        if fixedNode is not None:
            for node in sliceNodes(self.scene):
                fitToVolume(node, fixedNode)

    def setMoving(self, movingNode, draft=False):
        """Show another moving node from now on: the moving volume while dragging, else the registered one."""
        if self.isShowing and movingNode is not None:
            self._movingID = movingNode.GetID()
            self.refresh(draft)

    def refresh(self, draft=False):
        """Bring layers, a volume computed for the mode, and overlays up to date with the nodes.

        :param draft: quickly and on a coarser grid, for use while a slider is dragged.
        """
        fixedNode, movingNode = self._pair()
        if fixedNode is None or movingNode is None:
            return
        views = [(composite, self._axis(composite, fixedNode)) for composite in compositeNodes(self.scene)]
        volumes = {}
        if self.mode.isComputed and views:
            axes = sorted({axis for _, axis in views})
            volumes = self._volumes.update(self.mode, fixedNode, movingNode, draft, axes)
        for composite, axis in views:
            setLayers(composite, *self._layers(composite, fixedNode, movingNode, volumes.get(axis)))
        self._refreshOverlays()

    def setOpacity(self, opacity):
        """Of the moving volume or its contours, 0 to 1; no effect in other modes."""
        self.opacity = opacity
        if self.isShowing and self.mode.usesOpacity:
            for composite in compositeNodes(self.scene):
                composite.SetForegroundOpacity(self._foregroundOpacity())

    def flip(self):
        """In flicker mode, show the other one of the two volumes."""
        if self.isShowing and self.mode is CompareMode.FLICKER:
            self._flipped = not self._flipped
            for composite in compositeNodes(self.scene):
                composite.SetForegroundOpacity(self._foregroundOpacity())

    def showJacobian(self, volumeNode, opacity=0.5):
        """Lay a Jacobian volume over all views, with a color legend; None takes it away."""
        self._jacobianID, self._jacobianOpacity = nodeID(volumeNode), opacity
        self._refreshOverlays()

    def showGrid(self, transformNode, spacing=GRID_SPACING):
        """Draw the deformed grid of a transform, lines every ``spacing`` mm; None takes it away."""
        self._gridID, self._gridSpacing = nodeID(transformNode), spacing
        self._refreshOverlays()

    def end(self):
        """Everything as it was before the first ``show``; ``show`` may follow again."""
        if self._state is None:
            return
        state, layout = self._state, self._layout
        # First: what is removed and restored sets off events, upon which nothing is to be shown again.
        self.forget()
        self._hideOverlays()
        layout.restore()
        state.restore()
        self._volumes.removeAll()
        if layout.own is not None:
            # As in show: once more when views have their size, if they are still the user's.
            self._later(lambda: None if self.isShowing else state.restoreSlices())

    def forgetScene(self):
        """Drop everything, as the scene is being closed; of what was set only the layout outlives that."""
        if self.isShowing:
            self._later(self._layout.restore)
        self.forget()

    @property
    def layout(self):
        """The view arrangement that is shown now; None where there are no views."""
        node = layoutNode(self.scene)
        return node.GetViewArrangement() if node is not None else None

    def layoutChanged(self, before):
        """The layout was changed for the user, such as by a plot: it is taken back in the end.

        :param before: view arrangement that the change began with.
        """
        if self.isShowing:
            self._layout.adopt(before)

    def forget(self):
        """Drop everything without touching the views."""
        self._state = None
        self._clear()

    def _begin(self):
        self._state = ViewState(self.scene)
        self._layout = CompareLayout(self.scene)
        self._volumes = CompareVolumes(self.scene)
        self._jacobian = JacobianOverlay(self.scene)
        self._grid = GridOverlay(self.scene)

    def _pair(self):
        """Fixed and moving volume; None for one that is gone or has no image."""
        if self._state is None:
            return None, None
        pair = [self.scene.GetNodeByID(identifier or "") for identifier in (self._fixedID, self._movingID)]
        return tuple(node if node is not None and node.GetImageData() is not None else None for node in pair)

    def _layers(self, composite, fixedNode, movingNode, computed):
        """Background, foreground and its opacity of one view."""
        if self.mode is CompareMode.CONTOURS:
            return fixedNode, computed, self._foregroundOpacity()
        if self.mode.isComputed:
            # Over the fixed volume, because helpers are not saved: a scene that is loaded shows that instead.
            return fixedNode, computed, 1.0
        if self.mode is CompareMode.SIDE_BY_SIDE:
            return (movingNode if composite.GetLayoutName().endswith(SECOND_ROW) else fixedNode), None, 0.0
        return fixedNode, movingNode, self._foregroundOpacity()

    def _foregroundOpacity(self):
        if self.mode is CompareMode.FLICKER:
            return float(self._flipped)
        # Half way, where a blend shows most, contours are seen fully.
        return min(2 * self.opacity, 1.0) if self.mode is CompareMode.CONTOURS else self.opacity

    def _axis(self, composite, fixedNode):
        node = next((n for n in sliceNodes(self.scene) if n.GetLayoutName() == composite.GetLayoutName()), None)
        return throughAxis(node, fixedNode) if node is not None else 0

    def _refreshOverlays(self):
        fixedNode, _ = self._pair()
        if fixedNode is None:
            return
        jacobian, grid = (self.scene.GetNodeByID(identifier or "") for identifier in (self._jacobianID, self._gridID))
        if _canBeDrawn(jacobian):
            self._jacobian.show(jacobian, fixedNode, self._jacobianOpacity)
        else:
            self._jacobian.hide()
        if grid is None:
            self._grid.hide()
        else:
            self._grid.show(grid, self._gridSpacing)

    def _hideOverlays(self):
        self._jacobian.hide()
        self._grid.hide()


def _canBeDrawn(jacobian):
    """Whether the node has voxels and colors: of a scene that is loaded, either may be missing."""
    display = jacobian.GetDisplayNode() if jacobian is not None and jacobian.GetImageData() is not None else None
    return display is not None and display.GetColorNode() is not None
