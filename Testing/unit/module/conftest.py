"""The module in the test host: a fresh scene, panel and set of packages for each test."""

import importlib
import importlib.util
import sys
from types import SimpleNamespace

import pytest

import host
from host import objects, packaging
from host.constants_alive import protect_constants

host.install()
protect_constants()

import slicer  # noqa: E402 - the host completes it first


@pytest.fixture
def packages(monkeypatch):
    """Which Python packages Slicer has; all that are needed, unless the test takes some away."""
    packages = packaging.Packages()
    monkeypatch.setattr(packaging, "current", packages)
    monkeypatch.setattr(slicer.app, "_testing", False)
    return packages


@pytest.fixture
def app(packages, monkeypatch):
    """Slicer with an empty scene; fails the test when a callback raised."""
    monkeypatch.setattr(slicer, "mrmlScene", None, raising=False)
    errors = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, windowTitle=None, **_: errors.append(text))
    monkeypatch.setattr(slicer.util, "mainWindow", lambda: None)
    objects.callback_errors.clear()
    yield SimpleNamespace(scene=host.new_scene(), errors=errors)
    assert not objects.callback_errors, objects.callback_errors


@pytest.fixture
def module(app):
    """FiReworkRegistration.py, imported as Slicer does."""
    return importlib.import_module("FiReworkRegistration")


@pytest.fixture
def volume(app):
    """Makes a volume node by name, with a ball of 12 voxels of 4 mm a side."""
    import numpy as np

    k, j, i = np.indices((12, 12, 12)) - 5.5
    ball = (200 * np.exp(-(k**2 + 1.2 * j**2 + 0.8 * i**2) / 12)).astype(np.float32)

    def make(name="Volume", kind="vtkMRMLScalarVolumeNode"):
        node = slicer.mrmlScene.AddNewNodeByClass(kind)
        node.SetSpacing(4, 4, 4)
        node.SetOrigin(-22, -22, -22)
        slicer.util.updateVolumeFromArray(node, ball if kind == "vtkMRMLScalarVolumeNode" else (ball > 50).astype("u1"))
        node.CreateDefaultDisplayNodes()
        # A volume that is being loaded has no name yet, either.
        node.SetName(name)
        return node

    return make


class FakeBridge:
    """In place of mrml/registering.py: records the call and makes the output nodes."""

    def __init__(self):
        self.calls = []

    def registerNodes(self, fixedNode, movingNode, **options):
        self.calls.append((fixedNode, movingNode, options))
        make = slicer.mrmlScene.AddNewNodeByClass
        return SimpleNamespace(
            transform=make("vtkMRMLTransformNode", "T"),
            volume=make("vtkMRMLScalarVolumeNode", "V"),
            jacobian=make("vtkMRMLScalarVolumeNode", "J"),
        )


@pytest.fixture
def bridge(monkeypatch):
    bridge = FakeBridge()
    monkeypatch.setitem(sys.modules, "FiReworkRegistrationLib.mrml.registering", bridge)
    return bridge


@pytest.fixture
def engine(monkeypatch):
    """Registrations that cost nothing, in place of the engine's."""
    from puppet_engine import PuppetEngine

    from FiReworkRegistrationLib.engine import registration

    engine = PuppetEngine()
    monkeypatch.setattr(registration, "Registration", engine)
    return engine


class ModuleWidgetParent(slicer.qMRMLWidget):
    """What the module panel of the application is to a scripted widget."""

    isEntered = True


@pytest.fixture
def open_panel(module):
    """Opens the module's panel, as often as the test wants."""
    import qt

    opened = []

    def make():
        parent = ModuleWidgetParent()
        parent.setLayout(qt.QVBoxLayout())
        parent.setMRMLScene(slicer.mrmlScene)
        panel = importlib.import_module("FiReworkRegistration").FiReworkRegistrationWidget(parent)
        panel.setup()
        parent.show()
        panel.enter()
        opened.append(panel)
        return panel

    objects.refused_connections.clear()
    yield make
    assert not objects.refused_connections
    for panel in opened:
        panel.cleanup()
        panel.parent.hide()


@pytest.fixture
def panel(open_panel, engine):
    """The panel as it stands when the user opens the module."""
    return open_panel()


@pytest.fixture
def choose():
    """``choose(comboBox, text)`` as the user would."""

    def select(comboBox, text):
        comboBox.currentIndex = comboBox.findText(text)

    return select


@pytest.fixture
def ready(panel, volume, choose):
    """The panel with a fixed and a moving volume chosen."""
    panel.ui.fixedSelector.setCurrentNode(volume("Template"))
    panel.ui.movingSelector.setCurrentNode(volume("Patient"))
    choose(panel.ui.qualityComboBox, "Network only")
    panel.ui.maximumIterationsSpinBox.value = 4
    return panel


@pytest.fixture
def registered(ready):
    """The panel after a registration of 4 iterations, of which the third is the best."""
    ready.ui.registerButton.click()
    return ready


@pytest.fixture
def meanwhile(app):
    """``meanwhile(condition, act)``: done once, while other code keeps the events going."""
    from in_app.timers import Meanwhile

    entered = []

    def start(condition, act):
        entered.append(Meanwhile(condition, act, milliseconds=1))
        entered[-1].__enter__()
        return entered[-1]

    yield start
    for one in entered:
        one.__exit__()
        assert one.done, "the moment never came"


@pytest.fixture
def views(app):
    """Slice views that are there, but not on a screen."""
    from host.layout_manager import open_views

    manager = open_views(slicer.mrmlScene)
    yield manager
    slicer.app._layout_manager = None
