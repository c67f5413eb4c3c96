"""Scenes saved, loaded and closed; the module reloaded; several panels' worth of observers."""

import gc
import sys
import weakref

import pytest
import slicer

from FiReworkRegistrationLib.mrml.compare_modes import CompareMode
from host.scene_files import SceneFiles
from in_app.hands import Hands
from in_app.timers import wait_until


def saved(folder):
    """The scene as .mrb, as the application writes it."""
    assert SceneFiles(slicer.mrmlScene).save(folder / "scene.mrb")
    return folder / "scene.mrb"


def load(file):
    slicer.mrmlScene.Clear(0)
    slicer.app.processEvents()
    assert SceneFiles(slicer.mrmlScene).load(file)
    slicer.app.processEvents()


def selected(panel):
    names = "fixed", "moving", "outputTransform", "outputVolume", "outputJacobian", "fixedStructures", "movingMask"
    nodes = [getattr(panel.ui, f"{name}Selector").currentNode() for name in names]
    return [node and node.GetName() for node in nodes]


def choices(panel):
    ui = panel.ui
    return [
        ui.compareComboBox.currentIndex, ui.opacitySlider.value, ui.jacobianCheckBox.checked, ui.gridCheckBox.checked,
        ui.linkCheckBox.checked, ui.modelComboBox.currentIndex, ui.deviceComboBox.currentText,
        ui.precisionComboBox.currentText, ui.spacingComboBox.currentText, ui.maximumIterationsSpinBox.value,
        ui.stopRuleCheckBox.checked, ui.alignCheckBox.checked, ui.keepCheckBox.checked,
        ui.movingSegmentComboBox.currentIndex, panel.logic.getParameterNode().movingSegment,
    ]  # fmt: skip


@pytest.fixture
def changed(views, registered, volume):
    """Everything set to something else than it was."""
    ui = registered.ui
    ui.compareComboBox.setCurrentIndex(2)
    ui.opacitySlider.value = 0.25
    for box in (ui.jacobianCheckBox, ui.gridCheckBox, ui.linkCheckBox, ui.stopRuleCheckBox, ui.alignCheckBox):
        box.click()
    ui.keepCheckBox.click()
    ui.deviceComboBox.setCurrentIndex(ui.deviceComboBox.count - 1)
    ui.precisionComboBox.setCurrentIndex(1)
    ui.spacingComboBox.setCurrentIndex(3)
    ui.maximumIterationsSpinBox.value = 7
    labels = volume("Labels", "vtkMRMLLabelMapVolumeNode")
    ui.fixedStructuresSelector.setCurrentNode(labels)
    logic = slicer.vtkSlicerSegmentationsModuleLogic()
    logic.SetMRMLScene(slicer.mrmlScene)
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Segmentation")
    assert logic.ImportLabelmapToSegmentationNode(labels, segmentation)
    ui.movingMaskSelector.setCurrentNode(segmentation)
    ui.movingSegmentComboBox.setCurrentIndex(1)
    slicer.app.processEvents()
    return registered


def test_a_loaded_scene_shows_the_same_result_and_settings(changed, views, tmp_path):
    before = selected(changed), choices(changed)
    assert None not in before[0]
    assert before[1][-1]
    load(saved(tmp_path))
    assert (selected(changed), choices(changed)) == before
    node = changed.ui.outputTransformSelector.currentNode()
    assert node.GetTransformFromParent().TransformPoint(1, 2, 3) == pytest.approx((4, 2, 3), abs=1e-4)
    assert changed.ui.saveTransformButton.enabled
    assert not changed.ui.iterationSlider.enabled
    assert changed.ui.verdictLabel.text.startswith("Improved NCC 0.50 → 0.85 in 3 iterations")
    assert changed.ui.figuresTable.mrmlTableNode().GetNumberOfRows() == 5
    assert changed.ui.plotButton.enabled
    composite = views.sliceWidget("Red").mrmlSliceCompositeNode()
    assert slicer.mrmlScene.GetNodeByID(composite.GetForegroundVolumeID()).GetName() == "Patient registered"


def test_a_loaded_scene_can_be_registered_again(changed, tmp_path):
    load(saved(tmp_path))
    changed.ui.registerButton.click()
    assert changed.ui.iterationSlider.enabled
    assert "Patient registered" in selected(changed)


