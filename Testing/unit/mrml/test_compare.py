"""Compare modes, seen by the nodes of three slice views and by the pictures that these draw."""

import numpy as np
import pytest
import slicer

from FiReworkRegistrationLib.mrml.compare import Compare
from FiReworkRegistrationLib.mrml.compare_modes import CompareMode
from FiReworkRegistrationLib.mrml.slice_views import OVERLAY
from host.slice_rendering import SliceRenderer, application_logic

COMPUTED = [mode for mode in CompareMode if mode.isComputed]


class Views:
    """The slice views of an application, by layout name, made as the layout asks for them."""

    def __init__(self, scene):
        self.scene, self.application = scene, application_logic(scene)
        self.layouts = slicer.vtkMRMLLayoutLogic()
        self.layouts.SetMRMLScene(scene)
        self.layout = self.layouts.GetLayoutNode()
        self.byName = {}
        self.layout.AddObserver("ModifiedEvent", lambda caller, event: self.update())
        self.layout.SetViewArrangement(self.layout.SlicerLayoutConventionalView)

    def update(self):
        nodes = self.layouts.GetViewNodes()
        for node in (nodes.GetItemAsObject(index) for index in range(nodes.GetNumberOfItems())):
            if node.IsA("vtkMRMLSliceNode") and node.GetLayoutName() not in self.byName:
                node.SetDimensions(120, 100, 1)
                self.byName[node.GetLayoutName()] = SliceRenderer(self.application, node)

    def composite(self, name="Red"):
        return self.byName[name].composite_node

    def layers(self, name="Red"):
        composite = self.composite(name)
        identifiers = composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID()
        return [self.scene.GetNodeByID(identifier or "") for identifier in identifiers]


@pytest.fixture
def views(scene):
    return Views(scene)


@pytest.fixture
def pair(tools):
    """Fixed, moving, as an application shows them."""
    nodes = [
        tools.addVolume("fixed", tools.GEOMETRIES["oblique"]),
        tools.addVolume("moving", tools.GEOMETRIES["left-handed"]),
    ]
    for node in nodes:
        node.CreateDefaultDisplayNodes()
    nodes[1].SetAndObserveTransformNodeID(tools.addNonlinear().GetID())
    return nodes


@pytest.fixture
def jacobian(pair):
    from FiReworkRegistrationLib.mrml.jacobian import addJacobianColors, showAsJacobian
    from FiReworkRegistrationLib.mrml.volumes import ijkToRAS, setVolume

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Jacobian")
    setVolume(node, np.full(slicer.util.arrayFromVolume(pair[0]).shape, 1.6, np.float32), ijkToRAS(pair[0]))
    node.CreateDefaultDisplayNodes()
    showAsJacobian(node.GetDisplayNode(), addJacobianColors(slicer.mrmlScene))
    return node


@pytest.fixture
def compare(views):
    return Compare(views.scene)


def everything(views):
    """Nodes, layers, positions and layout."""
    scene = views.scene
    nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
    found = {"layout": views.layout.GetViewArrangement()}
    for node in nodes:
        values = [node.GetName()]
        if node.IsA("vtkMRMLSliceNode"):
            matrix = slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())
            values += [matrix.round(4).tolist(), np.round(node.GetFieldOfView(), 4).tolist(), node.GetXYZOrigin()]
        if node.IsA("vtkMRMLSliceCompositeNode"):
            values += [node.GetBackgroundVolumeID(), node.GetForegroundVolumeID(), node.GetForegroundOpacity()]
            values += [node.GetLabelVolumeID(), node.GetLinkedControl(), node.GetHotLinkedControl()]
            extra = range(OVERLAY, OVERLAY + node.GetNumberOfAdditionalLayers())
            values += [identifier for index in extra if (identifier := node.GetNthLayerVolumeID(index))]
        if node.IsA("vtkMRMLDisplayableNode"):
            values += [node.GetNthDisplayNodeID(index) for index in range(node.GetNumberOfDisplayNodes())]
        if node.IsA("vtkMRMLDisplayNode"):
            values += [node.GetVisibility(), node.GetVisibility2D(), node.GetColorNodeID()]
        found[node.GetID()] = values
    return found


