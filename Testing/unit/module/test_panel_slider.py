"""The slider: any iteration at once while it is held, all outputs when it is let go."""

import time

import numpy as np
import pytest
import slicer

from in_app.hands import Hands
from in_app.timers import wait_until


def held(panel):
    """mm to the right at the center: the iteration that the transform node holds."""
    node = panel.ui.outputTransformSelector.currentNode()
    return round(node.GetTransformFromParent().TransformPoint(1, 2, 3)[0] - 1, 3)


def warped(panel):
    return slicer.util.arrayFromVolume(panel.ui.outputVolumeSelector.currentNode()).copy()


def parent_of_moving(panel):
    return panel.ui.movingSelector.currentNode().GetParentTransformNode()


@pytest.fixture
def slider(registered):
    return registered.ui.iterationSlider


def test_dragging_swaps_the_transform_and_nothing_else(registered, slider):
    before = warped(registered)
    slider.setSliderDown(True)
    for value in (2, 1, 0, 1):
        slider.setSliderPosition(value)
        assert held(registered) == value
        assert parent_of_moving(registered) is registered.ui.outputTransformSelector.currentNode()
        assert registered.ui.iterationLabel.text == f"{value} of 4"
    np.testing.assert_array_equal(warped(registered), before)
    assert registered.ui.registerButton.text == "Register"
    slider.setSliderDown(False)


def test_letting_go_brings_all_outputs_up_to_date(registered, slider):
    before = warped(registered)
    Hands().drag(slider, 1)
    assert held(registered) == 1
    assert not np.array_equal(warped(registered), before)
    assert registered.runner.session.finishedIteration == 1
    assert parent_of_moving(registered) is None
    assert slider.value == 1
    assert slider.enabled
    assert registered.ui.statusLabel.text.endswith("hold this state: 1.")


def test_who_looks_back_at_the_start_is_told_that_the_outputs_went_along(registered, slider):
    Hands().drag(slider, 0)
    assert "now hold the affine alignment only" in registered.ui.statusLabel.text


def test_back_at_the_best_iteration_it_is_marked_again(registered, slider):
    Hands().drag(slider, 1)
    assert "best" not in registered.ui.iterationLabel.text
    Hands().drag(slider, 3)
    assert registered.ui.iterationLabel.text == "3 of 4 (best)"


def test_the_verdict_follows(registered, slider):
    slider.setSliderDown(True)
    slider.setSliderPosition(0)
    assert registered.ui.verdictLabel.text.startswith("Affine alignment only")
    slider.setSliderPosition(2)
    assert "0.50 → 0.80 in 2 iterations" in registered.ui.verdictLabel.text
    slider.setSliderDown(False)


def test_keys_show_at_once_and_finish_when_they_rest(registered, slider):
    slider.setValue(2)
    slider.setValue(1)
    assert held(registered) == 1
    assert registered.runner.session.finishedIteration == 3
    assert wait_until(lambda: registered.runner.session.finishedIteration == 1, 5)
    assert parent_of_moving(registered) is None


def test_taking_it_up_and_putting_it_back_writes_nothing(registered, slider, engine):
    before = warped(registered)
    engine.errors["finish"] = AssertionError("nothing to finish")
    Hands().drag(slider, 3)
    slider.setSliderDown(True)
    slider.setSliderPosition(2)
    slider.setSliderPosition(3)
    slider.setSliderDown(False)
    assert held(registered) == 3
    assert parent_of_moving(registered) is None
    np.testing.assert_array_equal(warped(registered), before)


def test_moved_on_while_outputs_are_written_it_is_not_forgotten(registered, slider, engine, meanwhile):
    engine.step = 0.1
    meanwhile(lambda: registered.runner.running, lambda: slider.setValue(2))
    Hands().drag(slider, 1)
    assert (slider.value, held(registered)) == (2, 2)
    assert wait_until(lambda: registered.runner.session.finishedIteration == 2, 5)


