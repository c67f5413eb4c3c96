"""The Jacobian determinant over a compared pair, with its legend."""

import slicer

from ..engine.texts import tr as _
from .helper_volumes import HelperVolumes
from .jacobian import COLORS, WINDOW, showAsJacobian
from .language import say
from .slice_views import compositeNodes, setOverlay
from .volumes import ijkToRAS

#: Determinants this near to 1 are left transparent, so that the anatomy is seen where volume is kept.
KEPT = 0.08
#: Labels of the legend: 0, 0.5, 1, 1.5, 2.
LEGEND_LABELS = 5
#: Width and height of the legend as parts of a view, and its place.
LEGEND_SIZE, LEGEND_POSITION = (0.08, 0.34), (0.97, 0.04)


class JacobianOverlay:
    """A copy of a Jacobian volume over all slice views, inside the fixed object only; the volume itself stays."""

    def __init__(self, scene):
        self.scene = scene
        self._helpers = HelperVolumes(scene)
        self._source = self._object = (None, None)  # modification times and what was made from that

    def show(self, jacobianNode, fixedNode, opacity):
        """:param jacobianNode: on the grid of ``fixedNode``, with its display node; ``opacity`` 0 to 1."""
        volume = self._volume(jacobianNode, fixedNode)
        for composite in compositeNodes(self.scene):
            setOverlay(composite, volume, opacity)
        self._showLegend(jacobianNode.GetDisplayNode().GetColorNode())

    def hide(self):
        if self._helpers.get("volume") is not None:
            for composite in compositeNodes(self.scene):
                setOverlay(composite, None, 0.0)
        self._helpers.removeAll()
        self._source = (None, None)

    def _volume(self, jacobianNode, fixedNode):
        import numpy as np

        times = (jacobianNode.GetID(), jacobianNode.GetImageData().GetMTime(), fixedNode.GetImageData().GetMTime())
        volume = self._helpers.get("volume")
        if volume is not None and self._source == times:
            return volume
        array = slicer.util.arrayFromVolume(jacobianNode)
        inside = self._insideOf(fixedNode)
        if inside.shape == array.shape:
            array = np.where(inside, array, array.dtype.type(1))
        place = (ijkToRAS(jacobianNode), jacobianNode.GetTransformNodeID())
        volume = self._helpers.volume(
            "volume", say(_("{name} overlay").format(name=jacobianNode.GetName())), array, *place
        )
        showAsJacobian(volume.GetDisplayNode(), self._transparent(jacobianNode.GetDisplayNode().GetColorNode()))
        self._source = times
        return volume

    def _insideOf(self, fixedNode):
        """Outside of the head the determinant means nothing, and would cover the views."""
        from scipy.ndimage import binary_fill_holes

        from ..engine.preprocessing import foreground

        key = (fixedNode.GetID(), fixedNode.GetImageData().GetMTime())
        if self._object[0] != key:
            self._object = (key, binary_fill_holes(foreground(slicer.util.arrayFromVolume(fixedNode))))
        return self._object[1]

    def _transparent(self, colorNode):
        """The Jacobian colors with a hole around 1."""
        table, color = [], [0.0] * 4
        for index in range(COLORS):
            colorNode.GetColor(index, color)
            determinant = WINDOW[0] + (WINDOW[1] - WINDOW[0]) * index / (COLORS - 1)
            table.append((*color[:3], float(abs(determinant - 1) > KEPT)))
        return self._helpers.colors("colors", "Jacobian overlay", table)

    def _showLegend(self, colorNode):
        """Slicer draws legends of a background volume only, not of layers above: so the legend hangs on that."""
        background = next((c.GetBackgroundVolumeID() for c in compositeNodes(self.scene)), None)
        carrier = self.scene.GetNodeByID(background or "")
        if carrier is None:
            return
        display = self._helpers.node("legend colors", "vtkMRMLScalarVolumeDisplayNode", "Jacobian legend colors")
        legend = self._helpers.node("legend", "vtkMRMLColorLegendDisplayNode", "Jacobian legend")
        if legend.GetDisplayableNode() is carrier:
            return
        showAsJacobian(display, colorNode)
        for node in (display, legend):
            _takeAway(node)
            carrier.AddAndObserveDisplayNodeID(node.GetID())
        with slicer.util.NodeModify(legend):
            legend.SetAndObservePrimaryDisplayNode(display)
            legend.SetTitleText(say(_("Jacobian")))
            legend.SetLabelFormat("%.1f")
            legend.SetNumberOfLabels(LEGEND_LABELS)
            legend.SetMaxNumberOfColors(COLORS)
            legend.SetSize(*LEGEND_SIZE)
            legend.SetPosition(*LEGEND_POSITION)
            legend.SetVisibility(1)
            legend.SetVisibility3D(0)


def _takeAway(displayNode):
    """From the node that it is a display node of, if any."""
    node = displayNode.GetDisplayableNode()
    if node is not None:
        identifiers = [node.GetNthDisplayNodeID(index) for index in range(node.GetNumberOfDisplayNodes())]
        node.RemoveNthDisplayNodeID(identifiers.index(displayNode.GetID()))
