"""Figures of every iteration, verdict, overlap of structures, distance of landmarks."""

import pytest
import slicer

from in_app.hands import Hands
from in_app.timers import wait_until


def add(kind, name):
    return slicer.mrmlScene.AddNewNodeByClass(kind, name)


def points(name, shift):
    node = add("vtkMRMLMarkupsFiducialNode", name)
    for place in ((0, 0, 0), (5, 0, 2), (-4, 6, 1)):
        node.AddControlPoint([place[0] + shift, place[1], place[2]])
    return node


@pytest.fixture
def landmarks(app):
    """The moving ones lie 3 mm to the right: where iteration 3 takes the fixed ones."""
    return points("Fixed points", 0), points("Moving points", 3)


def test_the_table_shows_every_iteration(registered):
    table = registered.ui.figuresTable.mrmlTableNode()
    assert table.GetNumberOfRows() == 5
    assert table.GetScene() is slicer.mrmlScene
    registered.ui.refineButton.click()
    assert registered.ui.figuresTable.mrmlTableNode() is table
    assert table.GetNumberOfRows() == 9


def test_headers_name_units_once(registered):
    """Slicer's table views put the unit behind the title, and so does the host's."""
    model = registered.ui.figuresTable._host_native.model()
    headers = [model.horizontalHeaderItem(column).text() for column in range(model.columnCount())]
    assert "Folded [%]" in headers and "NCC" in headers


def test_the_curves_open_in_a_plot_view(views, registered):
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotChartNode") >= 1
    registered.ui.plotButton.click()
    view = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLPlotViewNode")
    assert view.GetPlotChartNode() is not None


def test_leaving_the_panel_takes_the_plot_view_away(views, registered):
    before = views.layout
    registered.ui.plotButton.click()
    assert views.layout != before
    registered.exit()
    assert views.layout == before


def test_a_click_on_register_while_structures_are_compared_stops_nothing(registered, landmarks, meanwhile, monkeypatch):
    """It lasts a moment, and there is nothing to cancel."""
    import time

    from FiReworkRegistrationLib.mrml.judge import Judge

    measured = Judge._measured
    monkeypatch.setattr(Judge, "_measured", lambda self, index: (time.sleep(0.1), measured(self, index))[1])
    for selector, node in zip((registered.ui.fixedLandmarksSelector, registered.ui.movingLandmarksSelector), landmarks):
        selector.setCurrentNode(node)
    meanwhile(lambda: registered.runner.running, registered.ui.registerButton.click)
    slicer.app.processEvents()
    assert registered.ui.statusLabel.text.startswith("Done")
    assert "landmarks" in registered.ui.judgementLabel.text


def test_no_curves_before_a_registration(ready):
    assert not ready.ui.plotButton.enabled


def test_landmarks_chosen_after_the_registration_are_measured(registered, landmarks):
    ui = registered.ui
    ui.fixedLandmarksSelector.setCurrentNode(landmarks[0])
    assert ui.judgementLabel.text == ""
    ui.movingLandmarksSelector.setCurrentNode(landmarks[1])
    slicer.app.processEvents()
    assert ui.judgementLabel.text == "Mean error of 3 landmarks: 3.0 → 3.0 (affine) → 0.0 mm."
    ui.movingLandmarksSelector.setCurrentNode(None)
    slicer.app.processEvents()
    assert ui.judgementLabel.text == ""


def test_the_measure_follows_the_slider_on_release(registered, landmarks):
    registered.ui.fixedLandmarksSelector.setCurrentNode(landmarks[0])
    registered.ui.movingLandmarksSelector.setCurrentNode(landmarks[1])
    Hands().drag(registered.ui.iterationSlider, 1)
    assert registered.ui.judgementLabel.text.endswith("→ 2.0 mm.")


def test_structures_chosen_before_the_registration_are_measured(ready, volume):
    ui = ready.ui
    ui.fixedStructuresSelector.setCurrentNode(volume("Fixed labels", "vtkMRMLLabelMapVolumeNode"))
    ui.movingStructuresSelector.setCurrentNode(volume("Moving labels", "vtkMRMLLabelMapVolumeNode"))
    assert ui.judgementLabel.text == ""
    ui.registerButton.click()
    assert ui.judgementLabel.text.startswith("Dice of 1 structure: 1.00 → 1.00 (affine) →")


def test_points_that_do_not_pair_are_said_in_words(registered, landmarks, app):
    landmarks[1].RemoveNthControlPoint(0)
    registered.ui.fixedLandmarksSelector.setCurrentNode(landmarks[0])
    registered.ui.movingLandmarksSelector.setCurrentNode(landmarks[1])
    slicer.app.processEvents()
    assert "points" in registered.ui.judgementLabel.text
    assert app.errors == []