def test_the_panel_does_not_jump_while_outputs_are_written(registered, slider, engine, meanwhile):
    engine.step = 0.1
    hidden = []
    meanwhile(lambda: registered.runner.running, lambda: hidden.append(registered.ui.progressBar.isHidden()))
    Hands().drag(slider, 1)
    assert hidden == [True]


def test_a_failure_on_release_goes_back_to_what_was_finished(registered, slider, engine, app):
    engine.errors["finish"] = RuntimeError("disk on fire")
    Hands().drag(slider, 1)
    assert app.errors
    assert (held(registered), slider.value) == (3, 3)
    assert parent_of_moving(registered) is None


def test_a_removed_output_volume_is_not_made_again(registered, slider):
    slicer.mrmlScene.RemoveNode(registered.ui.outputVolumeSelector.currentNode())
    Hands().drag(slider, 1)
    assert registered.ui.outputVolumeSelector.currentNode() is None
    assert held(registered) == 1


def test_a_removed_transform_ends_the_session(registered, slider, app):
    slicer.mrmlScene.RemoveNode(registered.ui.outputTransformSelector.currentNode())
    slicer.app.processEvents()
    Hands().drag(slider, 1)
    assert parent_of_moving(registered) is None
    assert not registered.ui.saveTransformButton.enabled
    assert registered.ui.registerButton.enabled


@pytest.mark.parametrize("act", ["refine", "release", "polish"])
def test_a_transform_removed_meanwhile_ends_the_session_too(registered, slider, engine, meanwhile, act):
    engine.step, begun = 0.03, []
    moving = registered.ui.movingSelector.currentNode()
    own = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Own")
    result = registered.runner.session.transformNode
    moving.SetAndObserveTransformNodeID(own.GetID())
    meanwhile(lambda: registered.runner.running, lambda: slicer.mrmlScene.RemoveNode(result))
    if act == "release":
        Hands().drag(slider, 1)
    else:
        (registered.ui.refineButton if act == "refine" else registered.ui.polishButton).click()
    registered.sections.display.begin = lambda *_: begun.append(1)
    assert not wait_until(lambda: begun, 0.8), "it begins by itself again and again"
    assert registered.runner.session is None and not registered.ui.refineButton.enabled
    assert moving.GetParentTransformNode() is own


def test_a_step_that_waits_while_a_scene_is_read_is_given_up(registered, slider, app):
    scene = slicer.mrmlScene
    registered.sections.result._timer.setInterval(10)
    slider.value = 1
    scene.StartState(scene.ImportState)
    wait_until(lambda: False, 0.1)
    scene.EndState(scene.ImportState)
    assert app.errors == [] and parent_of_moving(registered) is None


def test_leaving_while_it_is_held_puts_the_moving_volume_back(registered, slider):
    moving, result = registered.ui.movingSelector.currentNode(), registered.ui.outputTransformSelector.currentNode()
    slider.setSliderDown(True)
    slider.setSliderPosition(1)
    registered.exit()
    assert moving.GetParentTransformNode() is None
    assert result.GetTransformFromParent().TransformPoint(0, 0, 0)[0] == pytest.approx(3)
    slider.setSliderDown(False)


def test_other_inputs_end_the_session_and_leave_its_result(registered, slider, volume):
    result, other = registered.ui.outputTransformSelector.currentNode(), volume("Other")
    registered.ui.movingSelector.setCurrentNode(other)
    assert not slider.enabled
    assert not registered.ui.refineButton.enabled
    assert registered.ui.verdictLabel.text == ""
    slider.setValue(1)
    assert other.GetParentTransformNode() is None
    assert result.GetTransformFromParent().TransformPoint(0, 0, 0)[0] == pytest.approx(3)


def test_an_output_chosen_on_purpose_stays_chosen(ready, volume):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "Mine")
    ready.ui.outputTransformSelector.setCurrentNode(node)
    ready.ui.movingSelector.setCurrentNode(volume("Other"))
    assert ready.ui.outputTransformSelector.currentNode() is node


