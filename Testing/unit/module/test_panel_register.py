"""Register, what is seen while it runs, and what can go wrong; for Cancel see test_panel_cancel.py."""

import gc
import sys
import time
import weakref
from types import SimpleNamespace

import numpy as np
import puppet_engine
import pytest
import qt
import slicer

from FiReworkRegistrationLib.engine.errors import RegistrationError


def node_names():
    """Of the scene, without the parameter node and what views bring."""
    nodes = (slicer.mrmlScene.GetNthNode(i) for i in range(slicer.mrmlScene.GetNumberOfNodes()))
    return sorted(n.GetName() for n in nodes if n.IsA("vtkMRMLVolumeNode") or n.IsA("vtkMRMLTransformNode"))


def outputs(panel):
    return [getattr(panel.ui, f"output{name}Selector").currentNode() for name in ("Transform", "Volume", "Jacobian")]


def shift(transformNode):
    """mm to the right at the center: the iteration that the puppet engine has put there."""
    return transformNode.GetTransformFromParent().TransformPoint(1, 2, 3)[0] - 1


def at_iteration(panel, index):
    return lambda: panel.runner.running and panel.ui.iterationSlider.value == index


def test_register_passes_the_choices_on(ready, engine):
    ui = ready.ui
    ui.maximumIterationsSpinBox.value = 2
    ui.deviceComboBox.setCurrentIndex(ui.deviceComboBox.count - 1)
    ui.precisionComboBox.setCurrentIndex(1)
    ui.spacingComboBox.setCurrentIndex(4)
    ui.normalizationComboBox.setCurrentIndex(1)
    ui.contrastComboBox.setCurrentIndex(2)
    ui.alignCheckBox.click()
    ui.registerButton.click()
    settings = engine.last.settings
    chosen = [settings[name] for name in ("device", "precision", "spacing", "affine", "normalization", "contrast")]
    assert chosen == ["cpu", "fp32", 3.0, "none", "full-range", "different"]
    assert len(engine.last.iterations) == 3


def test_outputs_are_made_named_and_shown_in_the_selectors(registered):
    names = [node.GetName() for node in outputs(registered)]
    assert names == ["Patient to Template transform", "Patient registered", "Patient Jacobian"]
    assert registered.ui.statusLabel.text.startswith("Done")
    assert registered.ui.registerButton.text == "Register"
    assert registered.ui.registerButton.enabled
    assert registered.ui.progressBar.isHidden()
    assert registered.ui.movingSelector.currentNode().GetParentTransformNode() is None


def test_the_best_iteration_is_chosen_and_marked(registered):
    assert registered.ui.iterationSlider.value == 3
    assert registered.ui.iterationSlider.maximum == 4
    assert registered.ui.iterationLabel.text == "3 of 4 (best)"
    assert shift(outputs(registered)[0]) == pytest.approx(3)
    assert registered.ui.verdictLabel.text.startswith("Improved NCC 0.50 → 0.85 in 3 iterations")


def test_a_second_run_writes_into_the_same_outputs(registered, engine):
    before, names = outputs(registered), node_names()
    registered.ui.registerButton.click()
    assert outputs(registered) == before
    assert node_names() == names
    assert len(engine.made) == 2


def test_a_second_run_with_other_inputs_leaves_the_first_result(registered, volume):
    first = outputs(registered)
    registered.ui.movingSelector.setCurrentNode(volume("Other patient"))
    assert outputs(registered) == [None] * 3
    registered.ui.registerButton.click()
    assert outputs(registered)[0].GetName() == "Other patient to Template transform"
    assert not set(outputs(registered)) & set(first)
    assert all(node.GetScene() for node in first)


def test_work_is_done_on_one_thread_of_its_own(registered, engine):
    registered.ui.registerButton.click()
    assert engine.threads == {"FiReworkRegistration"}


def test_every_iteration_is_seen_while_it_runs(ready, engine, meanwhile):
    engine.step = 0.03
    ui, seen = ready.ui, []

    def look():
        moving = ui.movingSelector.currentNode()
        seen.append((ui.iterationLabel.text, round(shift(moving.GetParentTransformNode()), 3)))

    for index in (1, 2, 3):
        meanwhile(at_iteration(ready, index), look)
    ui.registerButton.click()
    assert sorted(seen) == [("1 of 1", 1), ("2 of 2", 2), ("3 of 3", 3)]


def test_a_failure_is_said_as_it_is(ready, engine, app, caplog):
    caplog.set_level("INFO")
    engine.errors["align"] = RegistrationError("Fixed volume 'Template' has one slice; choose a 3D volume.")
    before = node_names()
    ready.ui.registerButton.click()
    assert app.errors == [ready.ui.statusLabel.text] == ["Fixed volume 'Template' has one slice; choose a 3D volume."]
    assert "in work" in caplog.text, "where it came from is in the log"
    assert ready.ui.registerButton.enabled
    assert node_names() == before


