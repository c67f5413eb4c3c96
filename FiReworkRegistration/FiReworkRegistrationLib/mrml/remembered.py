"""What was said about a result, kept with its transform node, so that a scene that is loaded again says it again."""

from .figures import findFigures

VERDICT = "FiRework.verdict"
FIGURES_ROLE = "FiRework.figures"


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
