"""Choosing what is registered: volumes, masks, segments, and what the Register button says about it."""

from types import SimpleNamespace

import numpy as np
import pytest
import slicer


def add(kind, name):
    return slicer.mrmlScene.AddNewNodeByClass(kind, name)


@pytest.fixture
def segmentation(app):
    """With segments "brain" and "lesion"."""
    # The application always has this logic; it makes the converters of segmentations known.
    logic = slicer.vtkSlicerSegmentationsModuleLogic()
    logic.SetMRMLScene(slicer.mrmlScene)
    node = add("vtkMRMLSegmentationNode", "Segmentation")
    for name in ("brain", "lesion"):
        node.GetSegmentation().AddEmptySegment(name, name)
    return node


def chosen(panel):
    return panel.ui.fixedSelector.currentNode(), panel.ui.movingSelector.currentNode()


def entries(combo):
    return [combo.itemText(index) for index in range(combo.count)]


def test_nothing_is_chosen_at_first(panel):
    assert chosen(panel) == (None, None)
    assert not panel.ui.registerButton.enabled
    assert panel.ui.registerButton.toolTip == "Select a fixed and a moving volume"
    assert not panel.ui.progressBar.visible
    assert not panel.ui.iterationSlider.enabled
    assert not panel.ui.refineButton.enabled


def test_two_volumes_of_the_scene_are_chosen(open_panel, engine, volume):
    pair = volume("A"), volume("B")
    panel = open_panel()
    assert chosen(panel) == pair
    assert panel.ui.registerButton.enabled


def test_two_volumes_loaded_later_are_chosen_too(panel, volume):
    first = volume("A")
    slicer.app.processEvents()
    assert chosen(panel) == (None, None)
    second = volume("B")
    slicer.app.processEvents()
    assert chosen(panel) == (first, second)


@pytest.mark.parametrize("kind", ["hidden", "empty", "labels"])
def test_what_nobody_would_register_does_not_count(open_panel, engine, volume, kind):
    pair = volume("A"), volume("B")
    if kind == "hidden":
        volume("Hidden").SetHideFromEditors(True)
    elif kind == "empty":
        add("vtkMRMLScalarVolumeNode", "Empty")
    else:
        volume("Labels", "vtkMRMLLabelMapVolumeNode")
    assert chosen(open_panel()) == pair


def test_of_three_volumes_none_is_chosen(open_panel, engine, volume):
    for name in "ABC":
        volume(name)
    assert chosen(open_panel()) == (None, None)


def test_a_choice_of_the_user_stays(panel, volume):
    first = volume("A")
    panel.ui.movingSelector.setCurrentNode(first)
    volume("B")
    slicer.app.processEvents()
    assert chosen(panel) == (None, first)


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


@pytest.mark.parametrize("output", ["outputVolumeSelector", "outputJacobianSelector"])
def test_an_input_cannot_be_an_output(ready, output):
    getattr(ready.ui, output).setCurrentNode(ready.ui.movingSelector.currentNode())
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
    add("vtkMRMLLabelMapVolumeNode", "Labels")
    add("vtkMRMLLinearTransformNode", "Linear")
    assert panel.ui.fixedSelector.nodeCount() == 0
    assert panel.ui.outputTransformSelector.nodeCount() == 0
    assert panel.ui.initialTransformSelector.nodeCount() == 1


def test_segmentations_and_label_maps_can_be_masks(ready, segmentation):
    labels = add("vtkMRMLLabelMapVolumeNode", "Labels")
    assert ready.ui.fixedMaskSelector.nodeCount() == 2
    for mask in (segmentation, labels, None):
        ready.ui.fixedMaskSelector.setCurrentNode(mask)
        assert ready.logic.getParameterNode().fixedMask is mask


def test_the_segments_of_a_mask_can_be_chosen(ready, segmentation):
    combo = ready.ui.fixedSegmentComboBox
    assert combo.isHidden()
    ready.ui.fixedMaskSelector.setCurrentNode(segmentation)
    assert not combo.isHidden()
    assert entries(combo) == ["All segments", "brain", "lesion"]
    combo.setCurrentIndex(2)
    assert ready.logic.getParameterNode().fixedSegment == "lesion"
    ready.ui.fixedMaskSelector.setCurrentNode(add("vtkMRMLLabelMapVolumeNode", "Labels"))
    assert combo.isHidden()