def test_saving_twice_gives_the_same_scene(changed, tmp_path):
    """What the panel shows in the views is not saved with it."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    load(saved(tmp_path / "a"))
    names = lambda: sorted(node.GetName() or "" for node in slicer.util.getNodesByClass("vtkMRMLVolumeNode"))  # noqa: E731
    before = [name for name in names() if "overlay" not in name]
    load(saved(tmp_path / "b"))
    assert [name for name in names() if "overlay" not in name] == before


def test_closing_the_scene_empties_the_panel(registered):
    slicer.mrmlScene.Clear(0)
    slicer.app.processEvents()
    ui = registered.ui
    assert selected(registered) == [None] * 7
    assert not ui.registerButton.enabled
    assert ui.registerButton.toolTip == "Select a fixed and a moving volume"
    assert not ui.iterationSlider.enabled
    assert not ui.refineButton.enabled
    assert ui.iterationLabel.text == ui.verdictLabel.text == ui.statusLabel.text == ui.judgementLabel.text == ""
    assert ui.figuresTable.mrmlTableNode() is None


def test_closing_the_scene_while_the_slider_is_held(registered):
    registered.ui.iterationSlider.setSliderDown(True)
    registered.ui.iterationSlider.setSliderPosition(1)
    slicer.mrmlScene.Clear(0)
    registered.ui.iterationSlider.setSliderDown(False)
    assert selected(registered) == [None] * 7


def test_a_panel_works_in_the_next_scene_as_in_the_first(registered, volume):
    slicer.mrmlScene.Clear(0)
    volume("A"), volume("B")
    slicer.app.processEvents()
    registered.ui.registerButton.click()
    assert selected(registered)[:3] == ["A", "B", "B to A transform"]


def test_the_scene_is_closed_while_another_module_is_open(registered, volume):
    registered.exit()
    registered.parent.isEntered = False
    slicer.mrmlScene.Clear(0)
    volume("A"), volume("B")
    registered.parent.isEntered = True
    registered.enter()
    assert selected(registered)[:2] == ["A", "B"]


def test_leaving_and_coming_back_keeps_the_session(registered):
    registered.exit()
    assert not registered.ui.registerButton.enabled
    registered.enter()
    assert selected(registered)[:2] == ["Template", "Patient"]
    assert registered.ui.registerButton.enabled
    Hands().drag(registered.ui.iterationSlider, 1)
    assert registered.runner.session.finishedIteration == 1


def test_a_reloaded_panel_knows_the_result(registered, open_panel):
    registered.exit()
    registered.cleanup()
    again = open_panel()
    assert selected(again)[:4] == ["Template", "Patient", "Patient to Template transform", "Patient registered"]
    assert again.ui.saveTransformButton.enabled
    again.ui.registerButton.click()
    assert again.ui.iterationSlider.enabled


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


def test_reload_and_test_waits_for_what_is_running(ready, engine, meanwhile, monkeypatch, app):
    kept = {name: m for name, m in sys.modules.items() if name.startswith("FiReworkRegistrationLib")}
    tested = []
    monkeypatch.setattr(slicer.util, "reloadScriptedModule", lambda name: None)
    monkeypatch.setattr(
        slicer, "selfTests", {"FiReworkRegistration": lambda **_: tested.append(ready.runner.running)}, raising=False
    )
    engine.step = 0.03
    meanwhile(lambda: ready.runner.running and ready.ui.iterationSlider.value == 1, ready.onReloadAndTest)
    try:
        ready.ui.registerButton.click()
        assert wait_until(lambda: tested, 2)
        assert tested == [False]
    finally:
        sys.modules.update(kept)


def test_reloading_meanwhile_ends_the_registration_and_then_reloads(ready, engine, meanwhile, monkeypatch, app):
    reloaded = []
    monkeypatch.setattr(slicer.util, "reloadScriptedModule", lambda name: reloaded.append((name, ready.runner.running)))
    kept = {name: m for name, m in sys.modules.items() if name.startswith("FiReworkRegistrationLib")}
    engine.step = 0.03
    ready.ui.maximumIterationsSpinBox.value = 10
    meanwhile(lambda: ready.runner.running and ready.ui.iterationSlider.value == 1, ready.onReload)
    try:
        ready.ui.registerButton.click()
        assert len(engine.last.iterations) <= 3
        assert ready.ui.outputTransformSelector.currentNode() is None
        assert wait_until(lambda: reloaded, 2)
        assert reloaded == [("FiReworkRegistration", False)]
        assert app.errors == []
    finally:
        sys.modules.update(kept)


def test_quitting_meanwhile_ends_the_thread(ready, engine, meanwhile):
    import threading

    engine.step = 0.03
    meanwhile(lambda: ready.runner.running and ready.ui.iterationSlider.value == 1, ready.cleanup)
    ready.ui.registerButton.click()
    assert "FiReworkRegistration" not in [thread.name for thread in threading.enumerate()]
    assert slicer.util.getNodesByClass("vtkMRMLTransformNode") == []


def test_cleanup_leaves_no_observer(registered):
    registered.cleanup()
    assert registered.Observations == []


def test_modes_are_kept_by_name(changed):
    node = changed.logic.getParameterNode().parameterNode
    assert node.GetParameter("compareMode") == CompareMode.FLICKER.name


def test_a_removed_node_is_not_replaced_by_its_neighbor(registered):
    """Slicer's selectors go to the next row; the panel has let go of the node before."""
    chosen = []
    parameters = registered._parameterNode
    removed = slicer.mrmlScene.NodeAboutToBeRemovedEvent
    tag = slicer.mrmlScene.AddObserver(removed, lambda *_: chosen.append(parameters.outputVolume), 1.0)
    slicer.mrmlScene.RemoveNode(parameters.outputVolume)
    slicer.mrmlScene.RemoveObserver(tag)
    assert chosen[0] is None and parameters.outputVolume is None