def test_another_registration_is_judged_anew(registered, landmarks, volume):
    registered.ui.fixedLandmarksSelector.setCurrentNode(landmarks[0])
    registered.ui.movingLandmarksSelector.setCurrentNode(landmarks[1])
    registered.ui.movingSelector.setCurrentNode(volume("Other patient"))
    assert registered.ui.judgementLabel.text == ""
    registered.ui.registerButton.click()
    assert "→ 0.0 mm." in registered.ui.judgementLabel.text


def test_registering_again_adds_no_further_tables_and_charts(registered):
    count = slicer.mrmlScene.GetNumberOfNodes()
    registered.ui.maximumIterationsSpinBox.value = 6
    registered.ui.registerButton.click()
    assert slicer.mrmlScene.GetNumberOfNodes() == count
    assert registered.ui.figuresTable.mrmlTableNode().GetNumberOfRows() == 7


def test_a_cancelled_second_run_says_again_what_holds_for_the_first(registered, engine, meanwhile):
    engine.step = 0.05
    before = registered.ui.verdictLabel.text
    meanwhile(lambda: registered.runner.running and "2 of" in registered.ui.iterationLabel.text,
              registered.ui.registerButton.click)  # fmt: skip
    registered.ui.registerButton.click()
    assert registered.ui.verdictLabel.text == before
    assert registered.ui.figuresTable.mrmlTableNode().GetNumberOfRows() == 5


def test_points_that_are_placed_later_are_measured_at_once(registered, landmarks):
    ui = registered.ui
    moved = landmarks[1]
    moved.RemoveNthControlPoint(2)
    ui.fixedLandmarksSelector.setCurrentNode(landmarks[0])
    ui.movingLandmarksSelector.setCurrentNode(moved)
    slicer.app.processEvents()
    assert "points" in ui.judgementLabel.text
    moved.AddControlPoint([-1, 6, 1])
    slicer.app.processEvents()
    assert ui.judgementLabel.text == "Mean error of 3 landmarks: 3.0 → 3.0 (affine) → 0.0 mm."
    # Dragged in a view: when the point is dropped.
    moved.SetNthControlPointPosition(2, -1, 6, 10)
    moved.InvokeEvent(moved.PointEndInteractionEvent)
    slicer.app.processEvents()
    assert ui.judgementLabel.text.endswith("→ 3.0 mm.")
    registered.exit()
    assert not moved.HasObserver(moved.PointEndInteractionEvent)


def test_without_a_session_it_says_what_to_do(registered, landmarks):
    registered.sections.endSession()
    registered.ui.fixedLandmarksSelector.setCurrentNode(landmarks[0])
    registered.ui.movingLandmarksSelector.setCurrentNode(landmarks[1])
    slicer.app.processEvents()
    assert registered.ui.judgementLabel.text == "Register to compare these."


def test_tables_bear_the_names_of_the_volumes_and_are_used_again(registered, landmarks):
    registered.ui.fixedLandmarksSelector.setCurrentNode(landmarks[0])
    registered.ui.movingLandmarksSelector.setCurrentNode(landmarks[1])
    slicer.app.processEvents()
    registered.ui.registerButton.click()
    registered.ui.registerButton.click()
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLTableNode")]
    assert sorted(names) == ["Patient to Template TRE", "Patient to Template figures"]


def test_after_a_cancelled_refinement_the_table_has_what_was_done(registered, engine, meanwhile):
    engine.step = 0.05
    meanwhile(lambda: "6 of" in registered.ui.iterationLabel.text, registered.ui.registerButton.click)
    registered.ui.refineButton.click()
    rows = registered.ui.figuresTable.mrmlTableNode().GetNumberOfRows()
    assert rows == registered.ui.iterationSlider.maximum + 1 > 5


def test_outputs_chosen_for_the_next_run_hear_nothing_of_this_one(registered, landmarks, engine, meanwhile):
    ui, mine = registered.ui, registered.ui.outputTransformSelector.currentNode()
    other = add("vtkMRMLTransformNode", "Other")
    other.SetAttribute("FiRework.verdict", "of another pair")
    ui.outputTransformSelector.setCurrentNode(other)
    ui.fixedLandmarksSelector.setCurrentNode(landmarks[0])
    ui.movingLandmarksSelector.setCurrentNode(landmarks[1])
    slicer.app.processEvents()
    engine.step = 0.05
    meanwhile(lambda: "6 of" in ui.iterationLabel.text, ui.registerButton.click)
    ui.refineButton.click()
    assert other.GetAttribute("FiRework.verdict") == "of another pair"
    assert other.GetNodeReference("FiRework.landmarkErrors") is None
    assert mine.GetNodeReference("FiRework.landmarkErrors").GetName() == "Patient to Template TRE"


