"""The settings of a run beside its checkpoint: a run goes on with what it began with, or not at all."""

import json
from pathlib import Path

from ..engine.errors import RegistrationError
from ..engine.whole_files import in_one_move

#: What may change while a run goes on: how long it is, how often and on how many pairs it tells, what the machine
#: computes in, and the mean volumes of structures in whoever is trained on.
FREE = ("steps", "checkpoint_every", "evaluate_every", "evaluate_pairs", "precision", "volumes")


def keep_record(folder, file: str, settings: dict) -> None:
    """Write ``settings`` as JSON, unless a checkpoint there was made with others.

    :raises RegistrationError: it was; nothing is written.
    """
    path = Path(folder) / file
    settings = json.loads(json.dumps(settings))
    if (path.parent / "checkpoint.pt").exists() and path.exists():
        changed = [entry for entry in changed_settings(path, settings) if entry[0] not in FREE]
        if changed:
            changes = "; ".join(f"{name} was {_short(before)}, is {_short(now)}" for name, before, now in changed)
            raise RegistrationError(
                f"The run in '{path.parent}' began with other settings ({changes}); give it those, or start another "
                "one in a new folder, with --initial-weights if it shall begin from these weights."
            )
    write_settings(path, settings)


def changed_settings(path, settings: dict) -> list[tuple]:
    """Name, value in the JSON file and value now of every setting that both know and that differs."""
    before = json.loads(Path(path).read_text(encoding="utf-8"))
    return [(name, before[name], settings[name]) for name in before if settings.get(name, before[name]) != before[name]]


def write_settings(path, settings: dict) -> None:
    with in_one_move(path) as part:
        part.write_text(json.dumps(settings, indent=1), encoding="utf-8")


def _short(value) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
