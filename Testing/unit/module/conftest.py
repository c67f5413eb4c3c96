"""The module in the test host: a fresh scene, panel and set of packages for each test."""

import importlib
import importlib.util
import sys
from types import SimpleNamespace

import pytest

import host
from host import objects, packaging

host.install()

import slicer  # noqa: E402 - the host completes it first


@pytest.fixture
def packages(monkeypatch):
    """Which Python packages Slicer has; all that are needed, unless the test takes some away."""
    packages = packaging.Packages()
    monkeypatch.setattr(packaging, "current", packages)
    monkeypatch.setattr(slicer.app, "testing", False)
    return packages


@pytest.fixture
def app(packages, monkeypatch):
    """Slicer with an empty scene; fails the test when a callback raised."""
    monkeypatch.setattr(slicer, "mrmlScene", None, raising=False)
    errors = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, windowTitle=None, **_: errors.append(text))
    objects.callback_errors.clear()
    yield SimpleNamespace(scene=host.new_scene(), errors=errors)
    assert not objects.callback_errors, objects.callback_errors


@pytest.fixture
def module(app):
    """FiReworkRegistration.py, imported as Slicer does."""
    return importlib.import_module("FiReworkRegistration")


@pytest.fixture
def volume(app):
    """Makes a volume node by name."""

    def make(name="Volume"):
        return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)

    return make


class FakeBridge:
    """In place of mrml/session.py: records the call, makes the output nodes, or raises."""

    def __init__(self):
        self.calls, self.error, self.during = [], None, lambda: None

    def registerNodes(self, fixedNode, movingNode, **options):
        self.calls.append((fixedNode, movingNode, options))
        if "progress" in options:
            options["progress"](0.5, "Half way")
        self.during()
        if options.get("cancelled", lambda: False)():
            from FiReworkRegistrationLib.engine.errors import Cancelled

            raise Cancelled
        if self.error:
            raise self.error
        make = slicer.mrmlScene.AddNewNodeByClass
        return SimpleNamespace(
            transform=options.get("outputTransform") or make("vtkMRMLTransformNode", "T"),
            volume=options.get("outputVolume") or make("vtkMRMLScalarVolumeNode", "V"),
            jacobian=options.get("outputJacobian") or make("vtkMRMLScalarVolumeNode", "J"),
        )


@pytest.fixture
def bridge(monkeypatch):
    bridge = FakeBridge()
    monkeypatch.setitem(sys.modules, "FiReworkRegistrationLib.mrml.session", bridge)
    if importlib.util.find_spec("FiReworkRegistrationLib.mrml") is None:
        monkeypatch.setitem(sys.modules, "FiReworkRegistrationLib.mrml", SimpleNamespace(session=bridge))
    return bridge


@pytest.fixture
def panel(module, bridge):
    """The panel as it stands when the user opens the module."""
    panel = module.FiReworkRegistrationWidget()
    panel.enter()
    yield panel
    panel.cleanup()
