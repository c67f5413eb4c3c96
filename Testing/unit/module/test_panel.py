"""The panel as the user works it: selectors, buttons, messages."""

import sys
from types import SimpleNamespace

import pytest
import slicer

from FiReworkRegistrationLib.engine.errors import RegistrationError


@pytest.fixture
def ready(panel, volume):
    """The panel with a fixed and a moving volume chosen."""
    panel.ui.fixedSelector.setCurrentNode(volume("Template"))
    panel.ui.movingSelector.setCurrentNode(volume("Patient"))
    return panel


def node_names():
    return {slicer.mrmlScene.GetNthNode(i).GetName() for i in range(slicer.mrmlScene.GetNumberOfNodes())}


def test_nothing_is_chosen_at_first(panel, volume):
    volume("Some volume")
    assert panel.ui.fixedSelector.currentNode() is None
    assert not panel.ui.registerButton.enabled
    assert panel.ui.registerButton.toolTip == "Select a fixed and a moving volume"
    assert not panel.ui.cancelButton.enabled
    assert not panel.ui.progressBar.visible


def test_the_button_says_what_is_missing(panel, volume):
    first, second = volume("A"), volume("B")
    panel.ui.fixedSelector.setCurrentNode(first)
    assert panel.ui.registerButton.toolTip == "Select a moving volume"
    panel.ui.movingSelector.setCurrentNode(first)
    assert panel.ui.registerButton.toolTip == "Fixed and moving volume must not be the same"
    panel.ui.fixedSelector.setCurrentNode(None)
    assert panel.ui.registerButton.toolTip == "Select a fixed volume"
    panel.ui.fixedSelector.setCurrentNode(second)
    assert panel.ui.registerButton.enabled


def test_an_input_cannot_be_an_output(ready):
    ready.ui.outputVolumeSelector.setCurrentNode(ready.ui.movingSelector.currentNode())
    assert not ready.ui.registerButton.enabled
    assert "must not be one of the input" in ready.ui.registerButton.toolTip


def test_the_outputs_are_two(ready, volume):
    node = volume("Out")
    ready.ui.outputVolumeSelector.setCurrentNode(node)
    ready.ui.outputJacobianSelector.setCurrentNode(node)
    assert "must not be the same" in ready.ui.registerButton.toolTip


def test_a_removed_input_disables_the_button(ready):
    slicer.mrmlScene.RemoveNode(ready.ui.movingSelector.currentNode())
    assert ready.ui.registerButton.toolTip == "Select a moving volume"


def test_label_maps_and_linear_transforms_are_not_offered(panel):
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Labels")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Linear")
    assert panel.ui.fixedSelector.nodeCount() == 0
    assert panel.ui.outputTransformSelector.nodeCount() == 0


def test_slider_spin_box_and_parameter_agree(panel):
    panel.ui.iterationsSlider.value = 5
    assert panel.ui.iterationsSpinBox.value == 5
    assert panel.logic.getParameterNode().iterations == 5
    panel.logic.getParameterNode().iterations = 12
    assert panel.ui.iterationsSlider.value == 12
    assert (panel.ui.iterationsSlider.minimum, panel.ui.iterationsSlider.maximum) == (1, 20)


def test_register_passes_the_choices_on(ready, bridge):
    ready.ui.iterationsSpinBox.value = 3
    ready.ui.deviceComboBox.currentIndex = 2
    ready.ui.registerButton.click()
    fixed, moving, options = bridge.calls[0]
    assert (fixed.GetName(), moving.GetName()) == ("Template", "Patient")
    assert (options["iterations"], options["device"]) == (3, "cpu")
    assert options["outputTransform"] is None


def test_the_selectors_show_the_outputs(ready, bridge):
    ready.ui.registerButton.click()
    names = [
        getattr(ready.ui, f"output{name}Selector").currentNode().GetName()
        for name in ("Transform", "Volume", "Jacobian")
    ]
    assert names == ["T", "V", "J"]
    assert ready.ui.statusLabel.text.startswith("Done")
    assert ready.ui.registerButton.enabled
    assert not ready.ui.progressBar.visible


