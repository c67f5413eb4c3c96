"""What the slice views show: compare modes, flicker, Jacobian overlay, deformed grid, linked slices."""

import time

import pytest
import slicer

from FiReworkRegistrationLib.mrml.compare_modes import CompareMode
from in_app.hands import Hands
from in_app.timers import wait_until

MODES = list(CompareMode)


@pytest.fixture
def seen(views, registered):
    """The panel after a registration, with slice views."""
    return registered


def composite(views, name="Red"):
    return views.sliceWidget(name).mrmlSliceCompositeNode()


def layers(views, name="Red"):
    """Names of background and foreground."""
    node = composite(views, name)
    identifiers = node.GetBackgroundVolumeID(), node.GetForegroundVolumeID()
    found = [slicer.mrmlScene.GetNodeByID(identifier or "") for identifier in identifiers]
    return [volume and volume.GetName() for volume in found]


def choose(panel, mode):
    panel.ui.compareComboBox.setCurrentIndex(MODES.index(mode))
    slicer.app.processEvents()


def test_the_registered_volume_is_blended_over_the_fixed_one(seen, views):
    for name in ("Red", "Green", "Yellow"):
        assert layers(views, name) == ["Template", "Patient registered"]
        assert composite(views, name).GetForegroundOpacity() == 0.5


def test_while_it_runs_the_moving_volume_is_seen_through_the_transform(views, ready, engine, meanwhile):
    engine.step = 0.03
    found = []
    meanwhile(lambda: ready.runner.running and ready.ui.iterationSlider.value == 2, lambda: found.append(layers(views)))
    ready.ui.registerButton.click()
    assert found == [["Template", "Patient"]]


def test_while_it_is_dragged_too(seen, views):
    seen.ui.iterationSlider.setSliderDown(True)
    seen.ui.iterationSlider.setSliderPosition(1)
    assert layers(views) == ["Template", "Patient"]
    seen.ui.iterationSlider.setSliderDown(False)
    assert layers(views) == ["Template", "Patient registered"]


def test_the_modes_are_offered_in_words(panel):
    combo = panel.ui.compareComboBox
    assert [combo.itemText(i) for i in range(combo.count)] == [mode.label() for mode in CompareMode]


def test_opacity_reaches_the_views(seen, views):
    seen.ui.opacitySlider.value = 0.2
    assert composite(views).GetForegroundOpacity() == pytest.approx(0.2)


def test_opacity_is_off_where_it_means_nothing(seen, views):
    enabled = {}
    for mode in MODES:
        choose(seen, mode)
        enabled[mode] = seen.ui.opacitySlider.enabled
    assert {mode for mode, on in enabled.items() if on} == {CompareMode.BLEND, CompareMode.CONTOURS}


@pytest.mark.parametrize(
    ("mode", "shown"),
    [
        (CompareMode.CHECKERBOARD, "Checkerboard: Template / Patient registered"),
        (CompareMode.DIFFERENCE, "Difference: Patient registered - Template"),
    ],
)
def test_modes_that_are_computed(seen, views, mode, shown):
    choose(seen, mode)
    assert layers(views) == ["Template", shown]
    choose(seen, CompareMode.BLEND)
    assert layers(views) == ["Template", "Patient registered"]


def test_contours_lie_over_the_fixed_volume(seen, views):
    choose(seen, CompareMode.CONTOURS)
    background, foreground = layers(views)
    assert background == "Template"
    assert "ontour" in foreground


def test_side_by_side_shows_each_in_a_row_and_goes_back(seen, views):
    before = views.layout
    choose(seen, CompareMode.SIDE_BY_SIDE)
    assert layers(views, "Red")[0] == "Template"
    assert layers(views, "Red+")[0] == "Patient registered"
    choose(seen, CompareMode.BLEND)
    assert views.layout == before


def test_a_plot_beside_side_by_side_keeps_the_registered_volume(seen, views):
    choose(seen, CompareMode.SIDE_BY_SIDE)
    seen.ui.plotButton.click()
    slicer.app.processEvents()
    assert layers(views) == ["Template", "Patient registered"]
    assert seen._parameterNode.compareMode is CompareMode.BLEND


