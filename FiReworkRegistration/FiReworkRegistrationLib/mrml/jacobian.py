"""How a Jacobian volume is shown: colors centered at 1, folds unmistakable."""

from ..engine.texts import tr as _
from .language import say

#: Entries of the table. Volume display maps its window to 8 bits before it asks the table.
COLORS = 256
#: Determinants shown, symmetric around 1, where volume is kept.
WINDOW = (0.0, 2.0)
FOLDED = (1.0, 0.0, 1.0)
#: Of moving volume by fixed volume, from much smaller over equal to much larger, evenly spaced; none so dark that it
#: would be lost on a black background.
SCALE = (
    (0.10, 0.28, 0.92),
    (0.28, 0.53, 0.95),
    (0.62, 0.80, 0.97),
    (0.97, 0.97, 0.97),
    (0.98, 0.73, 0.55),
    (0.95, 0.44, 0.30),
    (0.88, 0.08, 0.12),
)
#: Attribute of the color table node, by which it is found again.
ATTRIBUTE = "FiRework.jacobianColors"


def findJacobianColors(scene):
    """The color table node of an earlier registration in this scene, or None."""
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLColorTableNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLColorTableNode")
        if node.GetAttribute(ATTRIBUTE):
            return node
    return None


def addJacobianColors(scene):
    """A new color table node of user type in ``scene``: blue below 1, white at 1, red above.

    Entry 0 is magenta. It takes every value at or below the lower end of the window, so folded voxels
    (determinant <= 0); determinants up to 0.008, nearly folded, fall into it too.
    """
    node = scene.AddNewNodeByClass("vtkMRMLColorTableNode", scene.GenerateUniqueName(say(_("Jacobian determinant"))))
    node.SetTypeToUser()
    node.SetNumberOfColors(COLORS)
    low, high = WINDOW
    for index in range(COLORS):
        name = f"{low + (high - low) * index / (COLORS - 1):.3f}"
        node.SetColor(index, name, *_color(index / (COLORS - 1)), 1.0)
    node.SetColor(0, say(_("folded")), *FOLDED, 1.0)
    node.GetLookupTable().SetTableRange(0, COLORS - 1)
    node.SetAttribute(ATTRIBUTE, "1")
    node.SetDescription(say(_("Jacobian determinant 0 to 2: white keeps volume, magenta is folded.")))
    return node


def showAsJacobian(displayNode, colorNode):
    """Set color table and fixed window of a volume display node; voxels are shown as they are."""
    displayNode.SetAndObserveColorNodeID(colorNode.GetID())
    displayNode.AutoWindowLevelOff()
    displayNode.SetWindowLevelMinMax(*WINDOW)
    # Interpolation would blend a single folded voxel away.
    displayNode.SetInterpolate(0)


def _color(position):
    """RGB at ``position`` in [0, 1] of the scale."""
    scaled = position * (len(SCALE) - 1)
    index = min(int(scaled), len(SCALE) - 2)
    weight = scaled - index
    return tuple((1 - weight) * a + weight * b for a, b in zip(SCALE[index], SCALE[index + 1], strict=True))
