"""Distances of corresponding landmarks in millimeters (TRE), before and after, and a table of them."""

from dataclasses import dataclass
from typing import Any

import slicer

from ..engine.texts import tr as _
from .language import say
from .stages import STAGE_TITLES
from .tables import setTable
from .transforms import localToWorld

LANDMARK, MEAN = "Landmark", _("Mean")
TITLES = {LANDMARK: _("Landmark"), **STAGE_TITLES}


@dataclass(frozen=True)
class LandmarkPairs:
    """Corresponding points in world RAS mm.

    :param labels: names of the pairs.
    :param fixed, moving: (N, 3) float64.
    :param alone: names of points that have no partner.
    """

    labels: tuple
    fixed: Any
    moving: Any
    alone: tuple = ()

    def errors(self, displacementMap=None):
        """Distance of each pair in mm, (N,), measured in the moving space.

        :param displacementMap: ``DisplacementMap`` fixed world to moving world; None compares points where they are.
        """
        from ..engine.metrics import target_registration_error

        mapped = self.fixed if displacementMap is None else displacementMap.at(self.fixed)
        return target_registration_error(mapped, self.moving)


def readLandmarks(fixedNode, movingNode, *, resultTransform=None):
    """Two markups point lists as ``LandmarkPairs``.

    Points are paired by label (but for capitals and surrounding spaces) where labels of a list are distinct and both
    lists have some in common, else by their order. Points without a position do not count. The nodes are not changed.

    :param fixedNode, movingNode: vtkMRMLMarkupsNodes.
    :param resultTransform: transform node of the registration, under which the moving one may lie already.
    :raises RegistrationError: no markups, no points, lists that do not pair up, nonlinear parent transforms.
    """
    import numpy as np

    from ..engine.errors import RegistrationError

    if fixedNode is not None and fixedNode is movingNode:
        raise RegistrationError(
            _("Fixed and moving landmarks are the same node '{fixed}'; select two point lists.").format(
                fixed=fixedNode.GetName()
            )
        )
    fixed = _points(fixedNode, _("Fixed landmarks"))
    moving = _points(movingNode, _("Moving landmarks"), resultTransform)
    here, there = ({_comparable(label): point for label, point in points} for points in (fixed, moving))
    isDistinct = len(here) == len(fixed) and len(there) == len(moving)
    if isDistinct and here.keys() & there.keys():
        more = [(label, None) for label, _point in moving if _comparable(label) not in here]
        pairs = [(label, point, there.get(_comparable(label))) for label, point in [*fixed, *more]]
    elif len(fixed) == len(moving):
        pairs = [(label, point, other) for (label, point), (_label, other) in zip(fixed, moving, strict=True)]
    else:
        raise RegistrationError(
            _(
                "Landmarks do not pair up: '{fixed}' has {fixedCount} points and '{moving}' {movingCount}; place "
                "the same points in both, in the same order."
            ).format(
                fixed=fixedNode.GetName(), fixedCount=len(fixed), moving=movingNode.GetName(), movingCount=len(moving)
            )
        )
    # Only now: a point that was skipped in one list keeps the others at their places.
    alone = tuple(label for label, point, other in pairs if (point is None) != (other is None))
    pairs = [pair for pair in pairs if pair[1] is not None and pair[2] is not None]
    if not pairs:
        raise RegistrationError(
            _("No landmark is placed in both '{fixed}' and '{moving}'; place the same points in both.").format(
                fixed=fixedNode.GetName(), moving=movingNode.GetName()
            )
        )
    names, first, second = zip(*pairs, strict=True)
    return LandmarkPairs(names, np.array(first), np.array(second), alone)


def showLandmarks(scene, labels, columns, name="Registration", table=None):
    """Distances as a table node, the mean in the first row.

    :param labels: names of the pairs.
    :param columns: heading such as "Before" or "After" to distances in mm, (N,).
    :param name: of a new node.
    :param table: vtkMRMLTableNode of an earlier call, updated while it is in the scene.
    :return: vtkMRMLTableNode.
    """
    if table is None or table.GetScene() is not scene:
        table = scene.AddNewNodeByClass(
            "vtkMRMLTableNode", scene.GenerateUniqueName(say(_("{name} TRE").format(name=name)))
        )
    values = {LANDMARK: [say(MEAN), *labels]}
    for heading, distances in columns.items():
        values[heading] = [float(distances.mean()), *(float(value) for value in distances)]
    setTable(table, values, dict.fromkeys(columns, "mm"), TITLES, rowHeader=True)
    return table


def _comparable(label):
    """As names of structures are compared."""
    return label.strip().casefold()


def _points(node, role, resultTransform=None):
    """(label, world position, None before it is placed) of every point up to the last that has been placed."""
    from ..engine.errors import RegistrationError
    from ..engine.geometry import linear_map

    if node is None:
        raise RegistrationError(_("{role} are missing; select a point list.").format(role=role))
    if not node.IsA("vtkMRMLMarkupsNode"):
        raise RegistrationError(
            _("{role} '{name}' is a {kind} node; select a point list.").format(
                role=role, name=node.GetName(), kind=node.GetNodeTagName()
            )
        )
    matrix = localToWorld(node, role, resultTransform)
    defined = slicer.vtkMRMLMarkupsNode.PositionDefined
    found = [
        (
            node.GetNthControlPointLabel(index),
            linear_map(matrix, node.GetNthControlPointPosition(index))
            if node.GetNthControlPointPositionStatus(index) == defined
            else None,
        )
        for index in range(node.GetNumberOfControlPoints())
    ]
    # Those that wait at the end to be placed are nobody's partners.
    while found and found[-1][1] is None:
        found.pop()
    if not found:
        raise RegistrationError(
            _("{role} '{name}' have no points; place some first.").format(role=role, name=node.GetName())
        )
    return found