@pytest.mark.parametrize("step", ["align", "refine", "finish"])
def test_an_unforeseen_failure_is_logged_and_leaves_the_scene(ready, engine, app, caplog, step):
    engine.errors[step] = KeyError("weights")
    before = node_names()
    ready.ui.registerButton.click()
    assert app.errors[0].startswith("An error occurred")
    assert "KeyError" in caplog.text
    assert "in work" in caplog.text, "the trace of the thread is in the log"
    assert node_names() == before
    ready.ui.registerButton.click()
    assert None not in outputs(ready)


def test_missing_torch_is_a_message_not_a_crash(ready, engine, packages, app, monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    packages.installed.clear()
    ready.ui.registerButton.click()
    assert "PyTorch" in app.errors[0]
    assert engine.made == []
    assert ready.ui.registerButton.text == "Register"


def test_a_declined_installation_is_no_error(ready, packages, app, monkeypatch):
    packages.installed.clear()
    extension = SimpleNamespace(PyTorchUtilsLogic=lambda: SimpleNamespace(installTorch=lambda **options: None))
    monkeypatch.setitem(sys.modules, "PyTorchUtils", extension)
    ready.ui.registerButton.click()
    assert app.errors == []
    assert "was not installed" in ready.ui.statusLabel.text


def test_refine_further_goes_on_from_the_last_iteration(registered, engine):
    first = engine.last.iterations[:5]
    registered.ui.refineButton.click()
    assert len(engine.made) == 1
    assert engine.last.iterations[:5] == first
    assert registered.ui.iterationSlider.maximum == 8
    assert registered.ui.iterationLabel.text == "3 of 8 (best)"
    assert registered.ui.statusLabel.text.startswith("4 more iterations were no better")


@pytest.mark.parametrize("role", ["fixedSelector", "movingSelector"])
def test_an_input_removed_meanwhile_ends_it(ready, engine, meanwhile, app, role):
    engine.step = 0.03
    node = getattr(ready.ui, role).currentNode()
    meanwhile(at_iteration(ready, 2), lambda: slicer.mrmlScene.RemoveNode(node))
    ready.ui.registerButton.click()
    assert not any("registered" in name or "transform" in name for name in node_names())
    assert "was removed" in ready.ui.statusLabel.text
    assert not ready.ui.registerButton.enabled
    assert app.errors == []


def test_an_output_removed_meanwhile_ends_it(registered, engine, meanwhile, app):
    engine.step = 0.03
    transform = outputs(registered)[0]
    meanwhile(at_iteration(registered, 2), lambda: slicer.mrmlScene.RemoveNode(transform))
    registered.ui.registerButton.click()
    assert "transform" not in " ".join(node_names())
    assert registered.ui.registerButton.text == "Register"
    assert app.errors == []


@pytest.mark.parametrize("index", [0, 2, 4])
def test_closing_the_scene_meanwhile_ends_it(ready, engine, meanwhile, app, index):
    engine.step = 0.04
    meanwhile(at_iteration(ready, index), lambda: slicer.mrmlScene.Clear(0))
    ready.ui.registerButton.click()
    assert node_names() == []
    assert app.errors == []
    assert not ready.ui.registerButton.enabled
    assert ready.runner.session is None


def test_leaving_the_panel_meanwhile_lets_it_finish(ready, engine, meanwhile):
    engine.step = 0.03
    meanwhile(at_iteration(ready, 1), ready.exit)
    ready.ui.registerButton.click()
    ready.enter()
    assert None not in outputs(ready)


@pytest.fixture
def with_window(monkeypatch, engine, open_panel, volume):
    """The panel of an application with a main window."""
    monkeypatch.setattr(slicer.util, "mainWindow", lambda: object())
    volume("Template"), volume("Patient")
    return open_panel()


@pytest.mark.parametrize("keep", [True, False])
def test_closing_the_application_ends_it(with_window, engine, meanwhile, app, keep):
    """Qt leaves only when all events are handled, and the work keeps handling events."""
    engine.step = 0.03
    parameters = with_window.logic.getParameterNode()
    parameters.keepOnCancel, parameters.iterations = keep, 10
    meanwhile(at_iteration(with_window, 1), lambda: slicer.app._emit("lastWindowClosed()"))
    with_window.ui.registerButton.click()
    assert len(engine.last.iterations) <= 3
    assert outputs(with_window) == [None] * 3, "nobody would see them"
    assert app.errors == []


def test_an_error_is_shown_over_a_panel_at_rest(ready, engine, monkeypatch):
    engine.errors["refine"] = RegistrationError("Volumes do not overlap.")
    ui, seen = ready.ui, []
    monkeypatch.setattr(
        slicer.util,
        "errorDisplay",
        lambda text, **_: seen.append((ui.registerButton.text, ui.progressBar.isHidden(), ready.runner.running)),
    )
    ui.registerButton.click()
    assert seen == [("Register", True, False)]


def test_a_click_while_packages_are_installed_starts_nothing_twice(ready, engine, monkeypatch):
    from FiReworkRegistrationLib.panel import dependencies

    installed = []

    def install():
        # As Slicer does after every line that pip prints.
        installed.append(1)
        if len(installed) < 3:
            slicer.app.processEvents()
            ready.ui.registerButton.click()

    monkeypatch.setattr(dependencies, "ensureInstalled", install)
    ready.ui.registerButton.click()
    assert installed == [1]
    assert len(engine.made) == 1
    assert outputs(ready)[0]


def test_a_registration_gives_its_memory_up_before_the_next_one_begins(registered, engine, meanwhile):
    engine.step = 0.03
    first = weakref.ref(registered.runner.session)
    alive = []

    def look():
        gc.collect()
        alive.append(first())

    meanwhile(lambda: registered.runner.running and "Align" in registered.ui.statusLabel.text, look)
    registered.ui.registerButton.click()
    assert alive == [None]


def test_another_pair_chosen_by_a_script_meanwhile_keeps_its_own_outputs(ready, volume, engine, meanwhile, app):
    engine.step, other = 0.03, volume("Other")
    parameters = ready.logic.getParameterNode()
    meanwhile(at_iteration(ready, 2), lambda: setattr(parameters, "movingVolume", other))
    ready.ui.registerButton.click()
    assert app.errors == [] and ready.ui.statusLabel.text.startswith("Done")
    assert parameters.outputTransform is None and ready.runner.session is None


def test_the_result_of_one_pair_is_not_overwritten_by_that_of_another(registered, volume):
    """Also where the transform that told of what it is was deleted."""
    ui, parameters = registered.ui, registered._parameterNode
    first = parameters.outputVolume
    before = slicer.util.arrayFromVolume(first).copy()
    slicer.mrmlScene.RemoveNode(parameters.outputTransform)
    slicer.app.processEvents()
    ui.movingSelector.setCurrentNode(volume("Other"))
    slicer.app.processEvents()
    ui.registerButton.click()
    assert parameters.outputVolume not in (first, None)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(first), before)


