"""Figures of the iterations in table and plot nodes, kept through a saved scene."""

import math
from dataclasses import replace

import pytest

from FiReworkRegistrationLib.engine.refiner import Iteration
from FiReworkRegistrationLib.mrml.figures import FigureNodes, figureColumns, findFigures, removeFigures, showFigures
from FiReworkRegistrationLib.mrml.tables import setTable, tableColumns


def run(count):
    return [
        Iteration(k, None, 0.5 + 0.0512345 * k, 0.9, 0.01 * k, 0.2 / (k + 1), 0.5 / (k + 1), 1) for k in range(count)
    ]


@pytest.fixture
def nodes(scene):
    return showFigures(scene, run(4), [0.0, 2.5, 3.123456, None], best=2, name="moving to fixed")


def test_a_row_for_each_iteration(nodes):
    columns = tableColumns(nodes.table)
    assert list(columns) == ["State", "NCC", "Folded", "Displacement", "Change", "K"]
    assert columns["State"] == ["0 (affine start)", "1", "2 (best)", "3"]
    assert nodes.table.GetUseFirstColumnAsRowHeader()
    assert columns["K"] == [0, 1, 2, 3]
    assert columns["NCC"] == pytest.approx([0.5, 0.5512, 0.6025, 0.6537], abs=1e-9)
    assert columns["Displacement"][:3] == [0.0, 2.5, 3.12]
    assert math.isnan(columns["Displacement"][3])
    assert nodes.table.GetColumnUnitLabel("Displacement") == "mm"
    assert nodes.table.GetColumnTitle("Folded") == "Folded"
    assert nodes.table.GetColumnTitle("State") == "Iteration"


def test_a_polish_is_called_so(scene):
    states = run(5)
    states[2] = replace(states[2], polished=True)
    states[4] = replace(states[4], polished=True)
    nodes = showFigures(scene, states, best=4)
    columns = tableColumns(nodes.table)
    assert columns["State"] == ["0 (affine start)", "1", "polished", "2", "polished (best)"]
    assert [chart.GetXAxisTitle() for chart in nodes.charts] == ["Iteration (polished: 2, 4)"] * 2
    showFigures(scene, run(3), nodes=nodes)
    assert [chart.GetXAxisTitle() for chart in nodes.charts] == ["Iteration"] * 2


def test_the_start_can_be_the_best():
    assert figureColumns(run(2), best=0)["State"] == ["0 (affine start, best)", "1"]


def test_charts_show_every_figure_over_iterations(nodes):
    assert len(nodes.charts) == 2
    shown = []
    for chart in nodes.charts:
        for index in range(chart.GetNumberOfPlotSeriesNodes()):
            series = chart.GetNthPlotSeriesNode(index)
            assert series.GetTableNode() is nodes.table
            assert series.GetXColumnName() == "K"
            shown.append(series.GetYColumnName())
    assert shown == ["NCC", "Folded", "Change", "Displacement"]
    assert nodes.chart.GetTitle() == "moving to fixed: quality"


def test_a_further_iteration_updates_in_place(scene, nodes):
    before = scene.GetNumberOfNodes()
    again = showFigures(scene, run(6), best=5, nodes=nodes)
    assert again is nodes
    assert scene.GetNumberOfNodes() == before
    assert tableColumns(nodes.table)["K"] == list(range(6))


def test_removed_nodes_are_made_again(scene, nodes):
    removeFigures(nodes)
    assert scene.GetNumberOfNodesByClass("vtkMRMLPlotSeriesNode") == 0
    assert scene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 0
    again = showFigures(scene, run(2), nodes=nodes)
    assert again.table.GetScene() is scene
    removeFigures(nodes)
    assert again.table.GetScene() is scene


def test_a_saved_scene_brings_figures_back(tools, nodes, tmp_path):
    other = tools.savedAndLoaded(nodes.table, tmp_path / "figures.tsv")
    table = other.GetFirstNodeByClass("vtkMRMLTableNode")
    found = findFigures(table)
    assert isinstance(found, FigureNodes)
    assert [chart.GetTitle() for chart in found.charts] == [chart.GetTitle() for chart in nodes.charts]
    columns = tableColumns(table)
    assert columns["K"] == [0, 1, 2, 3]
    assert columns["NCC"] == tableColumns(nodes.table)["NCC"], "numbers, not texts: plots need them"
    assert found.series[0].IsA("vtkMRMLPlotSeriesNode")


def test_a_foreign_table_has_no_figures(scene):
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "other")
    setTable(table, {"a": [1, 2], "b": [0.123456, 2]})
    assert findFigures(table) is None
    assert tableColumns(table) == {"a": [1, 2], "b": [0.1235, 2.0]}