def test_flicker_alternates_until_another_mode_is_chosen(seen, views):
    choose(seen, CompareMode.FLICKER)
    timer = seen.sections.result._flicker._timer
    timer.setInterval(5)
    opacity = composite(views).GetForegroundOpacity
    assert wait_until(lambda: opacity() == 1, 2)
    assert wait_until(lambda: opacity() == 0, 2)
    choose(seen, CompareMode.BLEND)
    assert not timer.active
    assert opacity() == 0.5


def test_flicker_stops_when_the_panel_is_left(seen):
    choose(seen, CompareMode.FLICKER)
    seen.exit()
    assert not seen.sections.result._flicker.isOn


def test_nothing_flickers_while_the_slider_is_dragged(seen, views):
    choose(seen, CompareMode.FLICKER)
    flicker, slider = seen.sections.result._flicker, seen.ui.iterationSlider
    slider.setSliderDown(True)
    slider.setSliderPosition(1)
    assert not flicker.isOn
    slider.setSliderDown(False)
    assert flicker.isOn


def overlay(views):
    node = composite(views)
    index = slicer.vtkMRMLSliceCompositeNode.Layer_Last
    if node.GetNumberOfAdditionalLayers() == 0 or not node.GetNthLayerVolumeID(index):
        return None
    return slicer.mrmlScene.GetNodeByID(node.GetNthLayerVolumeID(index)).GetName(), node.GetNthLayerOpacity(index)


def test_the_jacobian_is_laid_over_and_taken_away(seen, views):
    seen.ui.jacobianCheckBox.click()
    assert overlay(views) == ("Patient Jacobian overlay", 0.5)
    seen.ui.jacobianOpacitySlider.value = 0.25
    assert overlay(views)[1] == pytest.approx(0.25)
    seen.ui.jacobianCheckBox.click()
    assert overlay(views) is None


def test_the_jacobian_overlay_follows_the_slider_on_release(seen, views):
    seen.ui.jacobianCheckBox.click()
    Hands().drag(seen.ui.iterationSlider, 1)
    assert overlay(views)[0] == "Patient Jacobian overlay"


def test_the_deformed_grid_is_drawn_and_taken_away(seen, views):
    transform = seen.ui.outputTransformSelector.currentNode()
    seen.ui.gridCheckBox.click()
    display = transform.GetDisplayNode()
    assert display.GetVisibility2D()
    assert display.GetVisualizationMode() == display.VIS_MODE_GRID
    seen.ui.gridCheckBox.click()
    assert transform.GetDisplayNode() is None or not transform.GetDisplayNode().GetVisibility2D()


def test_slices_are_linked_by_the_check_box(seen, views):
    assert composite(views).GetLinkedControl()
    seen.ui.linkCheckBox.click()
    assert not composite(views).GetLinkedControl()


def settings(views):
    nodes = [composite(views, name) for name in ("Red", "Green", "Yellow")]
    fields = [tuple(views.sliceWidget(n).mrmlSliceNode().GetFieldOfView()) for n in ("Red", "Green", "Yellow")]
    return [
        views.layout, fields, [layers(views, name) for name in ("Red", "Green", "Yellow")],
        [(n.GetForegroundOpacity(), n.GetLinkedControl(), n.GetHotLinkedControl()) for n in nodes],
    ]  # fmt: skip


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_leaving_gives_the_views_back(views, ready, mode):
    red = composite(views)
    red.SetBackgroundVolumeID(ready.ui.movingSelector.currentNodeID)
    red.SetForegroundOpacity(0.3)
    before = settings(views)
    ready.ui.registerButton.click()
    ready.ui.jacobianCheckBox.click()
    ready.ui.gridCheckBox.click()
    choose(ready, mode)
    assert settings(views) != before
    ready.exit()
    slicer.app.processEvents()
    assert settings(views) == before
    ready.enter()
    slicer.app.processEvents()
    assert ready.ui.compareComboBox.currentIndex == MODES.index(mode)
    assert settings(views) != before


def test_a_result_is_shown_again_after_coming_back(seen, views):
    seen.exit()
    assert layers(views) != ["Template", "Patient registered"]
    seen.enter()
    assert layers(views) == ["Template", "Patient registered"]


def test_a_cancelled_first_run_gives_the_views_back(views, ready, engine, meanwhile):
    engine.step = 0.05
    before = settings(views)
    meanwhile(lambda: ready.runner.running and ready.ui.iterationSlider.value == 2, ready.ui.registerButton.click)
    ready.ui.registerButton.click()
    slicer.app.processEvents()
    assert settings(views) == before


