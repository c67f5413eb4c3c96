"""pyproject.toml, setup.py and requirements.txt agree with each other and with the tree."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]


def pins() -> list[Requirement]:
    lines = (ROOT / "Testing" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pins_for(python: str) -> dict[str, str]:
    """Name and version of what is pinned for a Python version."""
    chosen = [pin for pin in pins() if pin.marker is None or pin.marker.evaluate({"python_version": python})]
    names = [canonicalize_name(pin.name) for pin in chosen]
    assert len(names) == len(set(names))
    return {name: str(pin.specifier).removeprefix("==") for name, pin in zip(names, chosen, strict=True)}


def dependencies() -> list[Requirement]:
    # tomllib came with Python 3.11.
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", text, re.DOTALL | re.MULTILINE).group(1)
    return [Requirement(word) for word in re.findall(r'"([^"]+)"', block)]


def test_every_requirement_is_pinned_exactly():
    for pin in pins():
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), pin


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_what_the_engine_needs_is_pinned_within_its_bounds(python):
    pinned = pins_for(python)
    # The packages here are those of Linux.
    for dependency in (each for each in dependencies() if not each.marker):
        assert dependency.specifier.contains(pinned[canonicalize_name(dependency.name)]), dependency


def test_the_same_packages_are_pinned_for_every_python():
    assert set(pins_for("3.10")) == set(pins_for("3.13"))


def test_license_is_apache_2():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_setup_finds_every_package_but_the_panel():
    library = ROOT / "FiReworkRegistration" / "FiReworkRegistrationLib"
    on_disk = {
        ".".join(["FiReworkRegistrationLib", *path.parent.relative_to(library).parts])
        for path in library.rglob("__init__.py")
    }
    expected = {name for name in on_disk if not name.startswith("FiReworkRegistrationLib.panel")}
    code = (
        "import setuptools; setuptools.setup = lambda **kw: print('\\n'.join(kw['packages']));"
        "exec(open('setup.py').read())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == expected | {"FiReworkRegistrationLib.models_data"}


@pytest.mark.skipif(os.name == "nt", reason="no shell")
def test_ci_runs_the_documented_command():
    path = ROOT / ".ci" / "run"
    assert os.access(path, os.X_OK)
    assert "python3 Testing/run.py test" in path.read_text(encoding="utf-8")
