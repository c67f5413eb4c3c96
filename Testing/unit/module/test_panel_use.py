"""Apply to other nodes, save the transform and its inverse, open it in the Transforms module."""

import os

import numpy as np
import pytest
import qt
import slicer

from in_app.hands import Hands
from in_app.timers import wait_until


@pytest.fixture
def path(monkeypatch, tmp_path):
    """Answers the file dialog; ``path.name`` is what the user types, ``path.asked`` what was asked."""

    class Answer:
        name, asked = "transform.h5", []

        def __call__(self, parent, title, proposed, filters):
            self.asked.append((title, proposed, filters))
            return str(tmp_path / self.name) if self.name else ""

    answer = Answer()
    answer.asked = []
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", answer)
    return answer


def add(kind, name):
    return slicer.mrmlScene.AddNewNodeByClass(kind, name)


@pytest.fixture
def parent(ready):
    """A transform node that shifts the moving volume by 8 mm."""
    node, matrix = add("vtkMRMLLinearTransformNode", "Parent"), np.eye(4)
    matrix[0, 3] = 8
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    ready.ui.movingSelector.currentNode().SetAndObserveTransformNodeID(node.GetID())
    return node


def test_nothing_can_be_used_before_a_registration(ready):
    ui = ready.ui
    buttons = (ui.applyButton, ui.saveTransformButton, ui.saveInverseButton, ui.openTransformsButton)
    assert not any(button.enabled for button in buttons)


@pytest.mark.parametrize("ending", [".h5", ".nrrd", ".nii.gz"])
def test_the_transform_is_saved_as_other_programs_read_it(registered, path, tmp_path, ending):
    import SimpleITK as sitk

    path.name = f"saved{ending}"
    registered.ui.saveTransformButton.click()
    file = tmp_path / path.name
    if ending == ".h5":
        transform = sitk.ReadTransform(str(file))
    else:
        image = sitk.ReadImage(str(file))
        transform = sitk.DisplacementFieldTransform(sitk.Cast(image, sitk.sitkVectorFloat64))
    assert transform.TransformPoint((0.0, 0.0, 0.0)) == pytest.approx((-3, 0, 0), abs=1e-4)
    assert str(file) in registered.ui.statusLabel.text


def test_whoever_saves_the_affine_start_is_told_so(registered, path):
    registered.ui.iterationSlider.value = 0
    assert wait_until(lambda: registered.runner.session.finishedIteration == 0, 5)
    registered.ui.saveTransformButton.click()
    assert registered.ui.statusLabel.text.endswith("transform.h5, which is the affine alignment only.")


def test_the_dialog_proposes_a_name(registered, path, tmp_path):
    registered.ui.saveTransformButton.click()
    _title, proposed, filters = path.asked[0]
    folder, name = os.path.split(proposed)
    assert name == "Patient to Template transform.h5"
    assert folder == slicer.app.defaultScenePath, "not the program's own folder, which users may not write to"
    assert all(ending in filters for ending in ("*.h5", "*.nrrd", "*.nii.gz"))


def test_a_name_that_is_no_file_name_is_made_one(registered, path):
    registered.ui.outputTransformSelector.currentNode().SetName("A/B: 2.5 mm?")
    registered.ui.saveTransformButton.click()
    assert os.path.basename(path.asked[0][1]) == "A_B_ 2.5 mm_.h5"


def test_the_dialog_opens_where_the_last_file_went(registered, path, tmp_path):
    registered.ui.saveTransformButton.click()
    registered.ui.saveInverseButton.click()
    assert os.path.dirname(path.asked[1][1]) == str(tmp_path)


@pytest.mark.parametrize(
    "typed, written", [("result", "result.h5"), ("result.gz", "result.nii.gz"), ("T1 2.5", "T1 2.5.h5")]
)
def test_an_ending_that_the_dialog_left_out_is_added(registered, path, tmp_path, app, typed, written):
    """Qt adds none, and keeps ".gz" of ".nii.gz" when the user chooses that filter."""
    path.name = typed
    registered.ui.saveTransformButton.click()
    assert (tmp_path / written).exists()
    assert app.errors == []


def test_a_file_that_the_dialog_did_not_ask_for_is_not_replaced_unasked(registered, path, tmp_path, monkeypatch):
    (tmp_path / "result.h5").write_text("precious")
    path.name = "result"
    asked = []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text, **_: asked.append(text))
    registered.ui.saveTransformButton.click()
    assert "result.h5" in asked[0]
    assert (tmp_path / "result.h5").read_text() == "precious"


def test_saving_to_nowhere_does_nothing(registered, path, app):
    path.name = ""
    before = registered.ui.statusLabel.text
    registered.ui.saveTransformButton.click()
    registered.ui.saveInverseButton.click()
    assert (registered.ui.statusLabel.text, app.errors) == (before, [])