def test_another_mask_does_not_keep_the_segment(ready, segmentation):
    ready.ui.fixedMaskSelector.setCurrentNode(segmentation)
    ready.ui.fixedSegmentComboBox.setCurrentIndex(2)
    other = add("vtkMRMLSegmentationNode", "Other")
    other.GetSegmentation().AddEmptySegment("tumor", "tumor")
    ready.ui.fixedMaskSelector.setCurrentNode(other)
    assert entries(ready.ui.fixedSegmentComboBox) == ["All segments", "tumor"]
    assert ready.logic.getParameterNode().fixedSegment == ""


def test_swap_exchanges_volumes_and_masks_and_drops_outputs(registered, segmentation):
    fixed, moving = chosen(registered)
    registered.ui.fixedMaskSelector.setCurrentNode(segmentation)
    registered.ui.fixedSegmentComboBox.setCurrentIndex(1)
    registered.ui.swapButton.click()
    assert chosen(registered) == (moving, fixed)
    parameters = registered.logic.getParameterNode()
    assert (parameters.fixedMask, parameters.movingMask) == (None, segmentation)
    assert (parameters.fixedSegment, parameters.movingSegment) == ("", "brain")
    assert registered.ui.outputTransformSelector.currentNode() is None
    assert registered.ui.outputVolumeSelector.currentNode() is None


def test_swap_takes_landmarks_along_and_drops_the_initial_transform(registered):
    parameters, points = registered.logic.getParameterNode(), add("vtkMRMLMarkupsFiducialNode", "F")
    parameters.fixedLandmarks, parameters.initialTransform = points, add("vtkMRMLLinearTransformNode", "Start")
    registered.ui.swapButton.click()
    assert (parameters.fixedLandmarks, parameters.movingLandmarks) == (None, points)
    assert parameters.initialTransform is None


def test_mask_and_initial_transform_reach_the_engine(ready, engine, volume):
    mask = volume("Mask", "vtkMRMLLabelMapVolumeNode")
    start = add("vtkMRMLLinearTransformNode", "Start")
    matrix = np.eye(4)
    matrix[0, 3] = 5
    start.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    ready.ui.fixedMaskSelector.setCurrentNode(mask)
    ready.ui.initialTransformSelector.setCurrentNode(start)
    ready.ui.registerButton.click()
    settings = engine.last.settings
    assert settings["fixed_mask"] is not None
    assert settings["moving_mask"] is None
    assert settings["initial_transform"][0, 3] == -5


def test_models_tell_what_they_are_for(panel):
    from FiReworkRegistrationLib.engine.models import list_models

    assert entries(panel.ui.modelComboBox) == [card.title for card in list_models()]
    assert list_models()[0].description in panel.ui.modelComboBox.toolTip


def test_spin_box_and_parameter_agree(panel):
    panel.ui.maximumIterationsSpinBox.value = 5
    assert panel.logic.getParameterNode().iterations == 5
    panel.logic.getParameterNode().iterations = 12
    assert panel.ui.maximumIterationsSpinBox.value == 12


def test_a_saved_device_that_is_missing_is_shown_as_such(panel):
    panel.logic.getParameterNode().device = "cuda:7"
    assert panel.ui.deviceComboBox.currentText == "cuda:7 (not found yet)"
    panel.ui.deviceComboBox.setCurrentIndex(0)
    assert panel.logic.getParameterNode().device == "auto"


def test_gpus_are_offered_by_name_and_memory_once_torch_is_there(panel, monkeypatch):
    import torch

    from FiReworkRegistrationLib.panel import advanced_section

    gpu = SimpleNamespace(name="NVIDIA H200", total_memory=140 * 2**30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: gpu)
    advanced_section._cudaDevices.cache_clear()
    try:
        panel.logic.getParameterNode().device = "cuda:0"
        assert panel.ui.deviceComboBox.currentText == "NVIDIA H200, 140 GB (cuda:0)"
        panel.ui.deviceComboBox.setCurrentIndex(2)
        assert panel.logic.getParameterNode().device == "cpu"
    finally:
        advanced_section._cudaDevices.cache_clear()


def test_a_saved_model_and_quality_that_are_missing_are_shown_as_such(ready, app, choose):
    ui, parameters = ready.ui, ready._parameterNode
    parameters.model = parameters.quality = "gone"
    slicer.app.processEvents()
    assert ui.modelComboBox.currentText == ui.qualityComboBox.currentText == "gone (not found)"
    ui.registerButton.click()
    assert "gone" in app.errors[0]
    choose(ui.qualityComboBox, "Balanced")
    ui.modelComboBox.currentIndex = 0
    assert (parameters.quality, parameters.iterations) == ("balanced", 4) and parameters.model != "gone"
