"""What CMake installs is what git has: Slicer's packaging CI does not look, so this does."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULE = ROOT / "FiReworkRegistration"


def cmake(folder):
    """The CMake file without comments."""
    text = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.sub(r"(?m)^\s*#.*$", "", text)


def settings(text):
    """name to value of every ``set(NAME value ...)``."""
    return {name: value.strip() for name, value in re.findall(r"\bset\((\w+)\s+([^)]*)\)", text)}


def listed_files():
    values = settings(cmake(MODULE))
    names = (values["MODULE_PYTHON_SCRIPTS"] + "\n" + values["MODULE_PYTHON_RESOURCES"]).split()
    return [name.replace("${MODULE_NAME}", values["MODULE_NAME"]) for name in names]


def files_of_git():
    """Tracked, or new and not ignored; without those that were deleted."""
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "FiReworkRegistration"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if found.returncode:
        pytest.skip("not a git checkout")
    paths = [Path(line).relative_to("FiReworkRegistration") for line in found.stdout.splitlines()]
    return sorted({path.as_posix() for path in paths if (MODULE / path).exists()} - {"CMakeLists.txt"})


def test_every_file_is_listed():
    missing = set(files_of_git()) - set(listed_files())
    assert not missing, "add to FiReworkRegistration/CMakeLists.txt"


def test_every_listed_file_exists():
    missing = set(listed_files()) - set(files_of_git())
    assert not missing, "Slicer's configuration would stop at these"


def test_no_file_is_listed_twice():
    assert len(listed_files()) == len(set(listed_files()))


def test_only_the_module_lies_beside_the_library():
    """Slicer takes every .py file in that folder for a module."""
    assert [path.name for path in MODULE.glob("*.py")] == ["FiReworkRegistration.py"]


def test_generic_and_self_test_are_registered():
    text = cmake(MODULE)
    assert "WITH_GENERIC_TESTS" in text
    assert "slicer_add_python_unittest(SCRIPT ${MODULE_NAME}.py)" in text


def test_project_is_named_as_the_module():
    # The Extensions Index takes the first project(...) of the file, comments included.
    whole = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.search(r"project\(([^)]*)\)", whole).group(1) == "FiReworkRegistration"
    assert settings(cmake(MODULE))["MODULE_NAME"] == "FiReworkRegistration"
    assert "add_subdirectory(FiReworkRegistration)" in whole


@pytest.mark.parametrize(
    "name",
    ["HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS", "LICENSE_FILE", "README_FILE"],
)
def test_extension_setting_is_one_quoted_string(name):
    """The index reads them with a pattern: one quoted string, no space before the bracket."""
    assert re.search(rf'(?m)^set\(EXTENSION_{name} "[^"\n]+"\)$', cmake(ROOT))


def test_extension_urls_belong_to_one_repository():
    values = settings(cmake(ROOT))
    repository = values["EXTENSION_HOMEPAGE"].strip('"').removeprefix("https://github.com/")
    assert repository.split("/")[1].startswith("Slicer")
    for name in ("EXTENSION_ICONURL", "EXTENSION_SCREENSHOTURLS"):
        for url in values[name].strip('"').split():
            assert url.startswith(f"https://raw.githubusercontent.com/{repository}/main/")
            assert url.endswith(".png")


def test_license_readme_and_icon_exist():
    values = settings(cmake(ROOT))
    for name in ("EXTENSION_LICENSE_FILE", "EXTENSION_README_FILE"):
        path = values[name].strip('"').replace("${CMAKE_CURRENT_SOURCE_DIR}", str(ROOT))
        assert Path(path).is_file(), name
    assert (ROOT / values["EXTENSION_ICONURL"].strip('"').split("/main/")[1]).is_file()


@pytest.mark.parametrize(
    "icon", ["FiReworkExtension.png", "FiReworkRegistration/Resources/Icons/FiReworkRegistration.png"]
)
def test_icon_is_a_square_png(icon):
    head = (ROOT / icon).read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert head[16:20] == head[20:24] == (128).to_bytes(4, "big")


def test_no_line_has_tabs_or_trailing_space():
    for folder in (ROOT, MODULE):
        for line in (folder / "CMakeLists.txt").read_text(encoding="utf-8").split("\n"):
            assert "\t" not in line
            assert line == line.rstrip()
