"""A finished run of the structure trainer and a model that is there: a label-assisted model."""

import json
import shutil
from pathlib import Path

from ..engine.errors import RegistrationError
from ..engine.models import ModelCard
from ..engine.weights import read_weights
from .export import check_words
from .log import TrainingLog


def export_structures(run, base: ModelCard, folder, name: str, words: dict) -> Path:
    """Write ``folder``/``name``.json, ``base`` with the run's structures, and the weights beside it.

    The network of the iterations stays that of ``base``; where its weights lie in ``folder`` they are shared.

    :param words: as of ``export_run``; what is missing is taken from ``base``.
    :return: path of the card.
    :raises RegistrationError: no run there, no weights yet, or words that a card does not have.
    """
    run, folder = Path(run), Path(folder)
    check_words(words)
    weights = run / "last.safetensors"
    if not weights.exists() or not (run / "labels.json").exists():
        raise RegistrationError(f"'{run}' holds no last.safetensors and labels.json; run train-structures first.")
    config, found = (json.loads((run / file).read_text()) for file in ("config.json", "labels.json"))
    shared = folder / base.weights
    if shared.name == f"{name}.safetensors":
        raise RegistrationError(f"'{name}' is the name of weights of '{base.name}', which are needed; choose another.")
    if shared.exists() and shared.read_bytes() != base.weights_path.read_bytes():
        raise RegistrationError(
            f"'{shared}' holds other weights than those of '{base.name}'; choose another output folder."
        )
    log = TrainingLog(run, writes=False)
    dev, step = log.read("dev"), log.read("log")
    folder.mkdir(parents=True, exist_ok=True)
    if not shared.exists():
        shutil.copyfile(base.weights_path, shared)
    shutil.copyfile(weights, folder / f"{name}.safetensors")
    card = json.loads(base.path.read_text(encoding="utf-8"))
    card.update({key: words[key] for key in ("title", "description", "license", "data") if key in words})
    card.update(
        name=name,
        default=False,
        structures={
            "weights": f"{name}.safetensors",
            "parameters": sum(value.numel() for value in read_weights(weights).values()),
            **{key: config[key] for key in ("widths", "features", "spacing")},
            **found,
            "training": {"step": step[-1]["step"] if step else 0, "note": words.get("note", ""), "config": config},
            "dev": {key: round(value, 4) for key, value in dev[-1].items()} if dev else {},
        },
    )
    path = folder / f"{name}.json"
    path.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return path
