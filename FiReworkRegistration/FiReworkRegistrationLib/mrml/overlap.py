"""Dice per structure from two segmentations or label maps, before and after, and a table of them."""

from ..engine.texts import tr as _
from .language import say
from .stages import STAGE_TITLES
from .structures import labelNames, structuresFromNode
from .tables import setTable

STRUCTURE, MEAN = "Structure", _("Mean")
TITLES = {STRUCTURE: _("Structure"), **STAGE_TITLES}


def readOverlap(fixedNode, movingNode, fixedVolumeNode, *, resultTransform=None):
    """Two segmentations read and matched; what is returned needs no scene and may go to another thread.

    Segments are matched by name, two label maps by label value.

    :param fixedNode, movingNode: segmentation or label map nodes.
    :param fixedVolumeNode: volume whose grid voxels are counted on.
    :param resultTransform: transform node of the registration, under which the moving one may lie already.
    :return: engine ``StructureOverlap``: ``.dice(displacementMap)`` after, ``.dice()`` before.
    :raises RegistrationError: unusable nodes, or no structure that both have.
    """
    from ..engine.errors import RegistrationError
    from ..engine.overlap import StructureOverlap
    from .volumes import volumeFromNode

    if fixedNode is not None and fixedNode is movingNode:
        raise RegistrationError(
            _("Fixed and moving segmentation are the same node '{fixed}'; select two different ones.").format(
                fixed=fixedNode.GetName()
            )
        )
    grid = volumeFromNode(fixedVolumeNode, _("Fixed volume"))
    fixed = structuresFromNode(fixedNode, grid, _("Fixed segmentation"))
    isLabelMap = [node.IsA("vtkMRMLScalarVolumeNode") for node in (fixedNode, movingNode) if node is not None]
    # The same numbers mean the same structures, whatever color tables the two are shown with.
    names = labelNames(fixedNode) if isLabelMap == [True, True] else None
    moving = structuresFromNode(movingNode, grid, _("Moving segmentation"), resultTransform, names)
    return StructureOverlap(fixed, moving, grid.grid, (fixedNode.GetName(), movingNode.GetName()))


def showOverlap(scene, columns, name="Registration", table=None):
    """Dice values as a table node, the mean in the first row.

    :param columns: heading such as "Before" or "After" to structure name to Dice, as ``dice()`` returns.
    :param name: of a new node.
    :param table: vtkMRMLTableNode of an earlier call, updated while it is in the scene.
    :return: vtkMRMLTableNode.
    """
    from ..engine.metrics import mean_dice

    if table is None or table.GetScene() is not scene:
        table = scene.AddNewNodeByClass(
            "vtkMRMLTableNode", scene.GenerateUniqueName(say(_("{name} Dice").format(name=name)))
        )
    names = list(next(iter(columns.values())))
    values = {STRUCTURE: [say(MEAN), *names]}
    for heading, dice in columns.items():
        values[heading] = [mean_dice(dice), *(dice[structure] for structure in names)]
    setTable(table, values, titles=TITLES, rowHeader=True)
    return table