def test_blend(compare, views, pair):
    compare.show(*pair, opacity=0.3)
    for name in ("Red", "Green", "Yellow"):
        assert views.layers(name) == pair
        assert views.composite(name).GetForegroundOpacity() == pytest.approx(0.3)
    compare.setOpacity(0.8)
    assert views.composite().GetForegroundOpacity() == pytest.approx(0.8)


def test_flicker(compare, views, pair):
    compare.show(*pair, CompareMode.FLICKER)
    pictures = [views.byName["Red"].layers()]
    for _ in range(2):
        compare.flip()
        pictures.append(views.byName["Red"].layers())
    assert (pictures[0] == pictures[2]).all()
    assert (pictures[0] != pictures[1]).any()


def test_flip_does_nothing_in_other_modes(compare, views, pair):
    compare.show(*pair, CompareMode.BLEND, 0.5)
    compare.flip()
    assert views.composite().GetForegroundOpacity() == 0.5


def test_flicker_begins_with_the_fixed_volume_again(compare, views, pair):
    compare.show(*pair, CompareMode.FLICKER)
    compare.flip()
    compare.show(*pair, CompareMode.FLICKER)
    assert views.composite().GetForegroundOpacity() == 0


def test_opacity_is_left_alone_where_it_means_nothing(compare, views, pair):
    compare.show(*pair, CompareMode.DIFFERENCE)
    compare.setOpacity(0.3)
    assert views.composite().GetForegroundOpacity() == 1


def test_checkerboards_are_seen_from_the_front_in_each_view(compare, views, pair):
    compare.show(*pair, CompareMode.CHECKERBOARD)
    assert views.layers()[0] is pair[0]
    assert views.composite().GetForegroundOpacity() == 1
    shown = [views.layers(name)[1] for name in ("Red", "Green", "Yellow")]
    assert len({node.GetID() for node in shown}) == 3
    assert slicer.util.arrayFromVolume(shown[0]).dtype == np.uint8


def test_difference_of_a_volume_and_itself_is_black(compare, views, pair):
    compare.show(pair[0], pair[0], CompareMode.DIFFERENCE)
    assert not slicer.util.arrayFromVolume(views.layers()[1]).any()
    assert views.byName["Red"].layers().max() == 0


def test_contours_lie_over_the_fixed_volume(compare, views, pair):
    compare.show(*pair, CompareMode.CONTOURS, 1.0)
    background, contours = views.layers()
    assert background is pair[0]
    assert contours not in pair
    picture = views.byName["Red"].layers().astype(int)
    colored = np.ptp(picture, axis=2) > 60
    assert 0.005 < colored.mean() < 0.3


def test_contours_are_opaque_from_half_the_slider_on(compare, views, pair):
    compare.show(*pair, CompareMode.CONTOURS, 0.25)
    assert views.composite().GetForegroundOpacity() == 0.5
    compare.setOpacity(0.8)
    assert views.composite().GetForegroundOpacity() == 1


def test_side_by_side_shows_one_volume_a_row(compare, views, pair):
    compare.show(*pair, CompareMode.SIDE_BY_SIDE)
    assert views.layers("Red") == [pair[0], None]
    assert views.layers("Red+") == [pair[1], None]
    above, below = (views.byName[name].slice_node for name in ("Yellow", "Yellow+"))
    assert np.allclose(above.GetFieldOfView(), below.GetFieldOfView())
    assert above.GetSliceOffset() == pytest.approx(below.GetSliceOffset())
    assert above.GetViewGroup() == below.GetViewGroup()


def test_the_layout_comes_back_with_another_mode(compare, views, pair):
    before = views.layout.GetViewArrangement()
    compare.show(*pair, CompareMode.SIDE_BY_SIDE)
    assert views.layout.GetViewArrangement() == views.layout.SlicerLayoutThreeOverThreeView
    compare.show(*pair, CompareMode.BLEND)
    assert views.layout.GetViewArrangement() == before


def test_a_layout_without_slices_is_changed(compare, views, pair):
    views.layout.SetViewArrangement(views.layout.SlicerLayoutOneUp3DView)
    compare.show(*pair)
    assert views.layout.GetViewArrangement() == views.layout.SlicerLayoutFourUpView
    compare.end()
    assert views.layout.GetViewArrangement() == views.layout.SlicerLayoutOneUp3DView


