"""run.py's virtual environment, with a stand-in for the programs it calls."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import run
from environment import Environment, EnvironmentProblem, supported_python


class FakePrograms:
    """Takes the place of subprocess.run: notes commands and does what venv would do on disk."""

    def __init__(self, folder, venv_code=0, pip_code=0, pip_present=True):
        self.folder, self.commands = folder, []
        self.venv_code, self.pip_code, self.pip_present = venv_code, pip_code, pip_present

    def __call__(self, command, **_):
        self.commands.append(command)
        if "venv" in command:
            if self.venv_code == 0:
                make_interpreter(self.folder)
                self.pip_present = True
            return SimpleNamespace(returncode=self.venv_code, stdout="ensurepip is not available")
        if "install" in command:
            return SimpleNamespace(returncode=self.pip_code)
        return SimpleNamespace(returncode=0 if self.pip_present else 1)

    def called(self, word) -> int:
        return sum(word in command for command in self.commands)


def make_interpreter(folder: Path) -> None:
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    (folder / "bin" / "python").touch()


@pytest.fixture
def requirements(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text("torch==2.13.0\n", encoding="utf-8")
    return path


@pytest.fixture
def a_folder(tmp_path):
    return tmp_path / "venv"


def an_environment(folder, requirements, programs):
    said = []
    environment = Environment(folder, requirements, run=programs, say=said.append, windows=False)
    environment.said = said
    return environment


def test_first_call_makes_and_fills_it_second_call_does_nothing(a_folder, requirements):
    programs = FakePrograms(a_folder)
    python = an_environment(a_folder, requirements, programs).ensure()
    assert python == a_folder / "bin" / "python"
    assert (programs.called("venv"), programs.called("install")) == (1, 1)
    again = an_environment(a_folder, requirements, programs)
    again.ensure()
    assert (programs.called("venv"), programs.called("install")) == (1, 1)
    assert again.said == []


def test_changed_requirements_are_installed_into_the_same_environment(a_folder, requirements):
    programs = FakePrograms(a_folder)
    an_environment(a_folder, requirements, programs).ensure()
    requirements.write_text("torch==2.14.0\n", encoding="utf-8")
    an_environment(a_folder, requirements, programs).ensure()
    assert (programs.called("venv"), programs.called("install")) == (1, 2)


def test_line_endings_are_no_change(a_folder, requirements):
    environment = an_environment(a_folder, requirements, FakePrograms(a_folder))
    before = environment.digest()
    requirements.write_bytes(b"torch==2.13.0\r\n")
    assert environment.digest() == before


def test_an_incomplete_environment_is_made_anew(a_folder, requirements):
    make_interpreter(a_folder)
    programs = FakePrograms(a_folder, pip_present=False)
    an_environment(a_folder, requirements, programs).ensure()
    assert programs.called("--clear") == 1
    assert programs.called("install") == 1


def test_a_folder_without_interpreter_is_made_anew(a_folder, requirements):
    a_folder.mkdir()
    programs = FakePrograms(a_folder)
    an_environment(a_folder, requirements, programs).ensure()
    assert programs.called("--clear") == 1


def test_a_failed_installation_is_told_and_tried_again(a_folder, requirements):
    with pytest.raises(EnvironmentProblem, match="pip could not install"):
        an_environment(a_folder, requirements, FakePrograms(a_folder, pip_code=1)).ensure()
    programs = FakePrograms(a_folder)
    an_environment(a_folder, requirements, programs).ensure()
    assert programs.called("install") == 1


def test_a_stopped_update_does_not_pass_for_installed(a_folder, requirements):
    an_environment(a_folder, requirements, FakePrograms(a_folder)).ensure()
    requirements.write_text("other\n", encoding="utf-8")
    with pytest.raises(EnvironmentProblem):
        an_environment(a_folder, requirements, FakePrograms(a_folder, pip_code=1)).ensure()
    requirements.write_text("torch==2.13.0\n", encoding="utf-8")
    assert not an_environment(a_folder, requirements, FakePrograms(a_folder)).is_installed()


def test_missing_venv_module_is_told_with_its_remedy(a_folder, requirements):
    with pytest.raises(EnvironmentProblem, match="apt install python3-venv"):
        an_environment(a_folder, requirements, FakePrograms(a_folder, venv_code=1)).ensure()


def test_a_file_in_the_way_is_named(a_folder, requirements):
    a_folder.touch()
    with pytest.raises(EnvironmentProblem, match="in the way"):
        an_environment(a_folder, requirements, FakePrograms(a_folder)).ensure()


def test_windows_interpreter_lies_in_scripts(a_folder, requirements):
    assert Environment(a_folder, requirements, windows=True).python == a_folder / "Scripts" / "python.exe"


def test_this_python_serves_where_it_is_supported():
    assert supported_python((3, 12)) == sys.executable


def test_a_too_new_python_looks_for_another_one():
    on_the_path = {"python3.12": sys.executable}
    assert supported_python((3, 14), which=on_the_path.get) == sys.executable
    with pytest.raises(EnvironmentProblem, match=r"Python 3\.14.*3\.10 to 3\.13"):
        supported_python((3, 14), which={}.get)


def test_help_names_the_verbs_and_installs_nothing():
    done = subprocess.run([sys.executable, run.__file__, "--help"], capture_output=True, text=True, check=True)
    for verb in ("demo", "test", "bench"):
        assert verb in done.stdout


def test_arguments_after_the_verb_reach_it(monkeypatch):
    calls = []
    monkeypatch.setattr(run, "Environment", lambda: SimpleNamespace(ensure=lambda: Path("python")))
    monkeypatch.setattr(run, "_call", lambda command: calls.append(command) or 0)
    assert run.main(["demo", "--iterations", "3"]) == 0
    assert calls[0][-2:] == ["--iterations", "3"]
    run.main(["test", "-k", "venv"])
    assert calls[1][-3].endswith("unit")
    run.main(["test", __file__])
    assert calls[2][-1] == __file__
    assert not calls[2][-2].endswith("unit")


def test_bench_runs_one_measurement_and_names_them_all(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(run, "_call", lambda command: calls.append(command) or 0)
    assert run.bench("python", []) == run.bench("python", ["compare", "--threads", "1"]) == 0
    assert [Path(call[1]).name for call in calls] == ["speed.py", "compare.py"]
    assert calls[1][2:] == ["--threads", "1"]
    assert run.bench("python", ["quality"]) == 2
    assert "accuracy, affine_cases, contrasts, panel, speed, stop_rule, compare" in capsys.readouterr().out
    assert len(calls) == 2


def test_a_failing_verb_fails_run(monkeypatch):
    monkeypatch.setattr(run, "Environment", lambda: SimpleNamespace(ensure=lambda: Path("python")))
    monkeypatch.setattr(run, "_call", lambda command: 3)
    assert run.main(["test"]) == 3
