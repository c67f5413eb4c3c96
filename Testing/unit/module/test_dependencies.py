"""Looking is free, installing happens on a click only, and every refusal says what to do."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import slicer

from FiReworkRegistrationLib.panel import dependencies
from FiReworkRegistrationLib.panel.dependencies import DependencyError, InstallationDeclined

ROOT = Path(__file__).resolve().parents[3]


class TorchExtension:
    """The module PyTorchUtils of the PyTorch extension."""

    def __init__(self, packages, answer=True, error=None):
        self.packages, self.answer, self.error, self.asked = packages, answer, error, []

    def PyTorchUtilsLogic(self):
        return self

    def installTorch(
        self,
        askConfirmation=False,
        forceComputationBackend=None,
        torchVersionRequirement="",
        torchvisionVersionRequirement="",
    ):
        self.asked.append((askConfirmation, torchVersionRequirement))
        if self.error:
            raise self.error
        if not self.answer:
            return None
        self.packages.installed["torch"] = "2.6.0+cu124"
        return SimpleNamespace(__version__="2.6.0")


@pytest.fixture
def extension(packages, monkeypatch):
    extension = TorchExtension(packages)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", extension)
    return extension


@pytest.fixture
def no_extension(packages, monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)


def test_nothing_is_missing_when_all_is_installed(packages):
    assert dependencies.missingPackages() == []
    dependencies.requireInstalled()
    dependencies.ensureInstalled()
    assert packages.asked == []


def test_missing_packages_are_named(packages):
    packages.installed.clear()
    assert dependencies.missingPackages() == [dependencies.TORCH]
    with pytest.raises(DependencyError, match=r"torch>=.*PyTorch.*[Ee]xtension"):
        dependencies.requireInstalled()
    assert packages.asked == []


def test_a_torch_that_is_older_than_the_numpy_says_so(packages, monkeypatch):
    """As on macOS with x86_64, for which the last PyTorch is 2.2."""
    packages.installed.update(torch="2.2.2", numpy="2.3.4")
    for check in (dependencies.requireInstalled, dependencies.ensureInstalled):
        with pytest.raises(DependencyError, match=r"NumPy 1 only.*pip_install\('numpy<2'\).*restart Slicer"):
            check()
    # Replaced, but the other one is loaded still.
    packages.installed["numpy"] = "1.26.4"
    monkeypatch.setitem(sys.modules, "numpy", SimpleNamespace(__version__="2.3.4"))
    with pytest.raises(DependencyError, match=r"NumPy was replaced.*restart Slicer"):
        dependencies.requireInstalled()
    monkeypatch.setitem(sys.modules, "numpy", SimpleNamespace(__version__="1.26.4"))
    dependencies.ensureInstalled()
    packages.installed.update(torch="2.6.0", numpy="2.3.4")
    dependencies.requireInstalled()


def test_an_old_torch_is_missing(packages):
    packages.installed["torch"] = "1.13.1"
    with pytest.raises(DependencyError, match=re.escape(dependencies.TORCH_VERSION)):
        dependencies.requireInstalled()


def test_an_old_torch_is_not_installed_over(packages, extension):
    packages.installed["torch"] = "1.13.1"
    with pytest.raises(DependencyError, match="Uninstall"):
        dependencies.ensureInstalled()
    assert extension.asked == []


def test_torch_comes_from_the_extension_with_a_question(packages, extension):
    del packages.installed["torch"]
    dependencies.ensureInstalled()
    assert extension.asked == [(True, dependencies.TORCH_VERSION)]
    assert packages.asked == []


def test_without_the_extension_the_message_names_it(packages, no_extension):
    packages.installed.clear()
    with pytest.raises(DependencyError, match="install the extension 'PyTorch'"):
        dependencies.ensureInstalled()
    assert packages.asked == []


class ExtensionsManager:
    """``slicer.app.extensionsManagerModel()``, which not every Slicer has."""

    def __init__(self, works=True):
        self.works, self.interactive, self.installed, self.enabled = works, True, [], None
        self.wasThere = False

    def isExtensionInstalled(self, name):
        return self.wasThere

    def setExtensionEnabled(self, name, value):
        self.enabled = name, value

    def installExtensionFromServer(self, name, restart=True):
        assert not self.interactive
        self.installed.append((name, restart))
        return self.works


@pytest.fixture
def answer(monkeypatch, no_extension, packages):
    """Slicer with an extensions manager, and what the user answers to the question."""
    packages.installed.clear()

    def set_up(yes, works=True):
        manager = ExtensionsManager(works)
        monkeypatch.setattr(slicer.app, "_extensions_manager", manager)
        monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text, windowTitle=None, **_: yes)
        return manager

    return set_up


def test_the_extension_is_offered_and_installed(answer):
    manager = answer(True)
    with pytest.raises(InstallationDeclined, match="restart Slicer"):
        dependencies.ensureInstalled()
    assert manager.installed == [("PyTorch", False)]
    assert manager.interactive, "other modules' installations are asked for"


def test_an_extension_that_is_switched_off_is_switched_on(answer):
    manager = answer(True)
    manager.wasThere = True
    with pytest.raises(InstallationDeclined, match="not loaded yet"):
        dependencies.ensureInstalled()
    assert manager.enabled == ("PyTorch", True) and manager.installed == []


def test_the_extension_is_not_installed_without_consent(answer):
    manager = answer(False)
    with pytest.raises(InstallationDeclined, match="install the extension 'PyTorch'"):
        dependencies.ensureInstalled()
    assert manager.installed == []


def test_an_extension_that_cannot_be_had(answer):
    answer(True, works=False)
    with pytest.raises(DependencyError, match="install the extension 'PyTorch'"):
        dependencies.ensureInstalled()


def test_declined_torch(packages, extension):
    del packages.installed["torch"]
    extension.answer = False
    with pytest.raises(InstallationDeclined):
        dependencies.ensureInstalled()


def test_failed_torch(packages, extension):
    del packages.installed["torch"]
    extension.error = RuntimeError("no space left")
    with pytest.raises(DependencyError, match="no space left"):
        dependencies.ensureInstalled()


def test_testing_mode_installs_nothing(packages, extension, monkeypatch):
    packages.installed.clear()
    monkeypatch.setattr(slicer.app, "_testing", True)
    with pytest.raises(DependencyError):
        dependencies.ensureInstalled()
    assert extension.asked == packages.asked == []


def test_waits_for_another_installation(packages, extension):
    packages.installed.clear()
    packages.in_progress = True
    with pytest.raises(DependencyError, match="Another"):
        dependencies.ensureInstalled()
    assert extension.asked == packages.asked == []


def test_version_is_that_of_the_project():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'"{dependencies.TORCH}"' in project