def test_without_the_registered_volume_the_moving_one_is_seen_through_the_transform(seen, views):
    moving, transform = seen.ui.movingSelector.currentNode(), seen.ui.outputTransformSelector.currentNode()
    slicer.mrmlScene.RemoveNode(seen.ui.outputVolumeSelector.currentNode())
    slicer.app.processEvents()
    Hands().drag(seen.ui.iterationSlider, 1)
    assert layers(views) == ["Template", "Patient"] and moving.GetParentTransformNode() is transform
    seen.exit()
    assert moving.GetParentTransformNode() is None
    seen.enter()
    assert layers(views) == ["Template", "Patient"] and moving.GetParentTransformNode() is transform


def test_without_it_and_without_a_session_nothing_else_is_shown_for_it(seen, views):
    slicer.mrmlScene.RemoveNode(seen.ui.outputVolumeSelector.currentNode())
    seen.sections.endSession()
    seen.exit()
    before = layers(views)
    seen.enter()
    assert layers(views) == before


def test_a_jacobian_volume_that_lost_its_voxels_is_left_out(seen, views, app):
    """Of a scene whose file for it is missing."""
    seen.ui.jacobianCheckBox.click()
    seen.exit()
    seen.ui.outputJacobianSelector.currentNode().SetAndObserveImageData(None)
    seen.enter()
    slicer.app.processEvents()
    seen.ui.registerButton.click()
    assert seen.ui.registerButton.text == "Register" and app.errors == []
    assert seen.ui.outputJacobianSelector.currentNode().GetImageData() is not None


def test_views_that_cannot_be_drawn_do_not_cost_the_registration(views, ready, monkeypatch, app):
    from FiReworkRegistrationLib.mrml.compare import Compare

    monkeypatch.setattr(Compare, "show", lambda *given: 1 / 0)
    ready.ui.registerButton.click()
    assert ready.ui.outputVolumeSelector.currentNode() is not None
    assert ready.ui.registerButton.text == "Register" and ready.ui.registerButton.enabled
    assert "division by zero" in app.errors[0]


def test_outputs_chosen_for_the_next_run_change_no_view(seen, views):
    moving = seen.ui.movingSelector.currentNode()
    seen.ui.outputTransformSelector.setCurrentNode(None)
    seen.ui.outputVolumeSelector.setCurrentNode(None)
    choose(seen, CompareMode.CHECKERBOARD)
    choose(seen, CompareMode.BLEND)
    assert layers(views) == ["Template", "Patient registered"]
    assert moving.GetParentTransformNode() is None


def test_other_work_draws_nothing_anew(seen, monkeypatch):
    from FiReworkRegistrationLib.mrml.compare import Compare

    drawn, refresh = [], Compare.refresh
    monkeypatch.setattr(Compare, "refresh", lambda self, *given: (drawn.append(1), refresh(self, *given)))
    seen.runner.run(lambda: None)
    assert drawn == []


def test_back_in_the_panel_while_it_runs_the_pair_is_seen(views, ready, engine, meanwhile):
    found = []

    def back():
        ready.exit()
        ready.enter()
        found.extend(layers(views))

    meanwhile(lambda: ready.runner.running and ready.ui.iterationSlider.value == 2, back)
    ready.ui.registerButton.click()
    assert found == ["Template", "Patient"]


def test_back_in_the_panel_while_something_else_is_computed_the_result_is_seen(views, registered, meanwhile):
    def back():
        registered.exit()
        registered.enter()

    meanwhile(lambda: registered.runner.running, back)
    registered.runner.run(lambda: time.sleep(0.3))
    slicer.app.processEvents()
    assert layers(views) == ["Template", "Patient registered"]


def test_no_overlay_comes_back_while_the_panel_is_left(views, registered):
    """What is taken away sets off events, upon which the panel shows what is chosen."""
    registered.ui.gridCheckBox.click()
    slicer.app.processEvents()
    registered._parameterNode.outputJacobian.SetHideFromEditors(True)
    registered.exit()
    assert registered._parameterNode is None
    transform = slicer.util.getFirstNodeByClassByName("vtkMRMLTransformNode", "Patient to Template transform")
    assert transform.GetDisplayNode() is None