def test_a_node_to_apply_to_is_not_replaced_while_the_panel_is_left(registered):
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Points")
    selector, chosen = registered.ui.applySelector, []
    selector.setCurrentNode(points)
    registered.exit()
    removed = slicer.mrmlScene.NodeAboutToBeRemovedEvent
    # The selectors' model hears of it at -10.
    tag = slicer.mrmlScene.AddObserver(removed, lambda *_: chosen.append(selector.currentNode()), -10.0)
    slicer.mrmlScene.RemoveNode(points)
    slicer.mrmlScene.RemoveObserver(tag)
    assert chosen == [None]


def test_a_panel_that_is_left_no_longer_writes_choices(panel, volume, monkeypatch):
    """Also in a Slicer whose connectGui returns nothing."""
    parameters = panel._parameterNode
    connect = type(parameters).connectGui
    monkeypatch.setattr(type(parameters), "connectGui", lambda self, gui: (connect(self, gui), None)[1])
    panel.initializeParameterNode()
    parameters = panel._parameterNode
    panel.exit()
    panel.ui.maximumIterationsSpinBox.value = 13
    assert parameters.iterations == 4


def test_choices_are_not_written_while_a_scene_is_imported(registered):
    slicer.mrmlScene.StartState(slicer.vtkMRMLScene.ImportState)
    assert registered._parameterNode is None
    slicer.mrmlScene.EndState(slicer.vtkMRMLScene.ImportState)
    slicer.app.processEvents()
    assert registered._parameterNode.fixedVolume is not None
    assert registered.ui.saveTransformButton.enabled


def test_a_scene_imported_meanwhile_leaves_the_choices(ready, engine, meanwhile):
    """Selectors lose their rows while nodes are read."""
    engine.step = 0.03

    def read():
        slicer.mrmlScene.StartState(slicer.vtkMRMLScene.ImportState)
        assert ready._parameterNode is None
        slicer.mrmlScene.EndState(slicer.vtkMRMLScene.ImportState)

    meanwhile(lambda: ready.runner.running and ready.ui.iterationSlider.value == 2, read)
    ready.ui.registerButton.click()
    slicer.app.processEvents()
    names = [name for name in selected(ready) if name]
    assert names == ["Template", "Patient", "Patient to Template transform", "Patient registered", "Patient Jacobian"]


