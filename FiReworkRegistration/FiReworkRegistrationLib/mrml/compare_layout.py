"""Which layout a compare mode needs."""

from .compare_modes import CompareMode
from .slice_views import SECOND_ROW, layoutNode, sliceNodes


class CompareLayout:
    """Changes the layout only where a mode cannot be seen in the user's own.

    ``own`` is the layout that was set here, None while the user's own is shown.
    """

    def __init__(self, scene):
        self.scene, self.own = scene, None
        node = layoutNode(scene)
        self._before = node.GetViewArrangement() if node is not None else None
        self._groups = []  # (slice node, its view group)

    def setFor(self, mode):
        """True if the layout was changed."""
        layout = layoutNode(self.scene)
        if layout is None:
            return False
        wanted = self._wanted(layout, mode)
        if wanted == layout.GetViewArrangement():
            return False
        self.restoreGroups()
        layout.SetViewArrangement(wanted)
        self.own = wanted if wanted != self._before else None
        for node in sliceNodes(self.scene):
            # Slicer has the second row in a group of its own, and links within groups only.
            if mode is CompareMode.SIDE_BY_SIDE and node.GetLayoutName().endswith(SECOND_ROW):
                self._groups.append((node, node.GetViewGroup()))
                node.SetViewGroup(0)
        return True

    def adopt(self, before):
        """Somebody else has changed the layout on the module's behalf.

        :param before: the arrangement until then; the user's own unless it was set here.
        """
        node = layoutNode(self.scene)
        if node is None or node.GetViewArrangement() == before:
            return
        if before != self.own:
            self._before = before
        self.own = node.GetViewArrangement()

    def restore(self):
        """The user's own layout again, unless another one was chosen since; see also :meth:`restoreGroups`."""
        self.restoreGroups()
        node = layoutNode(self.scene)
        if node is not None and self.own is not None and node.GetViewArrangement() == self.own:
            node.SetViewArrangement(self._before)

    def restoreGroups(self):
        """The second row is linked within itself only, again."""
        for node, group in self._groups:
            node.SetViewGroup(group)
        self._groups = []

    def _wanted(self, layout, mode):
        current = layout.GetViewArrangement()
        if mode is CompareMode.SIDE_BY_SIDE:
            return layout.SlicerLayoutThreeOverThreeView
        if current == self.own == layout.SlicerLayoutThreeOverThreeView:
            current = self._before
        showsSlices = "vtkMRMLSliceNode" in (layout.GetLayoutDescription(current) or "")
        return current if showsSlices else layout.SlicerLayoutFourUpView
