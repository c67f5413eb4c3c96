"""A finished run as a model: its best weights and a card that says where they come from."""

import json
import shutil
from pathlib import Path

from ..engine.errors import RegistrationError
from ..engine.weights import read_weights
from .config import read_config
from .log import TrainingLog

#: What a card may say in words; see ``engine/models.py``.
WORDS = ("title", "description", "license", "data", "note")


def export_run(run, folder, name: str, words: dict, half=False) -> Path:
    """Copy the best weights of ``run`` to ``folder``/``name``.safetensors and write the card beside them.

    :param words: ``WORDS`` to their content; ``data`` is a list of {"name", "license", "credit", "use"}.
    :param half: keep the weights in fp16, half the size; they are float32 again where a model is loaded.
    :return: path of the card.
    :raises RegistrationError: no finished run there, or words that a card does not have.
    """
    run, folder = Path(run), Path(folder)
    check_words(words)
    weights = run / "best.safetensors"
    if not weights.exists() or not (run / "config.json").exists():
        raise RegistrationError(f"'{run}' holds no best.safetensors and config.json; train with --dev first.")
    config = read_config(str(run / "config.json"))
    log = TrainingLog(run)
    best = log.best()
    depths = sorted(config.evaluate_iterations)
    # Without labels the weights were chosen by their NCC.
    figure, words_of = ("dice" if "dice_0" in best else "ncc"), {"dice": "dice", "ncc": "local_ncc"}
    card = {
        "name": name,
        "title": words.get("title", name),
        "description": words.get("description", ""),
        "network": config.network,
        "network_settings": config.network_settings,
        "field_scale": config.field_scale,
        "parameters": sum(value.numel() for value in read_weights(weights).values()),
        "weights": f"{name}.safetensors",
        "spacing": config.spacing,
        "iterations": depths[-1],
        "default": False,
        "license": words.get("license", ""),
        "data": words.get("data", []),
        "training": {"step": int(best["step"]), "note": words.get("note", ""), "config": config.to_dict()},
        "dev": {
            words_of[figure]: {f"K={k}": round(best[f"{figure}_{k}"], 4) for k in (0, *depths)},
            "percent_folded": {f"K={k}": round(best[f"folded_{k}"], 4) for k in depths},
            "pairs": config.evaluate_pairs,
            "affine": "least squares of label centroids" if figure == "dice" else "the engine's own",
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    if half:
        from safetensors.torch import save

        # Not save_file, whose files nobody else may read.
        halved = {key: value.half() for key, value in read_weights(weights).items()}
        (folder / card["weights"]).write_bytes(save(halved))
    else:
        shutil.copyfile(weights, folder / card["weights"])
    path = folder / f"{name}.json"
    path.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return path


def check_words(words: dict) -> None:
    """:raises RegistrationError: words that a card does not have."""
    if not isinstance(words, dict):
        raise RegistrationError(f"Words of a card are an object with {', '.join(WORDS)}, not {words!r}.")
    unknown = sorted(words.keys() - set(WORDS))
    if unknown:
        raise RegistrationError(f"A model card has no '{unknown[0]}'; it has {', '.join(WORDS)}.")
