"""Many pairs with one command: a folder a pair, resumable, in shards for the jobs of a cluster."""

import hashlib
import json
import traceback
from collections import Counter
from pathlib import Path

from ..engine.errors import Cancelled, RegistrationError, is_out_of_memory
from ..training.run_record import changed_settings, write_settings

#: Written last: a pair that has it is done.
DONE = "figures.json"
FAILED = "error.txt"
#: Beside the folders of the pairs.
SETTINGS = "settings.json"
#: Bytes of a folder's name, before a mark; file systems take 255.
LONGEST = 200


def register_cohort(pairs, names, folder, register, shard=(1, 1), report=print, folders=None) -> list[dict]:
    """Register every pair of a shard that is not done yet; one that fails does not stop the rest.

    :param pairs: ``PairFiles``.
    :param names: of the pairs, all different.
    :param folder: gets a folder a pair, with what ``register`` writes, or ``error.txt`` with the reason.
    :param register: ``register(files, folder)`` writes all outputs and at last ``figures.json``.
    :param shard: (i, n): every n-th pair from the i-th on, counted from 1.
    :param folders: of the pairs in ``folder``; :func:`folder_names` of ``names`` if None.
    :return: {"pair", "state", "message"} of each pair of the shard; state is done, done before or failed.
    """
    first, step = shard
    rows = []
    folders = folder_names(names) if folders is None else folders
    for files, name, own in list(zip(pairs, names, folders, strict=True))[first - 1 :: step]:
        own = Path(folder) / own
        if (own / DONE).exists():
            rows.append({"pair": name, "state": "done before", "message": ""})
            continue
        own.mkdir(parents=True, exist_ok=True)
        (own / FAILED).unlink(missing_ok=True)
        try:
            register(files, own)
            rows.append({"pair": name, "state": "done", "message": ""})
        except Cancelled:
            raise
        except Exception as error:
            message = "not enough memory" if is_out_of_memory(error) else str(error)
            known = isinstance(error, RegistrationError)
            (own / FAILED).write_text(message + ("" if known else "\n\n" + traceback.format_exc()), encoding="utf-8")
            rows.append({"pair": name, "state": "failed", "message": message.splitlines()[0] if message else "?"})
        report(f"{len(rows)}: {name} {rows[-1]['state']} {rows[-1]['message']}".rstrip())
    return rows


def keep_settings(folder, settings: dict) -> None:
    """Write what a cohort is registered with, so that nobody goes on with something else without noticing.

    :raises RegistrationError: the folder holds pairs that were registered with other settings.
    """
    path = Path(folder) / SETTINGS
    settings = json.loads(json.dumps(settings))
    if path.exists() and (changed := changed_settings(path, settings)):
        changes = "; ".join(f"{name} was {before}, is {now}" for name, before, now in changed)
        raise RegistrationError(
            f"'{folder}' was begun with other settings ({changes}); give it those, or choose another folder."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_settings(path, settings)


def folder_names(names) -> list[str]:
    """The names of pairs as those of folders, all different: letters that a path gives a meaning become underscores.

    What would be too long, or the same as another, gets a mark of its own.
    """
    plain = ["".join("_" if letter in '/\\:*?"<>| ' else letter for letter in name) for name in names]
    # Of file systems that do not tell small letters from capitals.
    same = Counter(name.lower() for name in plain)
    return [
        name if same[name.lower()] == 1 and len(name.encode()) <= LONGEST else _marked(name, whole)
        for name, whole in zip(plain, names, strict=True)
    ]


def _marked(name: str, whole: str) -> str:
    short = name.encode()[:LONGEST].decode(errors="ignore")
    return f"{short}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def read_shard(text: str) -> tuple[int, int]:
    """ "2/8" as (2, 8).

    :raises RegistrationError: not I/N with 1 <= I <= N.
    """
    try:
        first, step = (int(part) for part in text.split("/"))
    except ValueError:
        first, step = 0, 0
    if not 1 <= first <= step:
        raise RegistrationError(f"--shard is I/N with I from 1 to N, such as 2/8, got '{text}'.")
    return first, step
