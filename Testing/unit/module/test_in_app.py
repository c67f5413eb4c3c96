"""The session for the real application, played on a puppet that behaves as the panel should, or does not."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
import slicer

from host.constants_alive import protect_constants

ROWS = 3


class Puppet:
    """A panel with the widgets' names, that moves points by its iteration number in mm."""

    BUTTONS = "swap register refine polish apply saveTransform saveInverse openTransforms"
    SELECTORS = (
        "fixed moving apply outputTransform outputVolume outputJacobian "
        "fixedLandmarks movingLandmarks fixedStructures movingStructures"
    )

    def __init__(self):
        import ctk
        import qt

        self._qt, self.parent = qt, qt.QWidget()
        self.parent.setLayout(qt.QVBoxLayout())
        make = {
            **{f"{name}Button": qt.QPushButton for name in self.BUTTONS.split()},
            **{f"{name}CheckBox": qt.QCheckBox for name in ("stopRule", "jacobian", "grid", "link")},
            **{f"{name}Selector": slicer.qMRMLNodeComboBox for name in self.SELECTORS.split()},
            "iterationSlider": qt.QSlider, "compareComboBox": qt.QComboBox, "progressBar": qt.QProgressBar,
            "maximumIterationsSpinBox": qt.QSpinBox, "opacitySlider": ctk.ctkSliderWidget,
            "verdictLabel": qt.QLabel, "iterationLabel": qt.QLabel, "judgementLabel": qt.QLabel,
        }  # fmt: skip
        self.ui = ui = SimpleNamespace(**{name: kind() for name, kind in make.items()})
        for name, widget in vars(ui).items():
            widget.objectName = name
            self.parent.layout().addWidget(widget)
        for name in self.SELECTORS.split():
            selector = getattr(ui, f"{name}Selector")
            selector.noneEnabled = True
            transform = name == "outputTransform"
            selector.nodeTypes = ["vtkMRMLTransformNode" if transform else "vtkMRMLDisplayableNode"]
            selector.setMRMLScene(slicer.mrmlScene)
        ui.compareComboBox.addItems(["Blend", "Checkerboard", "Flicker", "Difference", "Contours", "Side by side"])
        ui.opacitySlider.maximum = 1.0
        ui.iterationSlider.maximum = 0
        ui.progressBar.setVisible(False)
        ui.registerButton.text = "Register"
        ui.registerButton.connect("clicked(bool)", self.on_register)
        ui.refineButton.connect("clicked(bool)", lambda: setattr(ui.iterationSlider, "maximum", 6))
        ui.polishButton.connect("clicked(bool)", lambda: setattr(ui.iterationSlider, "maximum", 7))
        ui.swapButton.connect("clicked(bool)", self.on_swap)
        ui.iterationSlider.connect("valueChanged(int)", self.show)
        ui.applyButton.connect("clicked(bool)", self.on_apply)
        for selector in (ui.fixedSelector, ui.movingSelector):
            selector.connect("currentNodeChanged(vtkMRMLNode*)", self.check_ready)
        ui.judgementLabel.text = "Mean Dice of 1 structures: 0.50. Mean error of 4 landmarks: 0.0 mm."
        self.running, self.stop = False, False
        self.check_ready()
        self.parent.show()

    def check_ready(self, node=None):
        pair = self.ui.fixedSelector.currentNode(), self.ui.movingSelector.currentNode()
        self.ui.registerButton.enabled = None not in pair and pair[0] is not pair[1]
        self.ui.registerButton.toolTip = "Select two volumes"

    def on_swap(self):
        fixed, moving = self.ui.fixedSelector.currentNode(), self.ui.movingSelector.currentNode()
        self.ui.fixedSelector.setCurrentNode(moving)
        self.ui.movingSelector.setCurrentNode(fixed)

    def on_register(self):
        self.stop = self.running
        if self.running:
            return
        ui, scene = self.ui, slicer.mrmlScene
        self.running = True
        ui.registerButton.text = "Cancel"
        ui.progressBar.setVisible(True)
        for iteration in range(1, ui.maximumIterationsSpinBox.value + 2):
            end = time.monotonic() + 0.1
            while time.monotonic() < end and not self.stop and ui.fixedSelector.currentNode() is not None:
                slicer.app.processEvents()
            if self.stop or ui.fixedSelector.currentNode() is None:
                break
            ui.iterationSlider.maximum = iteration
        else:
            nodes = [scene.AddNewNodeByClass(f"vtkMRML{kind}Node", f"new {kind}") for kind in
                     ("Transform", "ScalarVolume", "ScalarVolume", "Table", "PlotChart")]  # fmt: skip
            for name, node in zip(("Transform", "Volume", "Jacobian"), nodes):
                getattr(ui, f"output{name}Selector").setCurrentNode(node)
            ui.verdictLabel.text = "Improved NCC"
            ui.iterationSlider.value = ui.iterationSlider.maximum
        ui.registerButton.text = "Register"
        ui.progressBar.setVisible(False)
        self.running, self.stop = False, False

    def show(self, iteration):
        self.ui.iterationLabel.text = f"Iteration {iteration}, polished or not"
        node = self.ui.outputTransformSelector.currentNode()
        if node is not None:
            shift = np.eye(4)
            shift[0, 3] = iteration
            node.SetMatrixTransformFromParent(slicer.util.vtkMatrixFromArray(shift))

    def on_apply(self):
        node = self.ui.applySelector.currentNode()
        if node.IsA("vtkMRMLVolumeNode"):
            slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "resampled")
        else:
            node.SetAndObserveTransformNodeID(self.ui.outputTransformSelector.currentNodeID)


