"""The figures of every iteration as a table node, and plots of them."""

from dataclasses import dataclass
from typing import Any

import slicer

from .tables import setTable

#: Column names: plots and saved scenes refer to them, so they are not translated.
ITERATION, NCC, FOLDED, DISPLACEMENT, CHANGE, NOTE = "K", "NCC", "Folded", "Displacement", "Change", "Note"
UNITS = {FOLDED: "%", DISPLACEMENT: "mm", CHANGE: "voxel"}
#: Chart title to the columns it shows: millimeters would press the others flat.
CHARTS = {"quality": (NCC, FOLDED, CHANGE), "largest displacement": (DISPLACEMENT,)}
LEGENDS = {NCC: "NCC", FOLDED: "Folded (%)", CHANGE: "Change (voxel)", DISPLACEMENT: "Largest displacement (mm)"}
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
    iterations = list(iterations)
    largest = list(largest or [])
    largest += [None] * (len(iterations) - len(largest))
    return {
        ITERATION: [iteration.index for iteration in iterations],
        NCC: [round(float(iteration.local_ncc), 4) for iteration in iterations],
        FOLDED: [round(float(iteration.percent_folded), 3) for iteration in iterations],
        DISPLACEMENT: [None if value is None else round(float(value), 2) for value in largest],
        CHANGE: [round(float(iteration.p95_change), 3) for iteration in iterations],
        NOTE: [_note(iteration, best) for iteration in iterations],
    }


def showFigures(scene, iterations, largest=None, best=None, name="Registration", nodes=None):
    """Write the figures into table and plot nodes of ``scene``.

    :param iterations, largest, best: see :func:`figureColumns`.
    :param name: of new nodes, such as "moving to fixed".
    :param nodes: ``FigureNodes`` of an earlier call, updated in place while they are in the scene.
    :return: ``FigureNodes``.
    """
    columns = figureColumns(iterations, largest, best)
    if nodes is not None and nodes.table.GetScene() is scene:
        setTable(nodes.table, columns, UNITS)
        return nodes
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", scene.GenerateUniqueName(f"{name} figures"))
    setTable(table, columns, UNITS)
    charts, series = [], []
    for title, names in CHARTS.items():
        chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", scene.GenerateUniqueName(f"{name} {title}"))
        own = [_series(scene, table, column) for column in names]
        for node in own:
            chart.AddAndObservePlotSeriesNodeID(node.GetID())
        _dress(chart, f"{name}: {title}", LEGENDS[names[0]] if len(names) == 1 else "")
        charts.append(chart)
        series += own
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
    for node in (*nodes.charts, *nodes.series, nodes.table):
        if node.GetScene() is not None:
            node.GetScene().RemoveNode(node)


def _note(iteration, best):
    words = ["affine start"] if iteration.index == 0 else ["polished"] if iteration.polished else []
    return ", ".join([*words, "best"] if iteration.index == best else words)


def _series(scene, table, column):
    node = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", scene.GenerateUniqueName(LEGENDS[column]))
    with slicer.util.NodeModify(node):
        node.SetAndObserveTableNodeID(table.GetID())
        node.SetXColumnName(ITERATION)
        node.SetYColumnName(column)
        node.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        node.SetLineStyle(slicer.vtkMRMLPlotSeriesNode.LineStyleSolid)
        node.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleCircle)
        node.SetColor(*COLORS[column])
    return node


def _dress(chart, title, vertical):
    with slicer.util.NodeModify(chart):
        chart.SetTitle(title)
        chart.SetXAxisTitle("Iteration K")
        chart.SetYAxisTitle(vertical)
        chart.SetYAxisTitleVisibility(bool(vertical))
        chart.SetLegendVisibility(not vertical)
