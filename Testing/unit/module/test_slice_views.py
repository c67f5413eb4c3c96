"""The host's slice views: drawn by Slicer's own logic, strict where Slicer is; and flicker in a steady beat."""

import time

import pytest
import slicer

from host import layout_manager
from host.objects import unwrap


@pytest.fixture
def layout(app, monkeypatch):
    monkeypatch.setattr(slicer.app, "_layout_manager", None)
    manager = layout_manager.open_views(app.scene)
    viewport = unwrap(manager.viewport())
    viewport.resize(500, 400)
    viewport.show()
    slicer.app.processEvents()
    yield manager
    viewport.close()


@pytest.fixture
def ball(app):
    import numpy as np

    node = app.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Ball")
    k, j, i = np.indices((30, 30, 30)) - 14.5
    slicer.util.updateVolumeFromArray(node, np.where(k**2 + j**2 + i**2 < 100, 200, 0).astype(np.uint8))
    node.CreateDefaultDisplayNodes()
    return node


def picture(layout, name="Red"):
    image = unwrap(layout.sliceWidget(name).sliceView()).pixmap().toImage()
    center = image.pixelColor(image.width() // 2, image.height() // 2)
    return center.red(), center.green(), center.blue()


def settle():
    """Events for as long as a view waits for more requests."""
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        slicer.app.processEvents()


def renders(layout):
    """View name to how often it was drawn."""
    settle()
    return {name: unwrap(layout.sliceWidget(name).sliceView()).renders for name in layout.sliceViewNames()}


def counts(layout):
    """As ``renders``, without letting events through."""
    return {name: unwrap(layout.sliceWidget(name).sliceView()).renders for name in layout.sliceViewNames()}


def test_no_layout_manager_without_main_window(app, monkeypatch):
    monkeypatch.setattr(slicer.app, "_layout_manager", None)
    assert slicer.app.layoutManager() is None


def test_three_slice_views_of_the_default_layout(layout):
    assert slicer.app.layoutManager() is layout
    assert layout.sliceViewNames() == ("Red", "Green", "Yellow")
    assert layout.sliceWidget("Blue") is None
    orientations = [layout.sliceWidget(name).mrmlSliceNode().GetOrientation() for name in layout.sliceViewNames()]
    assert orientations == ["Axial", "Coronal", "Sagittal"]


def test_what_slicer_has_not(layout):
    with pytest.raises(AttributeError, match="sliceWidgets"):
        layout.sliceWidgets("Red")
    with pytest.raises(AttributeError, match="compositeNode"):
        layout.sliceWidget("Red").compositeNode()
    with pytest.raises(TypeError):
        layout.layout()
    with pytest.raises(NotImplementedError):
        layout.threeDWidget(0)


def test_a_view_shows_its_volume(layout, ball):
    slicer.util.setSliceViewerLayers(background=ball, fit=True)
    slicer.util.forceRenderAllViews()
    assert picture(layout)[0] > 150
    slicer.util.setSliceViewerLayers(background=None)
    slicer.util.forceRenderAllViews()
    assert picture(layout) == (0, 0, 0)


def test_a_change_is_drawn_at_the_next_events(layout, ball):
    slicer.util.setSliceViewerLayers(background=ball, fit=True)
    settle()
    assert picture(layout)[0] > 150
    before = unwrap(layout.sliceWidget("Red").sliceView()).renders
    slicer.util.setSliceViewerLayers(background=None)
    settle()
    assert picture(layout) == (0, 0, 0)
    assert unwrap(layout.sliceWidget("Red").sliceView()).renders <= before + 2


def test_layouts_change_the_views(layout):
    node = layout.layoutLogic().GetLayoutNode()
    heard = []
    layout.connect("layoutChanged(int)", heard.append)
    layout.setLayout(node.SlicerLayoutThreeOverThreeView)
    assert heard == [node.SlicerLayoutThreeOverThreeView]
    assert "Red+" in layout.sliceViewNames()
    assert layout.sliceWidget("Red+").mrmlSliceNode().IsMappedInLayout()
    layout.layout = node.SlicerLayoutOneUpRedSliceView
    assert not layout.sliceWidget("Red+").mrmlSliceNode().IsMappedInLayout()
    assert layout.sliceWidget("Red").mrmlSliceNode().IsMappedInLayout()


def test_flicker_calls_until_it_is_off(app):
    from FiReworkRegistrationLib.panel.flicker import Flicker

    calls = []
    flicker = Flicker(lambda: calls.append(1), interval=5)
    flicker.setOn(True)
    flicker.setOn(True)
    end = time.monotonic() + 2
    while len(calls) < 3 and time.monotonic() < end:
        slicer.app.processEvents()
    assert len(calls) >= 3
    flicker.setOn(False)
    assert not flicker.isOn
    count = len(calls)
    time.sleep(0.02)
    slicer.app.processEvents()
    assert len(calls) == count


def test_a_paused_view_draws_when_it_is_resumed(layout):
    widget = layout.sliceWidget("Red")
    before = renders(layout)["Red"]
    widget.pauseRender()
    widget.sliceView().scheduleRender()
    settle()
    assert renders(layout)["Red"] == before
    widget.resumeRender()
    settle()
    assert renders(layout)["Red"] == before + 1


@pytest.mark.parametrize("change", [0.0, 0.01, 0.03])
def test_views_that_change_together_are_drawn_one_after_the_other(layout, change):
    from FiReworkRegistrationLib.panel.one_by_one import OneByOne

    one_by_one, drawn = OneByOne(), []
    before = renders(layout)
    one_by_one.hold()
    for name in before:
        layout.sliceWidget(name).sliceView().scheduleRender()
    time.sleep(change)  # quick, and as long as it takes until views would be drawn on the spot
    end = time.monotonic() + 5
    while time.monotonic() < end and sum(counts(layout).values()) < sum(before.values()) + len(before):
        slicer.app.processEvents()
        drawn.append(sum(counts(layout).values()))
    steps = [after - first for first, after in zip([sum(before.values()), *drawn], drawn)]
    assert sum(steps) == len(before)
    assert max(steps) == 1


def test_views_held_again_and_again_all_have_their_turn(layout):
    from FiReworkRegistrationLib.panel.one_by_one import OneByOne

    one_by_one, before = OneByOne(), renders(layout)
    for _round in range(12):
        one_by_one.hold()
        for name in before:
            layout.sliceWidget(name).sliceView().scheduleRender()
        time.sleep(0.02)
        slicer.app.processEvents()
    drawn = {name: count - before[name] for name, count in counts(layout).items()}
    assert min(drawn.values()) >= 2, drawn
    one_by_one.release()
    for name in before:
        assert not unwrap(layout.sliceWidget(name).sliceView())._paused


def test_without_views_there_is_nothing_to_hold(app):
    from FiReworkRegistrationLib.panel.one_by_one import OneByOne

    one_by_one = OneByOne()
    one_by_one.hold()
    slicer.app.processEvents()
    one_by_one.release()