class PuppetApplication:
    """In place of ``SlicerApplication``."""

    can_reload = has_other_modules = False
    longest_stall = 0.25

    def __init__(self, root, kind=Puppet):
        self.root, self._kind, self._panel = root, kind, None

    def open_panel(self):
        self._panel = self._panel or self._kind()
        return self._panel

    def leave_panel(self):
        pass

    def modal_window(self):
        return None

    def load_volume(self, path):
        return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", path.name)

    def save_scene(self, path):
        path.write_text("scene")
        return True

    def load_scene(self, path):
        return path.exists()

    def picture(self, path):
        path.write_bytes(bytes(6000))


@pytest.fixture
def play(app, tmp_path, monkeypatch):
    """Runs the session; exit code and what was printed."""
    from in_app.session import run_session

    protect_constants()
    monkeypatch.setattr(slicer.app, "doubleClickInterval", 20, raising=False)

    def run(kind=Puppet):
        lines = []
        code = run_session(PuppetApplication(tmp_path, kind), tmp_path / "out", ROWS, lines.append, patience=0.5)
        return code, "\n".join(lines)

    return run


#: What a puppet cannot do: it has neither files nor slice views.
BEYOND = ("writes ", "two loaded volumes are chosen", "opacity slider")


def failures(report):
    return [line for line in report.splitlines() if "FAIL" in line and not any(text in line for text in BEYOND)]


def test_a_well_behaved_panel_passes(play):
    code, report = play()
    assert not failures(report), report
    assert code == 1, "files were not written, which must not go unnoticed"
    for text in ("Cancel to idle", "closed while it ran", "first iterations are seen", "longest stall"):
        assert text in report
    assert "without exception" not in report


class Frozen(Puppet):
    """Computes on the main thread without letting events through."""

    def on_register(self):
        time.sleep(0.4)
        self.ui.iterationSlider.maximum = ROWS


def test_a_frozen_panel_fails(play):
    code, report = play(Frozen)
    assert code == 1
    assert "FAIL the application stays alive: 0.4" in report
    assert "FAIL the first iterations are seen" in report


def test_every_widget_of_the_session_exists_in_the_panel():
    """Names in the steps against names in the .ui file."""
    import re
    from pathlib import Path

    root = Path(__file__).resolve().parents[3]
    text = "".join(path.read_text(encoding="utf-8") for path in (root / "Testing" / "in_app").glob("steps_*.py"))
    text += (root / "Testing" / "in_app" / "stage.py").read_text(encoding="utf-8")
    names = set(re.findall(r"\bui\.(\w+)", text))
    assert {"registerButton", "iterationSlider"} <= names
    ui = (root / "FiReworkRegistration" / "Resources" / "UI" / "FiReworkRegistration.ui").read_text(encoding="utf-8")
    missing = sorted(name for name in names if f'name="{name}"' not in ui)
    if "iterationSlider" in missing:
        pytest.skip("the panel of the session is not there yet")
    assert not missing
