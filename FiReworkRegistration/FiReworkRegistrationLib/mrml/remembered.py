"""What was said about a result, kept with its transform node, so that a scene that is loaded again says it again."""

from .figures import findFigures

VERDICT = "FiRework.verdict"
#: Node reference roles of the transform.
FIGURES_ROLE, DICE_ROLE, LANDMARKS_ROLE = "FiRework.figures", "FiRework.dice", "FiRework.landmarkErrors"


def remember(transformNode, text, figures=None):
    """Keep verdict and figures with the transform of a registration.

    :param text: of the verdict, one sentence a line.
    :param figures: ``FigureNodes`` in the same scene, or None.
    """
    transformNode.SetAttribute(VERDICT, text or None)
    table = figures.table.GetID() if figures is not None else None
    transformNode.SetNodeReferenceID(FIGURES_ROLE, table)


def recall(transformNode):
    """What :func:`remember` kept: verdict (empty if none), and ``FigureNodes`` or None."""
    if transformNode is None:
        return "", None
    table = transformNode.GetNodeReference(FIGURES_ROLE)
    return transformNode.GetAttribute(VERDICT) or "", findFigures(table) if table is not None else None


def rememberTables(transformNode, dice=None, landmarks=None):
    """Keep the tables of what was compared with the transform, which the next run updates; None keeps what is there."""
    for role, table in ((DICE_ROLE, dice), (LANDMARKS_ROLE, landmarks)):
        if table is not None:
            transformNode.SetNodeReferenceID(role, table.GetID())


def recallTables(transformNode):
    """Tables of Dice and of landmark errors that :func:`rememberTables` kept, each None if there is none."""
    return tuple(transformNode.GetNodeReference(role) for role in (DICE_ROLE, LANDMARKS_ROLE))
