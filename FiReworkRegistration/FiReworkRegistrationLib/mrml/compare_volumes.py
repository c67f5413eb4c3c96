"""The volumes that some compare modes show: checkerboard, difference, contours."""

from ..engine.texts import tr as _
from .compare_modes import CompareMode
from .helper_volumes import HelperVolumes, showWithColors
from .language import say
from .resampling import arrayOnGrid, coarsened

#: Voxels while something is dragged; the whole grid follows when it is let go.
DRAFT_VOXELS = 700_000
GRAY = "vtkMRMLColorTableNodeGrey"
#: Moving darker than fixed by 0, a half and all of the intensity range; then moving brighter.
DARKER = ((0.0, 0.0, 0.0), (0.1, 0.4, 0.95), (0.75, 0.95, 1.0))
BRIGHTER = ((0.0, 0.0, 0.0), (0.95, 0.4, 0.05), (1.0, 0.95, 0.6))
#: Contour around the darker tissue, and around the brighter one.
OUTER, INNER = (1.0, 0.85, 0.1), (0.1, 0.9, 1.0)
#: Half the width of a contour, mm.
CONTOUR_WIDTH = 0.6


class CompareVolumes:
    """Makes and keeps the hidden volume of a mode."""

    def __init__(self, scene):
        self._helpers = HelperVolumes(scene)
        self._statistics = {}  # node ID -> (modification time, name of the function) -> value

    def update(self, mode, fixedNode, movingNode, draft=False, axes=(0,)):
        """The volume nodes of that mode, computed from what both volumes show now.

        :param fixedNode, movingNode: scalar volume nodes; the moving one under any transforms, or resampled.
        :param draft: on a coarser grid, quickly.
        :param axes: array axes of the fixed volume (0, 1, 2) that views look along.
        :return: axis to volume node; a checkerboard has one for each axis, other modes the same for all.
        """
        most = DRAFT_VOXELS if draft else None
        fixed, moving = (arrayOnGrid(node, fixedNode, most) for node in (fixedNode, movingNode))
        _, _, matrix = coarsened(fixedNode, most)
        place = (matrix, fixedNode.GetTransformNodeID())
        nodes = (fixedNode, movingNode)
        if mode is CompareMode.CHECKERBOARD:
            return self._checkerboards(fixed, moving, nodes, place, axes)
        compute = self._difference if mode is CompareMode.DIFFERENCE else self._contours
        return dict.fromkeys(axes, compute(fixed, moving, nodes, place))

    def removeAll(self):
        self._helpers.removeAll()
        self._statistics.clear()

    def _checkerboards(self, fixed, moving, nodes, place, axes):
        import numpy as np

        from ..engine.comparison import checkerboard

        fixed, moving = ((255 * image).astype(np.uint8) for image in self._scaled(fixed, moving, nodes))
        volumes = {}
        for axis in axes:
            tiles = checkerboard(fixed, moving, _spacing(place[0]), axis)
            name = say(_("Checkerboard: {fixed} / {moving}").format(**_names(nodes)))
            volumes[axis] = self._helpers.volume(f"checkerboard {axis}", name, tiles, *place)
            showWithColors(volumes[axis], GRAY, 0, 255)
        return volumes

    def _difference(self, fixed, moving, nodes, place):
        from ..engine.comparison import difference

        values = difference(*self._scaled(fixed, moving, nodes))
        name = say(_("Difference: {moving} - {fixed}").format(**_names(nodes)))
        node = self._helpers.volume("difference", name, values, *place)
        showWithColors(node, self._helpers.colors("difference colors", "Difference", differenceColors()), -1, 1)
        return node

    def _contours(self, fixed, moving, nodes, place):
        from ..engine.comparison import FARTHEST, SECOND_CONTOUR, contour_distance, tissue_levels

        distance = contour_distance(moving, self._statistic(nodes[1], tissue_levels), _spacing(place[0]))
        name = say(_("Contours: {moving}").format(**_names(nodes)))
        node = self._helpers.volume("contours", name, distance, *place)
        colors = self._helpers.colors("contour colors", "Contours", contourColors())
        showWithColors(node, colors, -FARTHEST, SECOND_CONTOUR + FARTHEST)
        return node

    def _scaled(self, fixed, moving, nodes):
        """Both images with their robust intensity ranges at 0 and 1."""
        from ..engine.comparison import intensity_window, scaled

        return [scaled(image, self._statistic(node, intensity_window)) for image, node in zip((fixed, moving), nodes)]

    def _statistic(self, node, function):
        """Of the whole image, as it is before any transform; so the same for each iteration."""
        import slicer

        key = (node.GetID(), function.__name__)
        time = node.GetImageData().GetMTime()
        if self._statistics.get(key, (None, None))[0] != time:
            self._statistics[key] = (time, function(slicer.util.arrayFromVolume(node)))
        return self._statistics[key][1]


def _names(nodes):
    fixed, moving = nodes
    return {"fixed": fixed.GetName(), "moving": moving.GetName()}


def _spacing(matrix):
    """Voxel sizes along i, j, k of a 4x4 IJK to RAS, mm."""
    import numpy as np

    return np.linalg.norm(matrix[:3, :3], axis=0)


def differenceColors(count=256):
    """(r, g, b, opacity) from -1 to 1, black where both are equal."""
    table = []
    for index in range(count):
        value = 2 * index / (count - 1) - 1
        start, middle, end = DARKER if value < 0 else BRIGHTER
        # The square root shows small differences too; the two colors around 0 are black.
        place = 2 * max(abs(value) - 1.5 / count, 0.0) ** 0.5
        low, high, weight = (start, middle, place) if place < 1 else (middle, end, place - 1)
        table.append((*((1 - weight) * a + weight * b for a, b in zip(low, high)), 1.0))
    return table


def contourColors(count=256):
    """(r, g, b, opacity) over the values of ``contour_distance``: opaque on the two lines only."""
    from ..engine.comparison import FARTHEST, SECOND_CONTOUR

    low, high = -FARTHEST, SECOND_CONTOUR + FARTHEST
    table = []
    for index in range(count):
        value = low + (high - low) * index / (count - 1)
        isInner = value > SECOND_CONTOUR / 2
        distance = abs(value - (SECOND_CONTOUR if isInner else 0))
        # Slice views know no opacity between 0 and 1 here.
        table.append((*(INNER if isInner else OUTER), float(distance <= CONTOUR_WIDTH)))
    return table
