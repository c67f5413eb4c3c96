"""Landmarks and structures given to the panel, and the curves."""

import slicer

from .stage import POINTS, count, mapped
from .timers import wait_until


def compare(stage):
    stage.unfold("judge")
    make = slicer.mrmlScene.AddNewNodeByClass
    pair = [make("vtkMRMLMarkupsFiducialNode", f"{side} landmarks") for side in ("Fixed", "Moving")]
    for node, points in zip(pair, (POINTS, mapped(stage.result))):
        for point in points:
            node.AddControlPoint(list(point))
    ui = stage.ui
    for selector, node in zip((ui.fixedLandmarksSelector, ui.movingLandmarksSelector), pair):
        stage.hands.select(selector, node)
    for selector, node in zip((ui.fixedStructuresSelector, ui.movingStructuresSelector), (stage.fixed, stage.moving)):
        stage.hands.select(selector, _head(node))
    wait_until(lambda: "Dice" in ui.judgementLabel.text, 10)
    text = ui.judgementLabel.text
    stage.checks.check("landmark" in text, "the panel says how far landmarks are apart", text)
    stage.checks.check("Dice" in text, "the panel says how well structures overlap", text)
    stage.picture("judged")


def plot(stage):
    manager = slicer.app.layoutManager()
    before = manager.layout if manager is not None else None
    stage.hands.click(stage.ui.plotButton)
    stage.checks.check(count("vtkMRMLPlotViewNode") >= 1, "a plot view opens")
    stage.picture("plot")
    if before is not None:
        manager.setLayout(before)
        slicer.app.processEvents()


def _head(volume):
    """A label map of what is bright in a volume."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", f"{volume.GetName()} head")
    if volume.GetImageData() is not None:
        array = slicer.util.arrayFromVolume(volume)
        slicer.util.updateVolumeFromArray(node, (array > array.mean()).astype("uint8"))
        node.CopyOrientation(volume)
    return node
