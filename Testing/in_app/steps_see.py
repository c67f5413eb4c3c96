"""Compare modes, Jacobian overlay, deformed grid, linked slices, and views as before after leaving."""

import slicer

VIEWS = "Red", "Green", "Yellow"


def compare(stage):
    combo = stage.ui.compareComboBox
    stage.checks.check(combo.count >= 6, "there are six ways to compare", combo.count)
    for index in range(combo.count):
        stage.hands.choose(combo, index)
        stage.picture("compare-" + "".join(c if c.isalnum() else "-" for c in combo.currentText.lower()))
    stage.hands.choose(combo, 0)


def opacity(stage):
    slider = stage.ui.opacitySlider
    slider.value = slider.maximum * 0.3
    slicer.app.processEvents()
    found = [composite.GetForegroundOpacity() for composite in _composites()]
    good = all(abs(value - 0.3) < 0.02 for value in found)
    stage.checks.check(good, "the opacity slider reaches all slice views", found)
    slider.value = slider.maximum * 0.5


def overlays(stage):
    ui = stage.ui
    for box, name in ((ui.jacobianCheckBox, "jacobian"), (ui.gridCheckBox, "grid")):
        before = box.checked
        stage.hands.click(box)
        stage.checks.check(box.checked != before, f"{box.objectName} can be clicked")
        stage.picture(f"{name}-{'on' if box.checked else 'off'}")
        stage.hands.click(box)
    stage.hands.click(ui.linkCheckBox)
    linked = [bool(composite.GetLinkedControl()) for composite in _composites()]
    stage.checks.check(all(value == ui.linkCheckBox.checked for value in linked), "the check box links slices", linked)
    stage.hands.click(ui.linkCheckBox)


def leave_and_return(stage, before):
    """:param before: what :func:`view_settings` returned before the panel was opened."""
    stage.app.leave_panel()
    found = view_settings()
    same = all(found.get(view) == settings for view, settings in before.items())
    stage.checks.check(same, "leaving restores layout and slice settings", f"{before} became {found}")
    stage.panel = stage.app.open_panel()
    stage.picture("returned")


def view_settings():
    """Settings of layout and slice views that the panel has to give back."""
    settings = {
        name: (composite.GetForegroundOpacity(), composite.GetLinkedControl(), composite.GetCompositing())
        for name, composite in zip(VIEWS, _composites())
    }
    manager = slicer.app.layoutManager()
    if manager is not None:
        settings["layout"] = manager.layout
    return settings


def _composites():
    manager = slicer.app.layoutManager()
    widgets = [manager.sliceWidget(name) for name in VIEWS] if manager is not None else []
    return [widget.mrmlSliceCompositeNode() for widget in widgets if widget is not None]
