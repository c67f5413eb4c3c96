"""The module's own self-test, as Slicer runs it by ctest and by Reload and Test."""

import unittest
from pathlib import Path

import pytest
import slicer


def run_as_ctest(module):
    suite = unittest.TestLoader().loadTestsFromTestCase(module.FiReworkRegistrationTest)
    result = unittest.TestResult()
    suite.run(result)
    return result


def test_without_torch_it_skips_and_passes(module, packages, capsys):
    packages.installed.clear()
    result = run_as_ctest(module)
    assert result.wasSuccessful()
    skipped = [test.id().split(".")[-1] for test, _ in result.skipped]
    assert skipped == ["test_badInput", "test_panel", "test_registration"]
    module.FiReworkRegistrationTest().runTest()
    assert "skipped: not installed: torch" in capsys.readouterr().out


def load_volume(path):
    """In place of ``slicer.util.loadVolume``, which needs the application."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", Path(path).name.split(".")[0])
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(path)
    assert storage.ReadData(node)
    node.CreateDefaultDisplayNodes()
    return node


@pytest.fixture
def scene_files(monkeypatch):
    """``saveScene`` and ``loadScene`` of ``slicer.util`` without the application: the host's own."""
    from host.scene_files import SceneFiles

    monkeypatch.setattr(slicer.util, "saveScene", lambda path: SceneFiles(slicer.mrmlScene).save(path))
    monkeypatch.setattr(slicer.util, "loadScene", lambda path: SceneFiles(slicer.mrmlScene).load(path))


@pytest.mark.parametrize("pair", ["sample pair", "phantom"])
def test_with_the_trained_model(module, monkeypatch, scene_files, pair):
    monkeypatch.setattr(slicer.util, "loadVolume", load_volume)
    if pair == "phantom":
        # As installed: without the repository around it.
        test = module.FiReworkRegistrationTest
        monkeypatch.setattr(test, "_loadPair", lambda self: (*self._makePair(), True))
    slicer.mrmlScene.SetRootDirectory("/home/me")
    result = run_as_ctest(module)
    assert not result.skipped
    assert result.wasSuccessful(), result.errors + result.failures
    assert slicer.mrmlScene.GetRootDirectory() == "/home/me"