def test_what_is_kept_in_less_memory_is_said_to_be_so(registered, monkeypatch):
    from puppet_engine import PuppetRegistration

    monkeypatch.setattr(PuppetRegistration, "stored_error", lambda self, index: 0.07 if index == 1 else 0.0)
    slider, verdict = registered.ui.iterationSlider, registered.ui.verdictLabel
    slider.setSliderDown(True)
    slider.setSliderPosition(1)
    assert "accurate to 0.07 mm" in verdict.text
    monkeypatch.setattr(PuppetRegistration, "stored_error", lambda self, index: 0.0)  # computed again
    slider.setSliderDown(False)
    assert "accurate to" not in verdict.text


def test_what_was_finished_is_exact_however_it_is_kept(registered, slider, monkeypatch):
    from puppet_engine import PuppetRegistration

    monkeypatch.setattr(PuppetRegistration, "stored_error", lambda self, index: 0.07)
    slider.setSliderDown(True)
    slider.setSliderPosition(1)
    assert "accurate to 0.07 mm" in registered.ui.verdictLabel.text
    slider.setSliderDown(False)
    assert "accurate to" not in registered.ui.verdictLabel.text


def test_the_tooltip_of_the_slider_names_the_best(registered):
    assert "hardly any folds): 3" in registered.ui.iterationSlider.toolTip


def test_moved_while_something_else_is_computed_it_is_followed_too(registered, slider, meanwhile):
    meanwhile(lambda: registered.runner.running, lambda: slider.setValue(1))
    registered.runner.run(lambda: time.sleep(0.1))
    assert (slider.value, held(registered)) == (1, 1)
    assert wait_until(lambda: registered.runner.session.finishedIteration == 1, 5)


def test_register_right_after_a_step_finds_the_moving_volume_where_it_was(registered, slider, engine):
    parent = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Parent")
    registered.ui.movingSelector.currentNode().SetAndObserveTransformNodeID(parent.GetID())
    registered.ui.registerButton.click()
    slider.setValue(1)
    assert parent_of_moving(registered) is not parent
    registered.ui.registerButton.click()
    assert parent_of_moving(registered) is parent


def test_the_fixed_volumes_parent_is_removed(registered, slider):
    parent = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Parent")
    registered.ui.fixedSelector.currentNode().SetAndObserveTransformNodeID(parent.GetID())
    registered.ui.registerButton.click()
    slicer.mrmlScene.RemoveNode(parent)
    slider.setValue(1)
    slicer.app.processEvents()
    assert registered.runner.session is None
    assert not slider.enabled and registered.ui.iterationLabel.text == ""


def test_a_step_just_before_other_work_is_followed_after_it(registered, slider):
    slider.setValue(1)
    registered.runner.run(lambda: time.sleep(0.6))
    assert wait_until(lambda: registered.runner.session.finishedIteration == 1, 5)


def test_dragged_on_while_outputs_are_written_and_landmarks_measured(registered, slider, engine, meanwhile):
    for name, side in (("A", registered.ui.fixedLandmarksSelector), ("B", registered.ui.movingLandmarksSelector)):
        points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
        points.AddControlPoint([1, 2, 3])
        side.setCurrentNode(points)
    slicer.app.processEvents()
    engine.step = 0.1

    def drag_on():
        slider.setSliderDown(True)
        slider.setSliderPosition(1)

    meanwhile(lambda: registered.runner.running, drag_on)
    Hands().drag(slider, 2)
    assert (slider.value, held(registered)) == (1, 1)
    assert parent_of_moving(registered) is registered.ui.outputTransformSelector.currentNode()
    slider.setSliderDown(False)


def test_nothing_is_placed_for_a_panel_that_was_left_meanwhile(registered, slider, engine, meanwhile):
    engine.step = 0.03
    moving = registered.ui.movingSelector.currentNode()
    slicer.mrmlScene.RemoveNode(registered.ui.outputVolumeSelector.currentNode())
    slicer.app.processEvents()
    meanwhile(lambda: registered.runner.running, registered.exit)
    registered.ui.refineButton.click()
    slicer.app.processEvents()
    assert moving.GetParentTransformNode() is None