def test_a_second_run_writes_into_the_same_outputs(ready, bridge):
    ready.ui.registerButton.click()
    before = node_names()
    ready.ui.registerButton.click()
    assert bridge.calls[1][2]["outputTransform"] is ready.ui.outputTransformSelector.currentNode()
    assert node_names() == before


def test_progress_is_shown_while_running(ready, bridge):
    seen = []
    ui = ready.ui

    def look():
        enabled = [w.enabled for w in (ui.registerButton, ui.cancelButton, ui.inputsCollapsibleButton)]
        seen.append((ui.progressBar.value, ui.statusLabel.text, enabled))

    bridge.during = look
    ui.registerButton.click()
    assert seen == [(50, "Half way", [False, True, False])]
    assert ui.inputsCollapsibleButton.enabled


def test_a_click_while_running_starts_nothing(ready, bridge):
    bridge.during = ready.onRegisterButton
    ready.ui.registerButton.click()
    assert len(bridge.calls) == 1


def test_cancel_stops_and_leaves_the_scene(ready, bridge, app):
    before = node_names()
    bridge.during = ready.ui.cancelButton.click
    ready.ui.registerButton.click()
    assert ready.ui.statusLabel.text == "The registration was stopped."
    assert node_names() == before
    assert app.errors == []
    assert ready.ui.registerButton.enabled


def test_a_bad_input_is_said_as_it_is(ready, bridge, app):
    bridge.error = RegistrationError("Fixed volume 'Template' has one slice; choose a 3D volume.")
    ready.ui.registerButton.click()
    assert app.errors == [str(bridge.error)]
    assert ready.ui.statusLabel.text == str(bridge.error)
    assert ready.ui.registerButton.enabled


def test_an_unforeseen_failure_is_logged(ready, bridge, app, caplog):
    bridge.error = KeyError("weights")
    ready.ui.registerButton.click()
    assert app.errors[0].startswith("The registration failed")
    assert "KeyError" in caplog.text


def test_missing_torch_is_a_message_not_a_crash(ready, bridge, packages, app, monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    packages.installed.clear()
    ready.ui.registerButton.click()
    assert "PyTorch" in app.errors[0]
    assert bridge.calls == []


def test_a_declined_installation_is_no_error(ready, packages, app, monkeypatch):
    packages.installed.clear()
    extension = SimpleNamespace(PyTorchUtilsLogic=lambda: SimpleNamespace(installTorch=lambda **options: None))
    monkeypatch.setitem(sys.modules, "PyTorchUtils", extension)
    ready.ui.registerButton.click()
    assert app.errors == []
    assert "was not installed" in ready.ui.statusLabel.text


def test_closing_the_scene_while_running(ready, bridge, app):
    bridge.during = lambda: slicer.mrmlScene.Clear(0)
    ready.ui.registerButton.click()
    assert ready.ui.statusLabel.text == "The registration was stopped."
    assert app.errors == []


def test_leaving_and_coming_back(ready):
    ready.exit()
    assert not ready.ui.registerButton.enabled
    ready.enter()
    assert ready.ui.fixedSelector.currentNode().GetName() == "Template"
    assert ready.ui.registerButton.enabled


def test_closing_the_scene(ready):
    slicer.mrmlScene.Clear(0)
    ready.enter()
    assert ready.ui.fixedSelector.currentNode() is None
    assert not ready.ui.registerButton.enabled


def test_reload_reads_the_library_again(panel, monkeypatch):
    reloaded = []
    monkeypatch.setattr(slicer.util, "reloadScriptedModule", reloaded.append)
    kept = {name: m for name, m in sys.modules.items() if name.startswith("FiReworkRegistrationLib")}
    old = sys.modules["FiReworkRegistrationLib"]
    try:
        panel.onReload()
        assert sys.modules["FiReworkRegistrationLib"] is not old
        assert "FiReworkRegistrationLib.panel.dependencies" not in sys.modules
        assert reloaded == ["FiReworkRegistration"]
    finally:
        sys.modules.update(kept)


def test_cleanup_leaves_no_observer(panel):
    panel.cleanup()
    assert panel.Observations == []