def test_an_ending_that_cannot_be_written_is_said_in_words(registered, path, app):
    path.name = "transform.txt"
    registered.ui.saveTransformButton.click()
    assert ".h5" in app.errors[0]


def test_the_inverse_is_computed_and_saved(registered, path, tmp_path):
    import SimpleITK as sitk

    path.name = "inverse.h5"
    registered.ui.saveInverseButton.click()
    transform = sitk.ReadTransform(str(tmp_path / "inverse.h5"))
    assert transform.TransformPoint((0.0, 0.0, 0.0)) == pytest.approx((3, 0, 0), abs=0.01)
    assert "99th percentile" in registered.ui.statusLabel.text


def test_markups_are_placed_under_the_transform(registered):
    points = add("vtkMRMLMarkupsFiducialNode", "Points")
    registered.ui.applySelector.setCurrentNode(points)
    registered.ui.applyButton.click()
    assert points.GetParentTransformNode() is registered.ui.outputTransformSelector.currentNode()
    assert "'Points' is under the transform" in registered.ui.statusLabel.text


def test_another_volume_is_resampled(registered, volume):
    other = volume("FLAIR")
    registered.ui.applySelector.setCurrentNode(other)
    registered.ui.applyButton.click()
    new = slicer.util.getNode("FLAIR registered")
    result = slicer.util.arrayFromVolume(registered.ui.outputVolumeSelector.currentNode())
    np.testing.assert_allclose(slicer.util.arrayFromVolume(new), result, atol=1)
    assert other.GetParentTransformNode() is None


def test_the_user_can_say_how(registered, volume):
    other = volume("FLAIR")
    registered.ui.applySelector.setCurrentNode(other)
    registered.ui.applyComboBox.setCurrentIndex(1)
    registered.ui.applyButton.click()
    assert other.GetParentTransformNode() is registered.ui.outputTransformSelector.currentNode()


def test_what_cannot_be_resampled_is_said_in_words(registered, app):
    registered.ui.applySelector.setCurrentNode(add("vtkMRMLMarkupsFiducialNode", "Points"))
    registered.ui.applyComboBox.setCurrentIndex(2)
    registered.ui.applyButton.click()
    assert "place it under the transform instead" in app.errors[0]


def test_the_transforms_module_opens_with_the_result(registered):
    slicer.app._opened_nodes.clear()
    registered.ui.openTransformsButton.click()
    assert slicer.app._opened_nodes == [registered.ui.outputTransformSelector.currentNode()]


def test_a_removed_transform_closes_the_buttons(registered):
    registered.ui.applySelector.setCurrentNode(add("vtkMRMLModelNode", "Model"))
    assert registered.ui.applyButton.enabled
    slicer.mrmlScene.RemoveNode(registered.ui.outputTransformSelector.currentNode())
    assert not registered.ui.applyButton.enabled
    assert not registered.ui.saveTransformButton.enabled


def test_a_volume_that_had_a_parent_is_applied_to_without_the_session_too(ready, parent):
    """The transform remembers where the moving volume was, as in a scene that is loaded."""
    ui, moving = ready.ui, ready.ui.movingSelector.currentNode()
    ui.registerButton.click()
    expected = slicer.util.arrayFromVolume(ui.outputVolumeSelector.currentNode()).copy()
    ready.sections.endSession()
    ui.applySelector.setCurrentNode(moving)
    ui.applyComboBox.currentIndex = 2
    ui.applyButton.click()
    new = slicer.util.getNode("Patient registered_1")
    np.testing.assert_allclose(slicer.util.arrayFromVolume(new), expected, atol=1)
    points = add("vtkMRMLMarkupsFiducialNode", "Points")
    points.SetAndObserveTransformNodeID(parent.GetID())
    ui.applySelector.setCurrentNode(points)
    ui.applyComboBox.currentIndex = 1
    ui.applyButton.click()
    assert points.GetParentTransformNode() is ui.outputTransformSelector.currentNode()


def test_nothing_else_can_be_started_while_the_inverse_is_computed(registered, path, meanwhile, monkeypatch, app):
    import time

    from FiReworkRegistrationLib.engine import covering_inverse

    ui, compute, enabled = registered.ui, covering_inverse.covering_inverse, []
    monkeypatch.setattr(covering_inverse, "covering_inverse", lambda *given: (time.sleep(0.1), compute(*given))[1])

    def look():
        enabled.extend(button.enabled for button in (ui.saveInverseButton, ui.applyButton, ui.registerButton))
        ui.opacitySlider.value = 0.3

    meanwhile(lambda: registered.runner.running, look)
    ui.saveInverseButton.click()
    assert enabled == [False] * 3
    assert ui.saveInverseButton.enabled and ui.registerButton.enabled and ui.swapButton.enabled
    assert app.errors == []