def test_a_layout_changed_for_a_plot_is_taken_back(compare, views, pair):
    before = views.layout.GetViewArrangement()
    compare.show(*pair, CompareMode.SIDE_BY_SIDE)
    sideBySide = views.layout.GetViewArrangement()
    views.layout.SetViewArrangement(views.layout.SlicerLayoutThreeOverThreePlotView)
    compare.layoutChanged(sideBySide)
    compare.end()
    assert views.layout.GetViewArrangement() == before


def test_a_plot_in_the_users_own_layout_is_taken_back(compare, views, pair):
    compare.show(*pair)
    views.layout.SetViewArrangement(views.layout.SlicerLayoutOneUpRedSliceView)
    views.layout.SetViewArrangement(views.layout.SlicerLayoutFourUpPlotView)
    compare.layoutChanged(views.layout.SlicerLayoutOneUpRedSliceView)
    compare.end()
    assert views.layout.GetViewArrangement() == views.layout.SlicerLayoutOneUpRedSliceView


def test_a_closed_scene_leaves_the_users_layout(compare, views, pair):
    before = views.layout.GetViewArrangement()
    compare.show(*pair, CompareMode.SIDE_BY_SIDE)
    compare.forgetScene()
    assert views.layout.GetViewArrangement() == before


def test_a_layout_the_user_chose_meanwhile_stays(compare, views, pair):
    compare.show(*pair, CompareMode.SIDE_BY_SIDE)
    views.layout.SetViewArrangement(views.layout.SlicerLayoutOneUpRedSliceView)
    compare.end()
    assert views.layout.GetViewArrangement() == views.layout.SlicerLayoutOneUpRedSliceView


def test_linked(compare, views, pair):
    compare.show(*pair, linked=True)
    assert views.composite("Green").GetLinkedControl() == 1
    compare.show(*pair, linked=False)
    assert views.composite("Green").GetLinkedControl() == 0


def test_views_are_centered_on_the_fixed_volume(compare, views, pair):
    compare.show(*pair)
    bounds = np.zeros(6)
    pair[0].GetRASBounds(bounds)
    for view in views.byName.values():
        matrix = slicer.util.arrayFromVTKMatrix(view.slice_node.GetSliceToRAS())
        assert np.allclose(matrix[:3, 3], (bounds[::2] + bounds[1::2]) / 2, atol=1e-3)


def test_views_that_get_their_size_later_are_fitted_then(views, pair):
    pending = []
    Compare(views.scene, later=pending.append).show(*pair)
    node = views.byName["Red"].slice_node
    fitted = node.GetFieldOfView()
    node.SetFieldOfView(10, 10, 1)
    for function in pending:
        function()
    np.testing.assert_allclose(node.GetFieldOfView(), fitted)


def test_shown_again_at_once_views_are_not_put_back_later(views, pair):
    pending = []
    compare = Compare(views.scene, later=pending.append)
    compare.show(*pair, CompareMode.SIDE_BY_SIDE)
    compare.end()
    compare.show(*pair, CompareMode.SIDE_BY_SIDE)
    _fit, putBack, _fit = pending
    for view in views.byName.values():
        view.slice_node.SetSliceOffset(3)
    putBack()
    assert all(view.slice_node.GetSliceOffset() == pytest.approx(3) for view in views.byName.values())


@pytest.mark.parametrize("mode", COMPUTED, ids=lambda mode: mode.name)
def test_a_computed_picture_follows_the_transform(compare, views, pair, mode):
    compare.show(*pair, mode)
    node = views.layers()[1]
    before = slicer.util.arrayFromVolume(node).copy()
    pair[1].SetAndObserveTransformNodeID(None)
    compare.refresh()
    assert (slicer.util.arrayFromVolume(node) != before).any()


def test_gray_values_that_changed_are_windowed_anew(compare, views, pair):
    compare.show(*pair, CompareMode.DIFFERENCE)
    node = views.layers()[1]
    before = slicer.util.arrayFromVolume(node).copy()
    slicer.util.updateVolumeFromArray(pair[0], 10 * slicer.util.arrayFromVolume(pair[0]))
    compare.refresh()
    np.testing.assert_allclose(slicer.util.arrayFromVolume(node), before, atol=0.02)


