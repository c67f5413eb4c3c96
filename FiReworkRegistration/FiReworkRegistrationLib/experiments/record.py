"""What the rows were made from, so that a resumed experiment never mixes two: ``record.json``."""

import json
import os
import platform
from pathlib import Path

from ..engine.errors import RegistrationError
from .config import ExperimentConfig, Method


class Record:
    """Names of the subjects; for every training its settings and the machines that trained and judged it."""

    def __init__(self, folder):
        self._path = Path(folder) / "record.json"
        self._content = {"subjects": {}, "methods": {}}
        if self._path.exists():
            self._content = json.loads(self._path.read_text(encoding="utf-8"))

    def subjects(self, role: str) -> list[str] | None:
        """Names of the "training" or "dev" subjects, None where they were not read yet."""
        return self._content["subjects"].get(role)

    def check_subjects(self, role: str, names: list[str]) -> None:
        """Keep them, or raise RegistrationError where others were used before.

        More or fewer dev subjects of one folder only make more or fewer pairs; other training subjects make
        other weights.
        """
        before = self.subjects(role) or names
        shared = min(len(before), len(names)) if role == "dev" else None
        if before[:shared] != names[:shared]:
            raise RegistrationError(
                f"The {role} subjects are not those of the rows in '{self._path.parent}'; "
                "give the same folder, or another --output."
            )
        self._content["subjects"][role] = max(before, names, key=len)
        self._write()

    def check_method(self, method: Method) -> None:
        """:raises RegistrationError: the rows or checkpoints come from a training with other settings."""
        before = self._content["methods"].get(method.weights, {}).get("training")
        settings = _settings(method)
        changed = sorted(key for key in settings if before is not None and settings[key] != before.get(key))
        if changed:
            raise RegistrationError(
                f"'{method.weights}' was trained in '{self._path.parent}' with another {', '.join(changed)}; "
                "take the setting back, or give another --output."
            )

    def note(self, method: Method, what: str, where: str) -> None:
        """Before a training is "trained" or "judged": on which machine."""
        entry = self._content["methods"].setdefault(method.weights, {"training": _settings(method)})
        entry[what] = list(dict.fromkeys([*entry.get(what, ()), where]))
        self._write()

    def machines(self, config: ExperimentConfig, names: list[str], what: str) -> str:
        """Where the named methods were "trained" or "judged"."""
        entries = [self._content["methods"][config.methods[name].weights] for name in names]
        return " and ".join(dict.fromkeys(where for entry in entries for where in entry[what]))

    def _write(self) -> None:
        self._path.write_text(json.dumps(self._content, indent=1) + "\n", encoding="utf-8")


def _settings(method: Method) -> dict:
    """As they come back from JSON, where tuples are lists."""
    return json.loads(json.dumps(method.training.to_dict()))


def machine(device) -> str:
    """The device in words."""
    import torch

    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    threads = torch.get_num_threads()
    return f"{name}, {threads} of {os.cpu_count()} cores, torch {torch.__version__}"