def test_visits_leave_no_wrapper_of_the_parameter_node_behind(registered):
    """Each observes the node for every parameter."""
    seen = []
    for _visit in range(3):
        seen.append(weakref.ref(registered._parameterNode))
        registered.exit()
        registered.enter()
    gc.collect()
    assert [wrapper() for wrapper in seen] == [None] * 3


def test_a_second_set_of_choices_keeps_another_registration_apart(registered, volume, engine):
    ui = registered.ui
    ui.advancedCollapsibleButton.collapsed = False
    own = ui.parameterSetSelector.currentNode()
    assert own is registered._parameterNode.parameterNode
    first = selected(registered)
    second = ui.parameterSetSelector.addNode()
    assert registered._parameterNode.parameterNode is second
    assert not ui.iterationSlider.enabled, "the slider was of the other registration"
    assert selected(registered) == [None] * 7
    ui.fixedSelector.setCurrentNode(volume("A"))
    ui.movingSelector.setCurrentNode(volume("B"))
    registered.logic.getParameterNode().quality = "plain"
    ui.registerButton.click()
    names = [name for name in selected(registered) if name]
    assert names == ["A", "B", "B to A transform", "B registered", "B Jacobian"]
    ui.parameterSetSelector.setCurrentNode(own)
    assert selected(registered) == first
    assert ui.saveTransformButton.enabled
    assert ui.verdictLabel.text.startswith("Improved NCC")


def test_the_same_pair_in_another_set_is_another_registration(ready):
    ui = ready.ui
    own, pair = ui.parameterSetSelector.currentNode(), selected(ready)[:2]
    second = ui.parameterSetSelector.addNode()
    for selector, name in zip((ui.fixedSelector, ui.movingSelector), pair, strict=True):
        selector.setCurrentNode(slicer.mrmlScene.GetFirstNodeByName(name))
    ui.parameterSetSelector.setCurrentNode(own)
    ui.registerButton.click()
    assert ui.iterationSlider.enabled
    ui.parameterSetSelector.setCurrentNode(second)
    assert not ui.iterationSlider.enabled


def test_the_set_in_use_outlives_leaving_saving_and_loading(registered, tmp_path):
    second = registered.ui.parameterSetSelector.addNode()
    registered.ui.maximumIterationsSpinBox.value = 5
    registered.exit()
    registered.enter()
    assert registered._parameterNode.parameterNode is second
    load(saved(tmp_path))
    assert registered.ui.parameterSetSelector.currentNode().GetName() == second.GetName()
    assert registered.ui.maximumIterationsSpinBox.value == 5


def test_a_removed_set_gives_way_to_the_modules_own(registered):
    first = selected(registered)
    second = registered.ui.parameterSetSelector.addNode()
    slicer.mrmlScene.RemoveNode(second)
    slicer.app.processEvents()
    assert registered._parameterNode.parameterNode.GetScene() is slicer.mrmlScene
    assert selected(registered) == first


def test_a_parameter_node_from_a_script_is_shown(registered, volume, module):
    """As scripts of other extensions do."""
    node = registered.logic.createParameterNode()
    node.SetSingletonTag("other")
    parameters = module.FiReworkRegistrationParameterNode(slicer.mrmlScene.AddNode(node))
    parameters.iterations, parameters.fixedVolume = 3, volume("Scripted")
    registered.setParameterNode(parameters)
    assert registered.ui.maximumIterationsSpinBox.value == 3
    assert registered.ui.fixedSelector.currentNode().GetName() == "Scripted"


def test_a_set_removed_while_the_panel_is_left_wakes_nothing(registered):
    selector = registered.ui.parameterSetSelector
    second = selector.addNode()
    registered.exit()
    slicer.mrmlScene.RemoveNode(second)
    slicer.app.processEvents()
    assert registered._parameterNode is None
    registered.enter()
    assert selector.currentNode() is registered.logic.ownParameterNode()


def test_the_modules_own_set_is_not_offered_for_removal(registered):
    selector = registered.ui.parameterSetSelector
    assert not selector.removeEnabled
    own = selector.currentNode()
    selector.addNode()
    assert selector.removeEnabled
    selector.setCurrentNode(own)
    assert not selector.removeEnabled
    assert selector.nodeTypeLabel("vtkMRMLScriptedModuleNode") == "parameter set"