@pytest.mark.parametrize("mode", COMPUTED, ids=lambda mode: mode.name)
def test_a_draft_is_coarser(compare, views, pair, mode, monkeypatch):
    monkeypatch.setattr("FiReworkRegistrationLib.mrml.compare_volumes.DRAFT_VOXELS", 3000)
    compare.show(*pair, mode)
    node = views.layers()[1]
    compare.refresh(draft=True)
    assert node.GetImageData().GetNumberOfPoints() <= 3000
    compare.setMoving(pair[1])
    assert node.GetImageData().GetNumberOfPoints() == pair[0].GetImageData().GetNumberOfPoints()


def test_helpers_are_hidden_and_not_saved(compare, views, pair, jacobian):
    known = everything(views)
    for mode in CompareMode:
        compare.show(*pair, mode)
    compare.showJacobian(jacobian)
    new = [identifier for identifier in everything(views) if identifier not in known]
    assert new
    for node in map(views.scene.GetNodeByID, new):
        if not node.IsA("vtkMRMLAbstractViewNode") and not node.IsA("vtkMRMLSliceCompositeNode"):
            assert node.GetHideFromEditors(), node.GetName()
            assert not node.GetSaveWithScene(), node.GetName()


@pytest.mark.parametrize("mode", CompareMode, ids=lambda mode: mode.name)
def test_the_former_views_come_back(compare, views, pair, jacobian, mode):
    views.composite("Red").SetBackgroundVolumeID(pair[1].GetID())
    views.composite("Green").SetForegroundVolumeID(pair[0].GetID())
    views.composite("Green").SetForegroundOpacity(0.25)
    views.byName["Yellow"].slice_node.SetSliceOffset(7)
    before = everything(views)
    compare.show(*pair, mode)
    compare.showJacobian(jacobian)
    compare.showGrid(pair[1].GetParentTransformNode())
    assert everything(views) != before
    compare.end()
    after = everything(views)
    assert {identifier: after.get(identifier) for identifier in before} == before
    assert views.scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == 3
    if mode is CompareMode.SIDE_BY_SIDE:
        assert views.layers("Red+") == [None, None]
        assert views.byName["Red+"].slice_node.GetViewGroup() == 1
    compare.end()  # again does no harm
    assert not compare.isShowing


def test_it_may_be_shown_again(compare, views, pair):
    before = everything(views)
    for _ in range(2):
        compare.show(*pair, CompareMode.DIFFERENCE)
        compare.end()
    assert everything(views) == before


def test_a_layer_whose_volume_is_gone_stays_empty(compare, views, pair, tools):
    other = tools.addVolume("other", np.eye(4))
    views.composite().SetBackgroundVolumeID(other.GetID())
    compare.show(*pair)
    views.scene.RemoveNode(other)
    compare.end()
    assert views.composite().GetBackgroundVolumeID() is None


def test_a_removed_moving_volume_breaks_nothing(compare, views, pair):
    compare.show(*pair, CompareMode.CHECKERBOARD)
    views.scene.RemoveNode(pair[1])
    compare.refresh()
    compare.flip()
    compare.end()
    assert not compare.isShowing


@pytest.mark.parametrize("mode", CompareMode, ids=lambda mode: mode.name)
def test_a_volume_without_image_is_not_shown(compare, views, pair, mode):
    empty = views.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    compare.show(pair[0], empty, mode)
    compare.show(empty, pair[1], mode)
    compare.end()


def test_without_any_view(scene, pair):
    compare = Compare(scene)
    compare.show(*pair, CompareMode.CHECKERBOARD)
    compare.showJacobian(None)
    compare.end()


def test_the_scene_is_closed_while_comparing(compare, views, pair):
    compare.show(*pair, CompareMode.CHECKERBOARD)
    views.scene.Clear(0)
    compare.forget()
    assert not compare.isShowing


