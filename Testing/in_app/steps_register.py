"""Inputs, Register, the K slider, Refine further, Cancel, and a scene that is closed in the middle."""

import sys
import time

import slicer

from .stage import count, distance, mapped
from .timers import Heartbeat, Meanwhile, wait_until

SAMPLES = "ICBM152_T1_2mm.nii.gz", "Colin27_T1_2mm.nii.gz"


def open_panel(stage):
    had_torch, began = "torch" in sys.modules, time.monotonic()
    stage.panel = stage.app.open_panel()
    stage.checks.measured("opening the panel", time.monotonic() - began, "s")
    stage.checks.check(had_torch or "torch" not in sys.modules, "opening the panel does not import torch")
    stage.checks.check(not stage.ui.registerButton.enabled, "Register is disabled without volumes")
    stage.checks.check(stage.ui.registerButton.toolTip, "Register's tooltip says what is missing")
    stage.picture("opened")
    stage.unfold("advanced")
    stage.picture("advanced")
    stage.unfold("inputs")


def load_volumes(stage):
    folder = stage.app.root / "Resources" / "SampleData"
    stage.fixed, stage.moving = (stage.app.load_volume(folder / name) for name in SAMPLES)
    slicer.app.processEvents()
    ui = stage.ui
    chosen = ui.fixedSelector.currentNode(), ui.movingSelector.currentNode()
    stage.checks.check(None not in chosen and chosen[0] is not chosen[1], "two loaded volumes are chosen by themselves")
    stage.hands.select(ui.fixedSelector, stage.fixed)
    stage.hands.select(ui.movingSelector, stage.fixed)
    stage.checks.check(
        not ui.registerButton.enabled, "the same volume twice disables Register", ui.registerButton.toolTip
    )
    stage.hands.select(ui.fixedSelector, stage.moving)
    stage.hands.click(ui.swapButton)
    swapped = ui.fixedSelector.currentNode() is stage.fixed and ui.movingSelector.currentNode() is stage.moving
    stage.checks.check(swapped, "Swap exchanges fixed and moving")
    stage.hands.select(ui.fixedSelector, stage.fixed)
    stage.hands.select(ui.movingSelector, stage.moving)
    stage.checks.check(ui.registerButton.enabled, "Register is enabled with two volumes", ui.registerButton.toolTip)
    ui.maximumIterationsSpinBox.value = stage.iterations
    ui.stopRuleCheckBox.checked = False
    stage.picture("volumes")


def register(stage):
    ui, checks = stage.ui, stage.checks
    seen = {}

    def look():
        seen["text"] = ui.registerButton.text
        seen["label"] = stage.slider_text()
        seen["picture"] = stage.picture("registering")

    began = time.monotonic()
    with Meanwhile(lambda: stage.is_running() and ui.iterationSlider.maximum >= 1, look), Heartbeat() as heartbeat:
        stage.hands.click(ui.registerButton)
        finished = wait_until(lambda: not stage.is_running(), 5 * stage.patience)
    checks.check(finished, "the registration ends")
    checks.measured("Register to result", time.monotonic() - began, "s")
    # The picture in the middle is the session's own stall.
    own = seen.get("picture", 0.0)
    checks.measured("longest stall of the event loop (with the picture taken meanwhile)", heartbeat.longest, "s")
    checks.check(
        heartbeat.longest < stage.app.longest_stall + own, "the application stays alive", f"{heartbeat.longest:.2f} s"
    )
    checks.check("text" in seen, "the first iterations are seen while others run")
    checks.check("ancel" in seen.get("text", ""), "Register is Cancel while it runs", seen.get("text", ""))
    # The default quality polishes at the end: one more state.
    checks.check(
        ui.iterationSlider.maximum == stage.iterations + 1, "the slider reaches K + 1", ui.iterationSlider.maximum
    )
    checks.check("polish" in ui.iterationLabel.text, "the last state is called polished", ui.iterationLabel.text)
    checks.check(stage.result is not None, "the output transform is chosen in its selector")
    for selector in (ui.outputVolumeSelector, ui.outputJacobianSelector):
        checks.check(selector.currentNode() is not None, f"{selector.objectName} shows the new node")
    checks.check("NCC" in ui.verdictLabel.text, "the verdict is a sentence", ui.verdictLabel.text)
    checks.check(count("vtkMRMLTableNode") >= 1, "the figures are a table node")
    checks.check(count("vtkMRMLPlotChartNode") >= 1, "the figures are a chart")
    stage.picture("registered")