def cannot_finish(engine, tries):
    def restore(iteration, cancelled=None):
        tries.append(iteration)
        raise RuntimeError("the disk is full")

    engine.last.restore = restore


@pytest.mark.parametrize("keep", [True, False])
def test_what_cannot_be_written_is_tried_once(ready, engine, app, keep):
    """Also with "keep on cancel", which is about a registration that is not finished."""
    ready.ui.keepCheckBox.checked = keep
    ready.ui.registerButton.click()
    tries = []
    cannot_finish(engine, tries)
    ready.ui.iterationSlider.value = 1
    wait_until(lambda: False, 1.2)
    session = ready.runner.session
    assert tries == [1] and len(app.errors) == 1
    assert (session.shownIteration, session.finishedIteration, ready.ui.iterationSlider.value) == (3, 3, 3)


def test_after_leaving_with_the_slider_moved_all_is_of_what_the_outputs_hold(registered, slider):
    slider.value = 1
    registered.exit()
    registered.enter()
    assert slider.value == 3 and registered.ui.iterationLabel.text == "3 of 4 (best)"
    assert "in 3 iterations" in registered.ui.verdictLabel.text


def moved(x):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Shift")
    matrix = np.eye(4)
    matrix[0, 3] = x
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return node


@pytest.mark.parametrize("harden", [True, False])
def test_a_fixed_volume_that_was_moved_ends_the_session(registered, slider, harden):
    fixed = registered.ui.fixedSelector.currentNode()
    before = warped(registered)
    fixed.SetAndObserveTransformNodeID(moved(30).GetID())
    if harden:
        fixed.HardenTransform()
    slider.value = 1
    registered.sections.update()
    assert registered.runner.session is None and not slider.enabled
    np.testing.assert_array_equal(warped(registered), before)


def test_a_moving_volume_with_the_result_hardened_on_it_is_not_displaced_twice(views, registered, slider):
    moving = registered.ui.movingSelector.currentNode()
    moving.SetAndObserveTransformNodeID(registered.ui.outputTransformSelector.currentNode().GetID())
    moving.HardenTransform()
    slider.setSliderDown(True)
    slider.setSliderPosition(1)
    assert moving.GetParentTransformNode() is None
    slider.setSliderDown(False)


@pytest.mark.parametrize("how", ["slider", "refine", "polish"])
def test_a_fixed_volume_whose_parent_was_turned_ends_the_session(ready, how):
    """Nobody tells the panel of it: it looks when something is to go on."""
    ui, parent = ready.ui, moved(0)
    ui.fixedSelector.currentNode().SetAndObserveTransformNodeID(parent.GetID())
    ui.registerButton.click()
    before, matrix = warped(ready), np.eye(4)
    matrix[0, 3] = 30
    parent.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    if how == "slider":
        Hands().drag(ui.iterationSlider, 1)
    else:
        getattr(ui, how + "Button").click()
    slicer.app.processEvents()
    assert ready.runner.session is None and not ui.iterationSlider.enabled and not ui.refineButton.enabled
    assert "was changed or removed" in ui.statusLabel.text
    np.testing.assert_array_equal(warped(ready), before)


def test_a_volume_changed_while_the_slider_is_held_leaves_outputs_that_agree(registered, slider):
    slider.setSliderDown(True)
    slider.setSliderPosition(1)
    registered.ui.fixedSelector.currentNode().SetAndObserveTransformNodeID(moved(30).GetID())
    registered.exit()
    assert held(registered) == 3
    slider.setSliderDown(False)


def test_a_slider_moved_for_a_panel_that_was_left(registered, engine, meanwhile):
    ui, engine.step = registered.ui, 0.2

    def move():
        ui.iterationSlider.value = 0
        registered.exit()

    meanwhile(lambda: registered.runner.running, move)
    Hands().drag(ui.iterationSlider, 2)
    registered.enter()
    assert ui.iterationSlider.value == registered.runner.session.finishedIteration == 2