def test_a_moving_volume_that_the_user_places_stays_placed(registered):
    ui, moving = registered.ui, registered.ui.movingSelector.currentNode()
    ui.applySelector.setCurrentNode(moving)
    ui.applyComboBox.currentIndex = 1
    ui.applyButton.click()
    registered.exit()
    registered.enter()
    assert moving.GetParentTransformNode() is ui.outputTransformSelector.currentNode()


def test_a_placed_volume_is_registered_again_from_where_it_was(ready, parent, volume):
    ui, moving = ready.ui, ready.ui.movingSelector.currentNode()
    ui.registerButton.click()
    remembered = ui.outputTransformSelector.currentNode().GetAttribute("FiRework.movingToWorld")
    assert remembered.split()[3] == "8.0"
    ui.applySelector.setCurrentNode(moving)
    ui.applyComboBox.currentIndex = 1
    ui.applyButton.click()
    ui.registerButton.click()
    assert ui.outputTransformSelector.currentNode().GetAttribute("FiRework.movingToWorld") == remembered
    other = volume("Other")
    other.SetAndObserveTransformNodeID(parent.GetID())
    ui.applySelector.setCurrentNode(other)
    ui.applyComboBox.currentIndex = 2
    ui.applyButton.click()
    expected = slicer.util.arrayFromVolume(ui.outputVolumeSelector.currentNode())
    np.testing.assert_allclose(slicer.util.arrayFromVolume(slicer.util.getNode("Other registered")), expected, atol=1)


def test_placed_while_the_session_shows_it_there_it_stays(registered):
    ui, moving = registered.ui, registered.ui.movingSelector.currentNode()
    slicer.mrmlScene.RemoveNode(ui.outputVolumeSelector.currentNode())
    registered.exit()
    registered.enter()
    ui.applySelector.setCurrentNode(moving)
    ui.applyComboBox.currentIndex = 1
    ui.applyButton.click()
    registered.exit()
    assert moving.GetParentTransformNode() is ui.outputTransformSelector.currentNode()


@pytest.mark.parametrize("button", ["saveTransformButton", "saveInverseButton"])
def test_a_transform_that_goes_while_the_dialog_is_open(registered, path, app, monkeypatch, button):
    def ask(*_):
        slicer.mrmlScene.RemoveNode(registered.ui.outputTransformSelector.currentNode())
        return str(path("", "", "", ""))

    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", ask)
    getattr(registered.ui, button).click()
    assert app.errors == ["The transform is no longer in the scene; register again."]


def test_what_is_saved_is_told_of_the_transform_that_is_chosen(registered, path, volume):
    """Not of the session's, which may be another one."""
    ui, earlier = registered.ui, registered._parameterNode.outputTransform
    ui.movingSelector.setCurrentNode(volume("Other"))
    slicer.app.processEvents()
    ui.registerButton.click()
    Hands().drag(ui.iterationSlider, 0)
    ui.saveTransformButton.click()
    assert "affine alignment only" in ui.statusLabel.text
    ui.outputTransformSelector.setCurrentNode(earlier)
    ui.saveTransformButton.click()
    assert ui.statusLabel.text.endswith("transform.h5")


def test_the_inverse_covers_the_volume_that_was_registered(registered, path, volume):
    ui, earlier = registered.ui, registered._parameterNode.outputTransform
    far = volume("Far")
    far.SetOrigin(400, 0, 0)
    ui.movingSelector.setCurrentNode(far)
    slicer.app.processEvents()
    ui.outputTransformSelector.setCurrentNode(earlier)
    ui.saveInverseButton.click()
    assert "inverse error 0.0" in ui.statusLabel.text


def test_a_name_that_no_file_system_takes_is_shortened(ready, volume, path):
    for selector, letter in ((ready.ui.fixedSelector, "F"), (ready.ui.movingSelector, "M")):
        selector.setCurrentNode(volume(130 * letter))
    ready.ui.registerButton.click()
    ready.ui.saveTransformButton.click()
    ready.ui.saveInverseButton.click()
    names = [os.path.basename(proposed) for _title, proposed, _filters in path.asked]
    assert max(map(len, names)) < 80
    # Under one name, the inverse would replace the transform.
    assert names[1].endswith("inverse.h5") and names[0] != names[1]


@pytest.mark.parametrize("role", ["fixed", "moving"])
def test_what_is_saved_of_a_volume_under_a_transform_says_so(ready, path, parent, role):
    """Files know nothing of the scene."""
    ui = ready.ui
    if role == "fixed":
        ui.movingSelector.currentNode().SetAndObserveTransformNodeID(None)
        ui.fixedSelector.currentNode().SetAndObserveTransformNodeID(parent.GetID())
    ui.registerButton.click()
    ui.saveTransformButton.click()
    assert ("with its transform hardened" in ui.statusLabel.text) == (role == "fixed")
    ui.saveInverseButton.click()
    assert ("place what you load under that one" in ui.statusLabel.text) == (role == "moving")
