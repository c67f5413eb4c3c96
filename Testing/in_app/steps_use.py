"""Apply to other nodes, save, open in Transforms, save the scene and load it again, reload the module."""

import slicer

from .stage import POINTS, count, distance, mapped
from .timers import wait_until


def apply(stage):
    stage.unfold("use")
    make = slicer.mrmlScene.AddNewNodeByClass
    points = make("vtkMRMLMarkupsFiducialNode", "Session points")
    for point in mapped(stage.result):
        points.AddControlPoint(list(point))
    stage.hands.select(stage.ui.applySelector, points)
    stage.hands.click(stage.ui.applyButton)
    stage.checks.check(points.GetParentTransformNode() is stage.result, "points are placed under the transform")
    found = []
    for index in range(len(POINTS)):
        world = [0.0, 0.0, 0.0]
        points.GetNthControlPointPositionWorld(index, world)
        found.append(world)
    miss = distance(found, POINTS)
    stage.checks.check(miss < 0.5, "moving points come back to where they were in the fixed volume", f"{miss:.2f} mm")
    volumes = count("vtkMRMLVolumeNode")
    stage.hands.select(stage.ui.applySelector, stage.moving)
    stage.hands.click(stage.ui.applyButton)
    wait_until(lambda: count("vtkMRMLVolumeNode") > volumes, stage.patience)
    stage.checks.check(count("vtkMRMLVolumeNode") == volumes + 1, "a volume is resampled into a new one")
    stage.picture("applied")


def save(stage):
    for ending in (".h5", ".nrrd", ".nii.gz"):
        path = stage.output / f"transform{ending}"
        _save(stage, stage.ui.saveTransformButton, path)
        if path.exists():
            miss = distance(_through_itk(path), mapped(stage.result))
            stage.checks.check(miss < 0.05, f"SimpleITK finds the same map in {path.name}", f"{miss:.3f} mm")
    _save(stage, stage.ui.saveInverseButton, stage.output / "inverse.h5")
    inverse = stage.output / "inverse.h5"
    if inverse.exists():
        miss = distance(_through_itk(inverse, mapped(stage.result)), POINTS)
        stage.checks.check(miss < 1.0, "the saved inverse leads back", f"{miss:.2f} mm")


def open_transforms(stage):
    stage.hands.click(stage.ui.openTransformsButton)
    stage.checks.check(stage.app.current_module() == "Transforms", "the Transforms module opens")
    stage.picture("transforms-module")
    stage.panel = stage.app.open_panel()


def scene_round_trip(stage):
    name, before = stage.result.GetName(), mapped(stage.result)
    iterations = stage.ui.maximumIterationsSpinBox.value
    path = stage.output / "session.mrb"
    path.unlink(missing_ok=True)
    stage.checks.check(stage.app.save_scene(path) and path.exists(), "the scene is saved")
    stage.checks.check(stage.app.load_scene(path), "the scene is loaded again")
    slicer.app.processEvents()
    found = stage.result
    stage.checks.check(found is not None and found.GetName() == name, "the panel shows the same transform", found)
    if found is not None:
        miss = distance(mapped(found), before)
        stage.checks.check(miss < 0.01, "the loaded transform is the same", f"{miss:.4f} mm")
    ui = stage.ui
    stage.fixed, stage.moving = ui.fixedSelector.currentNode(), ui.movingSelector.currentNode()
    stage.checks.check(stage.fixed is not None and stage.moving is not None, "the panel shows the same volumes")
    stage.checks.check(ui.maximumIterationsSpinBox.value == iterations, "the panel has the same settings")
    stage.picture("scene-loaded")


def reload_module(stage):
    stage.panel = stage.app.reload_panel()
    ui = stage.ui
    same = ui.fixedSelector.currentNode() is stage.fixed and ui.movingSelector.currentNode() is stage.moving
    stage.checks.check(same, "a reloaded panel shows the same volumes")
    stage.checks.check(ui.registerButton.enabled, "a reloaded panel can register", ui.registerButton.toolTip)
    stage.picture("reloaded")


def _save(stage, button, path):
    path.unlink(missing_ok=True)
    stage.dialogs.answer_file(path)
    stage.hands.click(button)
    wait_until(path.exists, stage.patience)
    stage.checks.check(path.exists(), f"{button.objectName} writes {path.name}")


def _through_itk(path, points=POINTS):
    """Points (RAS mm) through a saved transform as SimpleITK applies it."""
    import SimpleITK as sitk

    if path.name.endswith(".h5"):
        transform = sitk.ReadTransform(str(path))
    else:
        transform = sitk.DisplacementFieldTransform(sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkVectorFloat64))
    found = [transform.TransformPoint((-float(r), -float(a), float(s))) for r, a, s in points]
    return [(-x, -y, z) for x, y, z in found]
