"""Module class, parameter node and logic."""

import sys
from types import SimpleNamespace

import pytest
import slicer

from FiReworkRegistrationLib.engine.presets import find_preset
from FiReworkRegistrationLib.panel import sample_data
from FiReworkRegistrationLib.panel.dependencies import DependencyError
from host.scripted_module import ModuleParent


@pytest.fixture
def parent(module):
    parent = ModuleParent(module.__file__)
    module.FiReworkRegistration(parent)
    return parent


def test_metadata_is_filled(parent):
    assert parent.title == "FiRework Registration"
    assert parent.categories == ["Registration"]
    assert parent.contributors
    assert "arxiv.org/abs/2410.09595" in parent.acknowledgementText
    assert "not for clinical use" in parent.helpText
    assert not parent.icon.isNull()


def test_module_shows_without_the_torch_extension(parent):
    assert parent.dependencies == []


def test_sample_data_waits_for_start_up(parent, module):
    assert ("startupCompleted()", module.onStartUp) in slicer.app._connected


def test_sample_data_of_a_checkout_is_offered(module, monkeypatch, tmp_path):
    (tmp_path / "Resources" / "SampleData").mkdir(parents=True)
    (tmp_path / "Resources" / "SampleData" / "Colin27.nii.gz").touch()
    sources = []
    logic = SimpleNamespace(
        registerCustomSampleDataCategory=lambda category, title: None,
        registerCustomSampleDataSource=lambda **source: sources.append(source),
    )
    monkeypatch.setitem(sys.modules, "SampleData", SimpleNamespace(SampleDataLogic=logic))
    monkeypatch.setattr(sample_data, "MODULE_FOLDER", tmp_path / "FiReworkRegistration")
    sample_data.registerSampleData()
    assert [source["sampleName"] for source in sources] == ["Colin27"]
    assert sources[0]["uris"].startswith("file://")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sources[0]["checksums"] == f"SHA256:{empty}", "else Slicer loads what it cached of an earlier checkout"


def test_sample_data_switched_off_is_no_error_at_start_up(module, monkeypatch):
    monkeypatch.setitem(sys.modules, "SampleData", None)
    module.onStartUp()


def test_a_result_comes_back_linear_whichever_module_is_shown(module, monkeypatch):
    monkeypatch.setitem(sys.modules, "SampleData", None)
    module.onStartUp()
    slicer.mrmlScene.StartState(slicer.vtkMRMLScene.ImportState)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "Result")
    node.SetAttribute("FiRework.iterations", "4")
    grid = slicer.vtkOrientedGridTransform()
    grid.SetInterpolationModeToCubic()
    node.SetAndObserveTransformFromParent(grid)
    slicer.mrmlScene.EndState(slicer.vtkMRMLScene.ImportState)
    assert grid.GetInterpolationMode() == 1


def test_no_sample_data_no_registration(module, monkeypatch, tmp_path):
    monkeypatch.setattr(sample_data, "MODULE_FOLDER", tmp_path / "lib")
    monkeypatch.setitem(sys.modules, "SampleData", None)
    sample_data.registerSampleData()


def test_parameter_node_is_one_and_keeps_its_values(module, volume):
    logic = module.FiReworkRegistrationLogic()
    parameters = logic.getParameterNode()
    assert (parameters.iterations, parameters.device, parameters.fixedVolume) == (4, "auto", None)
    assert (parameters.iterations, parameters.quality) == (find_preset().iterations, find_preset().name)
    parameters.fixedVolume = volume("Template")
    parameters.iterations = 3
    again = module.FiReworkRegistrationLogic().getParameterNode()
    assert again.parameterNode is parameters.parameterNode
    assert (again.fixedVolume.GetName(), again.iterations) == ("Template", 3)


@pytest.mark.parametrize(("name", "value"), [("iterations", 0), ("iterations", 21), ("precision", "fp8")])
def test_parameter_out_of_range(module, name, value):
    with pytest.raises(ValueError, match="Value"):
        setattr(module.FiReworkRegistrationLogic().getParameterNode(), name, value)


def test_process_hands_everything_to_the_bridge(module, bridge, volume):
    fixed, moving = volume("F"), volume("M")
    outputs = module.FiReworkRegistrationLogic().process(fixed, moving, iterations=3, device="cpu")
    assert outputs.transform.GetClassName() == "vtkMRMLTransformNode"
    assert bridge.calls == [(fixed, moving, {"iterations": 3, "device": "cpu"})]


def test_process_without_torch_stops_before_the_bridge(module, bridge, packages, volume):
    del packages.installed["torch"]
    with pytest.raises(DependencyError, match="torch"):
        module.FiReworkRegistrationLogic().process(volume("F"), volume("M"))
    assert bridge.calls == []
    assert packages.asked == []
