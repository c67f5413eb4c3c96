"""What someone who never saw the module may come with: odd volumes, volumes under transforms, little overlap."""

import numpy as np
import pytest
import slicer
import vtk

from FiReworkRegistrationLib.mrml.compare_modes import CompareMode
from in_app.hands import Hands


@pytest.fixture
def offered(panel):
    """Names in the list of fixed volumes."""

    def names():
        selector = panel.ui.fixedSelector
        box = selector._host_native._box
        return [box.itemText(index) for index in range(box.count())]

    return names


def under(volumeNode, transform):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "Parent")
    node.SetAndObserveTransformToParent(transform)
    volumeNode.SetAndObserveTransformNodeID(node.GetID())
    return node


def nonlinear():
    grid = slicer.vtkOrientedGridTransform()
    image = vtk.vtkImageData()
    image.SetDimensions(3, 3, 3)
    image.AllocateScalars(vtk.VTK_DOUBLE, 3)
    image.GetPointData().GetScalars().Fill(1.0)
    grid.SetDisplacementGridData(image)
    return grid


def moved(distance):
    transform = vtk.vtkTransform()
    transform.Translate(distance, 0, 0)
    return transform


def test_two_volumes_and_one_click(panel, volume, engine):
    volume("Template"), volume("Patient")
    slicer.app.processEvents()
    Hands().click(panel.ui.registerButton)
    assert panel.ui.outputVolumeSelector.currentNode().GetName() == "Patient registered"


def test_three_volumes_are_not_guessed(panel, volume):
    for name in "ABC":
        volume(name)
    slicer.app.processEvents()
    assert panel.ui.registerButton.toolTip == "Select a fixed and a moving volume"


def test_color_and_label_volumes_are_not_offered(panel, volume, offered):
    volume("T1")
    volume("Labels", "vtkMRMLLabelMapVolumeNode")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Colors")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLDiffusionWeightedVolumeNode", "DWI")
    assert offered() == ["Select a volume", "T1"]


def several_values(node):
    image = vtk.vtkImageData()
    image.SetDimensions(12, 12, 12)
    image.AllocateScalars(vtk.VTK_FLOAT, 4)
    image.GetPointData().GetScalars().Fill(1.0)
    node.SetAndObserveImageData(image)


def empty(node):
    node.SetAndObserveImageData(vtk.vtkImageData())


def no_image(node):
    node.SetAndObserveImageData(None)


def one_slice(node):
    slicer.util.updateVolumeFromArray(node, np.ones((1, 12, 12), np.float32))


def constant(node):
    slicer.util.arrayFromVolume(node)[:] = 7
    slicer.util.arrayFromVolumeModified(node)


def not_a_number(node):
    slicer.util.arrayFromVolume(node)[3, 3, 3] = np.nan
    slicer.util.arrayFromVolumeModified(node)


@pytest.mark.parametrize(
    "spoil, words",
    [
        (several_values, "4 values in every voxel"),
        (empty, "has no image data"),
        (no_image, "has no image data"),
        (one_slice, "choose a 3D volume"),
        (constant, "is constant"),
        (not_a_number, "NaN"),
        (lambda node: under(node, nonlinear()), "nonlinear transform 'Parent'"),
    ],
    ids=["4D", "empty", "no image", "slice", "constant", "NaN", "nonlinear parent"],
)
@pytest.mark.parametrize("role", ["fixed", "moving"])
def test_a_volume_that_cannot_be_registered_is_named_with_a_remedy(open_panel, volume, app, spoil, words, role):
    nodes = {"fixed": volume("Template"), "moving": volume("Patient")}
    panel = open_panel()  # over the real engine
    spoil(nodes[role])
    for name, node in nodes.items():
        getattr(panel.ui, f"{name}Selector").setCurrentNode(node)
    panel.ui.registerButton.click()
    assert len(app.errors) == 1
    assert words in app.errors[0] and nodes[role].GetName() in app.errors[0], app.errors
    assert panel.ui.statusLabel.text == app.errors[0]
    assert panel.ui.registerButton.text == "Register"
    assert panel.ui.outputTransformSelector.currentNode() is None


def test_volumes_far_apart_are_said_to_be_so(open_panel, volume, app):
    fixed, moving = volume("Template"), volume("Patient")
    moving.SetOrigin(900, -22, -22)
    panel = open_panel()
    panel.ui.fixedSelector.setCurrentNode(fixed)
    panel.ui.movingSelector.setCurrentNode(moving)
    panel.ui.registerButton.click()
    assert "do not overlap" in app.errors[0] and "Center" in app.errors[0]


def test_a_moving_volume_under_a_linear_transform_comes_under_the_result(registered, engine, volume):
    ui = registered.ui
    other = volume("Shifted")
    parent = under(other, moved(5))
    ui.movingSelector.setCurrentNode(other)
    ui.registerButton.click()
    assert engine.last.moving.affine[0, 3] == pytest.approx(-22 + 5)
    assert other.GetParentTransformNode() is parent, "afterwards it lies where the user had put it"
    Hands().drag(ui.iterationSlider, 1)
    assert other.GetParentTransformNode() is parent


def test_little_overlap_is_a_warning_in_words(ready, engine, monkeypatch):
    from puppet_engine import PuppetRegistration

    monkeypatch.setattr(PuppetRegistration, "coverage", 0.4)
    ready.ui.registerButton.click()
    assert "Little overlap: only 40 %" in ready.ui.verdictLabel.text
    assert "mask" in ready.ui.verdictLabel.text


def test_the_same_scan_twice_is_no_cause_for_alarm(ready, engine, monkeypatch):
    import puppet_engine

    monkeypatch.setattr(puppet_engine, "NCC", (0.99,) * 11)
    ready.ui.registerButton.click()
    assert ready.ui.verdictLabel.text.startswith("Affine alignment only") or "NCC stayed" in ready.ui.verdictLabel.text
    assert "No improvement" not in ready.ui.verdictLabel.text


def test_everything_that_can_be_used_says_what_it_is_for(panel):
    import ctk
    import qt

    kinds = (qt.QPushButton, qt.QComboBox, qt.QCheckBox, qt.QSpinBox, qt.QSlider, ctk.ctkSliderWidget)
    kinds += (slicer.qMRMLNodeComboBox,)
    silent = [
        name
        for name, widget in vars(panel.ui).items()
        if isinstance(widget, kinds) and not name.startswith("qt_") and not widget.toolTip
    ]
    assert silent == []


def test_everything_is_tried_and_the_views_come_back(views, registered):
    """All compare modes, overlays, a plot, the module left and entered again."""
    ui, hands, before = registered.ui, Hands(), views.layout
    for index in reversed(range(len(CompareMode))):
        hands.choose(ui.compareComboBox, index)
    hands.choose(ui.compareComboBox, 1)
    for box in (ui.jacobianCheckBox, ui.gridCheckBox, ui.linkCheckBox):
        hands.click(box)
    ui.judgeCollapsibleButton.collapsed = False
    hands.click(ui.plotButton)
    registered.exit()
    slicer.app.processEvents()
    assert views.layout == before
    helpers = [n for n in slicer.util.getNodesByClass("vtkMRMLVolumeNode") if n.GetHideFromEditors()]
    assert helpers == []
    registered.enter()
    slicer.app.processEvents()
    assert ui.compareComboBox.currentIndex == 1
