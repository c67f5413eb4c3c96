"""Verdict and figures stay with the transform, also through a saved scene."""

import pytest

from FiReworkRegistrationLib.engine.refiner import Iteration
from FiReworkRegistrationLib.mrml.figures import removeFigures, showFigures
from FiReworkRegistrationLib.mrml.remembered import recall, remember
from FiReworkRegistrationLib.mrml.tables import tableColumns

TEXT = 'Improved NCC 0.61 → 0.87 in 6 iterations; < 0.01 % of voxels folded.\nFolding: "much"; a = b, c:d & e'


@pytest.fixture
def result(scene):
    return scene.AddNewNodeByClass("vtkMRMLTransformNode", "result")


@pytest.fixture
def figures(scene):
    return showFigures(scene, [Iteration(k, None, 0.5 + 0.1 * k, 0.9, 0.1, 0.2, 0.3, 1.0) for k in range(3)])


def test_nothing_to_recall(result):
    assert recall(result) == ("", None)
    assert recall(None) == ("", None)


def test_what_was_said_is_recalled(result, figures):
    remember(result, TEXT, figures)
    assert recall(result) == (TEXT, figures)
    remember(result, "")
    assert recall(result) == ("", None)


def test_removed_figures_are_forgotten(result, figures):
    remember(result, TEXT, figures)
    removeFigures(figures)
    assert recall(result) == (TEXT, None)


def test_a_loaded_scene_recalls_it(tools, result, figures, tmp_path):
    remember(result, TEXT, figures)
    other = tools.savedAndLoaded(figures.table, tmp_path / "figures.tsv")
    text, found = recall(other.GetFirstNodeByName("result"))
    assert text == TEXT
    assert tableColumns(found.table)["NCC"] == tableColumns(figures.table)["NCC"]