def test_a_refinement_that_fails_leaves_the_result_and_says_why(ready, engine, app):
    ready.ui.keepCheckBox.checked = True
    ready.ui.registerButton.click()
    refine = type(engine.last).refine

    def fails(iterations, progress=None, cancelled=None):
        yield from list(refine(engine.last, iterations, progress, cancelled))[:2]
        raise RuntimeError("no room")

    engine.last.refine = fails
    ready.ui.refineButton.click()
    session = ready.runner.session
    assert (session.shownIteration, session.finishedIteration) == (3, 3)
    assert "no room" in app.errors[0]


def test_results_are_not_chosen_as_the_next_pair(registered):
    parameters = registered._parameterNode
    for node in (parameters.fixedVolume, parameters.movingVolume):
        slicer.mrmlScene.RemoveNode(node)
    slicer.app.processEvents()
    assert parameters.fixedVolume is None and parameters.movingVolume is None


def test_a_better_iteration_in_the_middle_is_told(ready, monkeypatch):
    monkeypatch.setattr(puppet_engine, "NCC", (0.5, 0.7, 0.8, 0.85, 0.84, 0.86, 0.90, 0.89, 0.88))
    ready.ui.registerButton.click()
    ready.ui.refineButton.click()
    assert ready.ui.statusLabel.text.endswith("hold this state: 6.")


def test_who_leaves_while_it_runs_has_the_moving_volume_where_it_was(ready, engine, meanwhile):
    ui, engine.step, seen = ready.ui, 0.05, []
    moving = ui.movingSelector.currentNode()

    def look():
        seen.append(moving.GetParentTransformNode())

    meanwhile(lambda: ready.runner.running and ui.iterationSlider.value == 2, lambda: (ready.exit(), look()))
    meanwhile(lambda: ready.runner.running and ui.iterationSlider.value == 4, look)
    ui.registerButton.click()
    assert seen == [None, None]


def test_refine_and_polish_rest_while_something_else_is_computed(registered):
    seen = []
    qt.QTimer.singleShot(50, lambda: seen.append(registered.ui.refineButton.enabled))
    registered.runner.run(lambda: time.sleep(0.2))
    assert seen == [False] and registered.ui.refineButton.enabled
