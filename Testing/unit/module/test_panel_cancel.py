"""Cancel: at every moment, with and without keeping what is done."""

import time

import pytest
import slicer
from test_panel_register import at_iteration, node_names, outputs, shift

from in_app.hands import Hands


def test_while_it_runs_the_button_is_cancel_and_inputs_are_closed(ready, engine, meanwhile):
    engine.step = 0.03
    ui, seen = ready.ui, []

    def look():
        widgets = (ui.inputsCollapsibleButton, ui.iterationSlider, ui.refineButton, ui.saveTransformButton)
        seen.append((ui.registerButton.text, ui.registerButton.enabled, [widget.enabled for widget in widgets]))
        seen.append((ui.progressBar.isHidden(), 0 < ui.progressBar.value < 100, ui.statusLabel.text))

    meanwhile(at_iteration(ready, 1), look)
    ui.registerButton.click()
    assert seen == [("Cancel", True, [False] * 4), (False, True, "Iteration 2 of 4")]
    assert ui.inputsCollapsibleButton.enabled


@pytest.mark.parametrize("stage", ["aligning", "refining", "finishing"])
def test_cancel_leaves_the_scene_as_it_was(ready, engine, meanwhile, app, stage):
    engine.align = engine.step = 0.05
    ui, before = ready.ui, node_names()
    moment = {
        "aligning": lambda: ready.runner.running and "Align" in ui.statusLabel.text,
        "refining": at_iteration(ready, 2),
        "finishing": at_iteration(ready, 4),
    }[stage]
    meanwhile(moment, ui.registerButton.click)
    ui.registerButton.click()
    assert ui.statusLabel.text == "The registration was stopped."
    assert node_names() == before
    assert ui.movingSelector.currentNode().GetParentTransformNode() is None
    assert (ui.registerButton.text, ui.registerButton.enabled) == ("Register", True)
    assert ui.iterationLabel.text == ui.verdictLabel.text == ""
    assert outputs(ready) == [None] * 3
    assert app.errors == []


def test_cancel_ends_within_one_iteration(ready, engine, meanwhile):
    engine.step = 0.05
    meanwhile(at_iteration(ready, 1), ready.ui.registerButton.click)
    ready.ui.registerButton.click()
    assert len(engine.last.iterations) <= 3


def test_cancel_can_keep_what_is_finished(ready, engine, meanwhile):
    engine.step = 0.05
    ready.ui.advancedCollapsibleButton.collapsed = False
    ready.ui.keepCheckBox.click()
    meanwhile(at_iteration(ready, 2), ready.ui.registerButton.click)
    ready.ui.registerButton.click()
    assert shift(outputs(ready)[0]) == pytest.approx(2)
    assert ready.ui.iterationSlider.maximum == 2
    assert None not in outputs(ready)


def test_a_cancelled_second_run_leaves_the_first_result(registered, engine, meanwhile):
    engine.step = 0.05
    before, names = outputs(registered), node_names()
    meanwhile(at_iteration(registered, 1), registered.ui.registerButton.click)
    registered.ui.registerButton.click()
    assert outputs(registered) == before
    assert node_names() == names
    assert shift(before[0]) == pytest.approx(3)


def test_cancelling_refine_further_keeps_the_result(registered, engine, meanwhile):
    engine.step = 0.05
    before = outputs(registered)
    meanwhile(at_iteration(registered, 6), registered.ui.registerButton.click)
    registered.ui.refineButton.click()
    assert outputs(registered) == before
    assert shift(before[0]) == pytest.approx(3)
    assert registered.ui.iterationSlider.enabled
    assert registered.ui.movingSelector.currentNode().GetParentTransformNode() is None


def test_a_double_click_on_register_registers(ready, engine, meanwhile, monkeypatch):
    """Whoever has never seen the module may double-click."""
    engine.step = 0.02
    button = ready.ui.registerButton
    monkeypatch.setattr(type(button), "underMouse", lambda self: True, raising=False)
    meanwhile(lambda: ready.runner.running, button.click)
    button.click()
    assert None not in outputs(ready)


def test_a_later_click_with_the_mouse_cancels(ready, engine, meanwhile, monkeypatch):
    engine.step = 0.02
    button = ready.ui.registerButton
    monkeypatch.setattr(type(button), "underMouse", lambda self: True, raising=False)
    monkeypatch.setattr(slicer.app, "doubleClickInterval", 1, raising=False)
    meanwhile(at_iteration(ready, 2), button.click)
    button.click()
    assert outputs(ready) == [None] * 3


@pytest.mark.parametrize("act", ["cancel", "remove", "close"])
def test_while_torch_is_loaded_the_user_may_think_better_of_it(ready, engine, meanwhile, app, monkeypatch, act):
    from FiReworkRegistrationLib.panel import runner

    monkeypatch.setattr(runner, "loadEngine", lambda: time.sleep(0.1))
    ui = ready.ui
    acts = {
        "cancel": ui.registerButton.click,
        "remove": lambda: slicer.mrmlScene.RemoveNode(ui.fixedSelector.currentNode()),
        "close": lambda: slicer.mrmlScene.Clear(0),
    }
    meanwhile(lambda: ready.runner.running and "PyTorch" in ui.statusLabel.text, acts[act])
    ui.registerButton.click()
    assert engine.made == []
    assert app.errors == []
    assert ui.registerButton.text == "Register"


@pytest.mark.parametrize("moment", ["Align", "Iteration"])
def test_cancel_before_there_is_anything_to_keep(ready, engine, app, meanwhile, moment):
    ready.ui.keepCheckBox.checked = True
    engine.align, engine.step = 0.2, 0.2
    meanwhile(lambda: ready.runner.running and moment in ready.ui.statusLabel.text, ready.runner.cancel)
    ready.ui.registerButton.click()
    assert app.errors == [] and ready.runner.session is None
    assert outputs(ready) == [None] * 3


@pytest.mark.parametrize("button", ["refineButton", "polishButton"])
def test_a_cancel_before_anything_new_leaves_the_chosen_iteration(ready, engine, meanwhile, button):
    ui, engine.step = ready.ui, 0.1
    ui.keepCheckBox.checked = True
    ui.registerButton.click()
    Hands().drag(ui.iterationSlider, 1)
    meanwhile(lambda: ready.runner.running and ui.registerButton.text == "Cancel", ready.runner.cancel)
    getattr(ui, button).click()
    assert ready.runner.session.finishedIteration == 1
    assert ui.statusLabel.text == "The registration was stopped."


def test_a_parent_that_is_gone_does_not_come_back(ready, engine, meanwhile):
    shift, transform = (slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", name) for name in ("Shift", "Mine"))
    transform.SetAndObserveTransformNodeID(shift.GetID())
    ready._parameterNode.outputTransform = transform
    engine.step = 0.05

    def remove():
        slicer.mrmlScene.RemoveNode(shift)
        ready.runner.cancel()

    meanwhile(lambda: ready.runner.running and ready.ui.iterationSlider.value == 2, remove)
    ready.ui.registerButton.click()
    assert transform.GetTransformNodeID() is None