def test_warnings_are_marked_and_said_in_the_status_line(ready, engine, monkeypatch):
    from puppet_engine import PuppetRegistration

    monkeypatch.setattr(PuppetRegistration, "coverage", 0.4)
    ready.ui.registerButton.click()
    assert ready.ui.verdictLabel.text.splitlines()[1].startswith("\u26a0 Little overlap")
    assert ready.ui.statusLabel.text == "Finished, with warnings: see Result."


def test_a_script_that_writes_into_the_result_takes_its_verdict_along(registered):
    from FiReworkRegistrationLib.mrml.registering import registerNodes

    parameters = registered._parameterNode
    registered.exit()
    registered.sections.endSession()
    registerNodes(
        parameters.fixedVolume, parameters.movingVolume, iterations=1, polish=(),
        outputTransform=parameters.outputTransform,
    )  # fmt: skip
    registered.enter()
    assert registered.ui.verdictLabel.text == ""
    assert registered.ui.figuresTable.mrmlTableNode() is None


def test_the_verdict_of_an_earlier_result_follows_the_choice(registered, volume):
    earlier, ui = registered._parameterNode.outputTransform, registered.ui
    verdict = ui.verdictLabel.text
    ui.movingSelector.setCurrentNode(volume("Other"))
    slicer.app.processEvents()
    assert registered.runner.session is None and ui.verdictLabel.text == ""
    ui.outputTransformSelector.setCurrentNode(earlier)
    assert ui.verdictLabel.text == verdict != ""


def test_charts_that_were_deleted_are_made_anew(registered):
    first = registered.sections.judge._figures
    slicer.mrmlScene.RemoveNode(first.chart)
    registered.ui.plotButton.click()
    Hands().drag(registered.ui.iterationSlider, 1)
    found = registered.sections.judge._figures
    assert found.chart.GetScene() is slicer.mrmlScene
    assert first.table.GetScene() is None and not [node for node in first.series if node.GetScene()]


@pytest.mark.parametrize("what", ["_measured", "showFigures"])
def test_what_cannot_be_judged_costs_neither_slider_nor_place(ready, landmarks, monkeypatch, app, what):
    from FiReworkRegistrationLib.mrml.judge import Judge

    ui, judge, failed = ready.ui, getattr(Judge, what), []
    ui.fixedLandmarksSelector.setCurrentNode(landmarks[0])
    ui.movingLandmarksSelector.setCurrentNode(landmarks[1])

    def fails(self, *given):
        if ready.runner.session.finishedIteration is not None and not failed:
            failed.append(True)
            raise MemoryError("Unable to allocate 3 GiB")
        return judge(self, *given)

    monkeypatch.setattr(Judge, what, fails)
    ui.registerButton.click()
    assert len(app.errors) == 1
    assert ui.movingSelector.currentNode().GetParentTransformNode() is None
    assert ui.iterationSlider.enabled and ui.refineButton.enabled and ui.iterationSlider.value == 3
    assert ui.outputVolumeSelector.currentNode() is not None


def test_a_comparison_that_fails_says_so(registered, landmarks, monkeypatch):
    """And leaves no figures of what was chosen before."""
    from FiReworkRegistrationLib.mrml.judge import Judge

    def fails(*_):
        raise MemoryError("Unable to allocate 3 GiB")

    ui = registered.ui
    ui.fixedLandmarksSelector.setCurrentNode(landmarks[0])
    ui.movingLandmarksSelector.setCurrentNode(landmarks[1])
    slicer.app.processEvents()
    assert "landmarks" in ui.judgementLabel.text
    monkeypatch.setattr(Judge, "_measured", fails)
    landmarks[1].SetNthControlPointPosition(0, 50, 50, 50)
    registered.sections.update()
    slicer.app.processEvents()
    assert "Unable to allocate" in ui.judgementLabel.text


def test_a_point_that_is_dropped_while_others_are_compared_is_compared_too(registered, landmarks, monkeypatch):
    from FiReworkRegistrationLib.mrml.judge import Judge

    moving, measured = landmarks[1], Judge._measured

    def drops(self, iteration):
        monkeypatch.setattr(Judge, "_measured", measured)
        moving.SetNthControlPointPosition(2, -1, 6, 10)
        return measured(self, iteration)

    monkeypatch.setattr(Judge, "_measured", drops)
    registered.ui.fixedLandmarksSelector.setCurrentNode(landmarks[0])
    registered.ui.movingLandmarksSelector.setCurrentNode(moving)
    slicer.app.processEvents()
    assert wait_until(lambda: registered.ui.judgementLabel.text.endswith("→ 3.0 mm."), 2)
