"""The figures of every iteration as a table node, and plots of them."""

from dataclasses import dataclass
from typing import Any

import slicer

from ..engine.texts import tr as _
from .language import say
from .tables import setTable

#: Column names: plots and saved scenes refer to them, so they are not translated.
STATE, NCC, FOLDED, DISPLACEMENT, CHANGE = "State", "NCC", "Folded", "Displacement", "Change"
#: Where the slider stands: numbers, which curves need. A polish counts here.
POSITION = "K"
TITLES = {
    STATE: _("Iteration"), NCC: _("NCC"), FOLDED: _("Folded"), DISPLACEMENT: _("Largest"), CHANGE: _("Change"),
    POSITION: _("Slider"),
}  # fmt: skip
UNITS = {FOLDED: "%", DISPLACEMENT: "mm", CHANGE: _("voxel")}
#: Chart title to the columns it shows: millimeters would press the others flat.
CHARTS = {_("quality"): (NCC, FOLDED, CHANGE), _("largest displacement"): (DISPLACEMENT,)}
LEGENDS = {
    NCC: _("NCC"), FOLDED: _("Folded (%)"), CHANGE: _("Change (voxel)"), DISPLACEMENT: _("Largest displacement (mm)"),
}  # fmt: skip
COLORS = {NCC: (0.12, 0.47, 0.71), FOLDED: (0.84, 0.15, 0.56), CHANGE: (0.55, 0.55, 0.55), DISPLACEMENT: (0.9, 0.5, 0)}
#: Node reference roles from the table to its charts and series.
CHART_ROLE, SERIES_ROLE = "FiRework.chart", "FiRework.series"


@dataclass(frozen=True)
class FigureNodes:
    """:param table: vtkMRMLTableNode. :param charts: vtkMRMLPlotChartNodes. :param series: vtkMRMLPlotSeriesNodes."""

    table: Any
    charts: tuple
    series: tuple

    @property
    def chart(self):
        """The chart of similarity, folds and change."""
        return self.charts[0]


def figureColumns(iterations, largest=None, best=None):
    """Column name to values, one row an iteration, with as many decimals as mean something.

    :param iterations: engine ``Iteration`` s, index 0 the affine start.
    :param largest: largest displacement in mm for each iteration, in their order, None where unknown.
    :param best: index of the iteration that the stop rule chose, or None.
    """
    from ..engine.state_names import state_name

    iterations = list(iterations)
    largest = list(largest or [])
    largest += [None] * (len(iterations) - len(largest))
    return {
        STATE: [_named(state_name(iterations, index), index, best) for index in range(len(iterations))],
        NCC: [round(float(iteration.local_ncc), 4) for iteration in iterations],
        FOLDED: [round(float(iteration.percent_folded), 3) for iteration in iterations],
        DISPLACEMENT: [None if value is None else round(float(value), 2) for value in largest],
        CHANGE: [round(float(iteration.p95_change), 3) for iteration in iterations],
        POSITION: [iteration.index for iteration in iterations],
    }


def showFigures(scene, iterations, largest=None, best=None, name="Registration", nodes=None):
    """Write the figures into table and plot nodes of ``scene``.

    :param iterations, largest, best: see :func:`figureColumns`.
    :param name: of new nodes, such as "moving to fixed".
    :param nodes: ``FigureNodes`` of an earlier call, updated in place while they are in the scene.
    :return: ``FigureNodes``.
    """
    iterations = list(iterations)
    columns = figureColumns(iterations, largest, best)
    if nodes is not None and not all(node.GetScene() is scene for node in _all(nodes)):
        # Curves without their chart are of no use, and the chart that is made anew has its own.
        removeFigures(nodes)
        nodes = None
    if nodes is not None:
        setTable(nodes.table, columns, UNITS, TITLES, rowHeader=True)
        _nameAxes(nodes.charts, iterations)
        return nodes
    title = say(_("{name} figures").format(name=name))
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", scene.GenerateUniqueName(title))
    setTable(table, columns, UNITS, TITLES, rowHeader=True)
    charts, series = [], []
    for title, names in CHARTS.items():
        chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", scene.GenerateUniqueName(f"{name} {say(title)}"))
        own = [_series(scene, table, column) for column in names]
        for node in own:
            chart.AddAndObservePlotSeriesNodeID(node.GetID())
        _dress(chart, f"{name}: {say(title)}", say(LEGENDS[names[0]]) if len(names) == 1 else "")
        charts.append(chart)
        series += own
    _nameAxes(charts, iterations)
    for role, found in ((CHART_ROLE, charts), (SERIES_ROLE, series)):
        for node in found:
            table.AddNodeReferenceID(role, node.GetID())
    return FigureNodes(table, tuple(charts), tuple(series))


def findFigures(tableNode):
    """``FigureNodes`` of a table that :func:`showFigures` made, also after the scene was saved and loaded."""
    charts, series = (
        tuple(tableNode.GetNthNodeReference(role, index) for index in range(tableNode.GetNumberOfNodeReferences(role)))
        for role in (CHART_ROLE, SERIES_ROLE)
    )
    return FigureNodes(tableNode, charts, series) if charts and None not in charts + series else None


def removeFigures(nodes):
    """Take table, charts and series out of their scene, as far as they are in one."""
    for node in _all(nodes):
        if node.GetScene() is not None:
            node.GetScene().RemoveNode(node)


def _all(nodes):
    return (*nodes.charts, *nodes.series, nodes.table)


def _named(name, index, best):
    """A state as the rows of the table are headed."""
    words = [say(word) for word, applies in ((_("affine start"), index == 0), (_("best"), index == best)) if applies]
    return f"{say(name)} ({', '.join(words)})" if words else say(name)


def _series(scene, table, column):
    node = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", scene.GenerateUniqueName(say(LEGENDS[column])))
    with slicer.util.NodeModify(node):
        node.SetAndObserveTableNodeID(table.GetID())
        node.SetXColumnName(POSITION)
        # What is read beside a point under the mouse.
        node.SetLabelColumnName(STATE)
        node.SetYColumnName(column)
        node.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        node.SetLineStyle(slicer.vtkMRMLPlotSeriesNode.LineStyleSolid)
        node.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleCircle)
        node.SetColor(*COLORS[column])
    return node


def _dress(chart, title, vertical):
    with slicer.util.NodeModify(chart):
        chart.SetTitle(title)
        chart.SetYAxisTitle(vertical)
        chart.SetYAxisTitleVisibility(bool(vertical))
        chart.SetLegendVisibility(not vertical)


def _nameAxes(charts, iterations):
    """Says which points of the curves a polish made, because an axis has numbers only."""
    polished = [str(iteration.index) for iteration in iterations if iteration.polished]
    title = _("Iteration (polished: {numbers})").format(numbers=", ".join(polished)) if polished else _("Iteration")
    for chart in charts:
        chart.SetXAxisTitle(say(title))