def drag(stage):
    slider, checks = stage.ui.iterationSlider, stage.checks
    start = slider.value
    places, slowest = {}, 0.0
    for target in (0, slider.maximum, min(2, slider.maximum)):
        with Heartbeat() as heartbeat:
            stage.hands.drag(slider, target)
        wait_until(lambda: not stage.is_running(), stage.patience)
        slowest = max(slowest, heartbeat.longest)
        places[target] = mapped(stage.result)
        name = "polished" if target == slider.maximum else str(target)
        checks.check(name in stage.slider_text(), f"the label names state {target}", stage.slider_text())
        stage.picture(f"iteration-{target}")
    checks.measured("longest stall while dragging K, release included", slowest, "s")
    checks.check(slowest < 2 * stage.app.longest_stall, "dragging K is fluent", f"{slowest:.2f} s")
    moved = distance(places[0], places[slider.maximum])
    checks.check(moved > 0.1, "iteration 0 and the last differ in the transform", f"{moved:.2f} mm")
    stage.hands.drag(slider, start)
    wait_until(lambda: not stage.is_running(), stage.patience)


def refine(stage):
    before = stage.ui.iterationSlider.maximum
    with Heartbeat() as heartbeat:
        stage.hands.click(stage.ui.refineButton)
        wait_until(lambda: not stage.is_running(), 5 * stage.patience)
    stage.checks.measured("longest stall while refining further, no picture taken", heartbeat.longest, "s")
    after = stage.ui.iterationSlider.maximum
    stage.checks.check(after > before, "Refine further adds iterations", f"{before} to {after}")
    stage.picture("refined")


def polish(stage):
    slider = stage.ui.iterationSlider
    before = slider.maximum
    with Heartbeat() as heartbeat:
        stage.hands.click(stage.ui.polishButton)
        wait_until(lambda: not stage.is_running(), 5 * stage.patience)
    stage.checks.measured("longest stall while polishing, no picture taken", heartbeat.longest, "s")
    stage.checks.check(slider.maximum == before + 1, "Polish adds a state", f"{before} to {slider.maximum}")
    stage.picture("polished")


def cancel(stage):
    ui, checks = stage.ui, stage.checks
    stage.unfold("inputs")
    volumes = count("vtkMRMLScalarVolumeNode")
    pressed = []

    def press():
        pressed.append(time.monotonic())
        stage.hands.click(ui.registerButton)

    began, wait = time.monotonic(), slicer.app.doubleClickInterval / 1000 + 0.1
    # Not at once: that would be a double click, of which the second half does not count.
    with Meanwhile(lambda: stage.is_running() and time.monotonic() - began > wait, press):
        stage.hands.click(ui.registerButton)
        checks.check(wait_until(lambda: not stage.is_running(), stage.patience), "a cancelled registration ends")
    checks.check(pressed, "Cancel could be pressed")
    if pressed:
        checks.measured("Cancel to idle", time.monotonic() - pressed[0], "s")
    checks.check(ui.registerButton.enabled and "ancel" not in ui.registerButton.text, "Register is back after a cancel")
    checks.check(count("vtkMRMLScalarVolumeNode") == volumes, "a cancel leaves no new volume")
    stage.picture("cancelled")


def close_scene_meanwhile(stage):
    """Last, as it loses everything."""
    ui, checks = stage.ui, stage.checks
    with Meanwhile(stage.is_running, lambda: slicer.mrmlScene.Clear(0)) as closing:
        stage.hands.click(ui.registerButton)
        checks.check(wait_until(lambda: not stage.is_running(), stage.patience), "a closed scene ends the registration")
    checks.check(closing.done, "the scene was closed while it ran")
    # Slice views have hidden transforms of their own.
    nodes = slicer.util.getNodesByClass("vtkMRMLTransformNode")
    left = [node.GetName() for node in nodes if not node.GetHideFromEditors()]
    checks.check(not left, "no transform is left in the closed scene", left)
    checks.check(not ui.registerButton.enabled, "Register waits for volumes again")
    stage.picture("scene-closed")