def test_jacobian_overlay(compare, views, pair, jacobian):
    compare.show(*pair)
    without = views.byName["Red"].layers().astype(int)
    compare.showJacobian(jacobian, 0.5)
    composite = views.composite()
    overlay = views.scene.GetNodeByID(composite.GetNthLayerVolumeID(OVERLAY))
    assert overlay is not jacobian
    assert composite.GetNthLayerOpacity(OVERLAY) == 0.5
    reddish = views.byName["Red"].layers().astype(int) - without
    assert (reddish[..., 0] > reddish[..., 2])[np.abs(reddish).max(axis=2) > 0].mean() > 0.9
    compare.showJacobian(None)
    assert (views.byName["Red"].layers() == without).all()


def test_the_jacobian_is_transparent_where_volume_is_kept(compare, views, pair, jacobian):
    slicer.util.arrayFromVolume(jacobian)[:] = 1.01
    slicer.util.arrayFromVolumeModified(jacobian)
    compare.show(*pair)
    without = views.byName["Red"].layers()
    compare.showJacobian(jacobian, 0.5)
    assert (views.byName["Red"].layers() == without).all()


def test_the_jacobian_follows_its_volume(compare, views, pair, jacobian):
    compare.show(*pair)
    compare.showJacobian(jacobian)
    before = views.byName["Red"].layers()
    slicer.util.arrayFromVolume(jacobian)[:] = 0.4
    slicer.util.arrayFromVolumeModified(jacobian)
    compare.refresh()
    assert (views.byName["Red"].layers() != before).any()


def test_a_jacobian_without_colors_is_not_overlaid(compare, views, pair, jacobian):
    jacobian.GetDisplayNode().SetAndObserveColorNodeID("")
    compare.show(*pair)
    compare.showJacobian(jacobian)
    assert compare.isShowing and views.composite().GetNumberOfAdditionalLayers() == 0


def test_the_legend_hangs_on_the_background(compare, views, pair, jacobian):
    before = pair[0].GetNumberOfDisplayNodes()
    compare.show(*pair)
    compare.showJacobian(jacobian)
    legend = views.scene.GetFirstNodeByClass("vtkMRMLColorLegendDisplayNode")
    for mode in CompareMode:
        compare.show(*pair, mode)
        assert legend.GetDisplayableNode() is views.layers("Red")[0] is pair[0]
    compare.showJacobian(None)
    assert pair[0].GetNumberOfDisplayNodes() == before


def test_grid_of_a_transform_with_settings_of_its_own(compare, views, pair):
    transform = pair[1].GetParentTransformNode()
    transform.CreateDefaultDisplayNodes()
    display = transform.GetDisplayNode()
    display.SetVisualizationMode(display.VIS_MODE_GLYPH)
    compare.show(*pair)
    compare.showGrid(transform, 15.0)
    assert display.GetVisualizationMode() == display.VIS_MODE_GRID
    assert display.GetGridSpacingMm() == 15
    assert display.GetVisibility() and display.GetVisibility2D()
    compare.showGrid(None)
    assert display.GetVisualizationMode() == display.VIS_MODE_GLYPH
    assert not display.GetVisibility2D()


def test_a_saved_scene_does_not_refer_to_helpers(compare, views, pair, jacobian, tmp_path):
    compare.show(*pair, CompareMode.CHECKERBOARD)
    compare.showJacobian(jacobian)
    compare.showGrid(pair[1].GetParentTransformNode())
    shown = views.layers()[1]
    views.scene.SetURL(str(tmp_path / "scene.mrml"))
    assert views.scene.Commit()
    text = (tmp_path / "scene.mrml").read_text()
    helpers = [n for n in map(views.scene.GetNodeByID, everything(views)) if n and not n.GetSaveWithScene()]
    assert shown in helpers
    for node in helpers:
        if node.IsA("vtkMRMLVolumeNode") or node.IsA("vtkMRMLVolumeDisplayNode"):
            assert f'"{node.GetID()}"' not in text
    assert views.layers()[1] is shown
    other = slicer.vtkMRMLScene()
    other.SetURL(str(tmp_path / "scene.mrml"))
    assert other.Connect()
    composite = other.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    assert other.GetNodeByID(composite.GetBackgroundVolumeID()).GetName() == pair[0].GetName()
    assert composite.GetForegroundVolumeID() is None, "a view that shows the fixed volume, and not nothing"
    assert other.GetFirstNodeByClass("vtkMRMLTransformDisplayNode") is None, "a grid that nobody would take away"
