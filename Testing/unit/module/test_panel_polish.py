"""Quality presets and the polish: at the end of a registration, and of its own."""

import slicer


def test_a_quality_sets_the_iterations_and_polishes_at_the_end(ready, engine, choose):
    ui = ready.ui
    choose(ui.qualityComboBox, "Fast")
    assert ui.maximumIterationsSpinBox.value == 2
    ui.maximumIterationsSpinBox.value = 1
    ui.registerButton.click()
    assert [state.polished for state in engine.last.iterations] == [False, False, True]
    assert ui.iterationLabel.text == "polished (best)"
    assert ready.ui.verdictLabel.text.startswith("Improved NCC 0.50 → 0.80 in 1 iteration and a polish")


def test_polish_goes_on_from_the_last_iteration(registered, engine):
    registered.ui.polishButton.click()
    assert [state.polished for state in engine.last.iterations] == [False] * 5 + [True]
    assert registered.ui.iterationSlider.maximum == 5


def test_without_a_result_there_is_nothing_to_polish(panel):
    assert not panel.ui.polishButton.enabled
    assert "Register first" in panel.ui.polishButton.toolTip


def test_a_polish_that_fails_keeps_the_iterations(ready, engine, choose):
    choose(ready.ui.qualityComboBox, "Best")
    ready.ui.maximumIterationsSpinBox.value = 2
    engine.errors["polish"] = ValueError("a bug")
    ready.ui.registerButton.click()
    assert [state.polished for state in engine.last.iterations] == [False] * 3
    assert "The polish failed (a bug): this is the result without it" in ready.ui.verdictLabel.text


def test_a_cancelled_polish_leaves_the_scene_as_it_was(ready, engine, meanwhile, choose):
    choose(ready.ui.qualityComboBox, "Fast")
    ready.ui.maximumIterationsSpinBox.value = 1
    nodes = slicer.mrmlScene.GetNumberOfNodes()
    engine.step = 0.2
    meanwhile(lambda: ready.ui.statusLabel.text == "Polishing", ready.ui.registerButton.click)
    ready.ui.registerButton.click()
    assert ready.ui.statusLabel.text == "The registration was stopped."
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes
