"""The private Python environment of the repository: ``.venv`` with the pinned requirements in it.

Standard library only: this runs before anything is installed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "Testing" / "requirements.txt"
VENV = ROOT / ".venv"
#: Inside .venv: digest of what was installed into it.
STAMP = "firework-requirements.sha256"
#: Versions for which every pinned package has wheels.
OLDEST, NEWEST = (3, 10), (3, 13)


class EnvironmentProblem(Exception):
    """Says what went wrong and what to do; run.py prints it and ends."""


class Environment:
    """Makes and fills a virtual environment, and only does what is still to do.

    :param run, say: stand in for ``subprocess.run`` and ``print`` in tests.
    """

    def __init__(self, folder=VENV, requirements=REQUIREMENTS, run=subprocess.run, say=None, windows=os.name == "nt"):
        self.folder, self.requirements = Path(folder), Path(requirements)
        self._run, self._windows = run, windows
        # Flushed, or it would follow the output of the programs it announces.
        self._say = say or partial(print, flush=True)

    @property
    def python(self) -> Path:
        """The environment's interpreter, whether or not it exists yet."""
        return self.folder / ("Scripts/python.exe" if self._windows else "bin/python")

    @property
    def stamp(self) -> Path:
        return self.folder / STAMP

    def ensure(self) -> Path:
        """Make and fill the environment where that is still to do; returns its interpreter.

        :raises EnvironmentProblem: it cannot be made, or pip failed.
        """
        if not self.is_complete():
            self.create()
        if not self.is_installed():
            self.install()
        return self.python

    def is_complete(self) -> bool:
        """Whether the interpreter there starts, is of a supported version, and has pip."""
        if not self.python.exists():
            return False
        code = f"import sys, pip; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST})"
        try:
            done = self._run([str(self.python), "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except OSError:
            return False
        return done.returncode == 0

    def is_installed(self) -> bool:
        return self.stamp.is_file() and self.stamp.read_text(encoding="utf-8").strip() == self.digest()

    def digest(self) -> str:
        # Line endings differ between checkouts, not the meaning.
        text = self.requirements.read_text(encoding="utf-8")
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    def create(self) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise EnvironmentProblem(f"'{self.folder}' is in the way: it is not a folder. Remove it and try again.")
        again = self.folder.exists()
        python = supported_python()
        what = "the Python environment anew, it was incomplete," if again else "a Python environment"
        self._say(f"Making {what} in {self.folder}")
        command = [python, "-m", "venv", *(["--clear"] if again else []), str(self.folder)]
        done = self._run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0 or not self.python.exists():
            raise EnvironmentProblem(
                f"{(done.stdout or '').strip()}\n\n"
                f"The Python environment could not be made with '{' '.join(command)}'. On Debian and Ubuntu "
                "install python3-venv (apt install python3-venv); elsewhere install Python from python.org. "
                "Then run the same command again."
            )

    def install(self) -> None:
        self._say(f"Installing the packages of {_short(self.requirements)} (once; several minutes, up to a few GB)")
        # A stopped installation must not pass for a finished one.
        self.stamp.unlink(missing_ok=True)
        command = [str(self.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        done = self._run([*command, "-r", str(self.requirements)])
        if done.returncode != 0:
            raise EnvironmentProblem(
                f"pip could not install the packages (exit code {done.returncode}); its own message is above. "
                f"Check the network connection and the free disk space. If it finds no matching version, use Python "
                f"{_dotted(OLDEST)} to {_dotted(NEWEST)} of 64 bits (this is {sys.version.split()[0]}), remove "
                f"'{self.folder}' and run the same command again. For Macs with Intel processors there are no such "
                "packages."
            )
        self.stamp.write_text(self.digest() + "\n", encoding="utf-8")


def supported_python(version=None, which=shutil.which) -> str:
    """An interpreter that the pinned packages have wheels for: this one, or another one on the path.

    :raises EnvironmentProblem: there is none.
    """
    version = tuple(version or sys.version_info[:2])
    if OLDEST <= version <= NEWEST:
        # Inside another virtual environment this is that one's interpreter, which serves as well.
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = which(f"python3.{minor}")
        if found and _starts(found):
            return found
    raise EnvironmentProblem(
        f"This is Python {_dotted(version)}; the packages exist for {_dotted(OLDEST)} to {_dotted(NEWEST)}. "
        f"Install Python {_dotted(NEWEST)} and run this with it, for example: "
        f"python{_dotted(NEWEST)} Testing/run.py demo"
    )


def _starts(python: str) -> bool:
    # pyenv puts scripts on the path that stand for interpreters it does not have.
    try:
        done = subprocess.run([python, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return done.returncode == 0


def _dotted(version) -> str:
    return ".".join(str(part) for part in version)


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(ROOT))
    except ValueError:
        return str(path)
