"""The module's own self-test, as Slicer runs it by ctest and by Reload and Test."""

import importlib
import unittest

import pytest

from FiReworkRegistrationLib.engine.models import list_models


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


def test_with_the_trained_model(module):
    if importlib.util.find_spec("FiReworkRegistrationLib.mrml") is None or not list_models():
        pytest.skip("needs the bridge and a model")
    result = run_as_ctest(module)
    assert not result.skipped
    assert result.wasSuccessful(), result.errors + result.failures
