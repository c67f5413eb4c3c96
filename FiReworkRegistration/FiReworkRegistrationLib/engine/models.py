"""Trained models: a card (JSON) beside its weights (safetensors), listed and loaded by name."""

import json
import os
from dataclasses import dataclass, field, fields
from pathlib import Path

from .errors import RegistrationError
from .texts import tr as _

#: Extra folder of models, searched before the shipped ones.
FOLDER_VARIABLE = "FIREWORK_MODELS"


@dataclass(frozen=True)
class ModelCard:
    """What a model is and what it was trained on; the JSON beside the weights.

    :param name: how commands and the panel call it.
    :param network, network_settings, field_scale: what ``build_network`` needs.
    :param spacing: working grid in mm it was trained for.
    :param iterations: recommended K.
    :param weights: file name of the safetensors file, in the card's folder.
    :param structures: of a label-assisted model, what ``load_structures`` needs: ``weights``, ``labels`` and their
        ``volumes`` in voxels, ``widths`` and ``features`` of the network, ``spacing`` of its training grid in mm,
        and, where it was trained on mirrored images too, the ``mirrored`` label of each.
    """

    name: str
    title: str
    description: str
    network: str
    weights: str
    spacing: float
    iterations: int
    network_settings: dict = field(default_factory=dict)
    field_scale: float = 0.1
    parameters: int = 0
    training: dict = field(default_factory=dict)
    dev: dict = field(default_factory=dict)
    data: list = field(default_factory=list)
    license: str = ""
    structures: dict = field(default_factory=dict)
    default: bool = False
    path: Path | None = None

    @property
    def weights_path(self) -> Path:
        return self.path.parent / self.weights


def model_folders() -> list[Path]:
    """Where models are looked for: $FIREWORK_MODELS, the module's resources, the installed package."""
    library = Path(__file__).resolve().parents[1]
    folders = [library.parent / "Resources" / "Models", library / "models_data"]
    if os.environ.get(FOLDER_VARIABLE):
        folders.insert(0, Path(os.environ[FOLDER_VARIABLE]))
    return [folder for folder in folders if folder.is_dir()]


def read_card(path) -> ModelCard:
    """:raises RegistrationError: not a model card."""
    path = Path(path)
    known = {f.name for f in fields(ModelCard)} - {"path"}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return ModelCard(**{key: value for key, value in values.items() if key in known}, path=path)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise RegistrationError(
            _("Model card '{path}' cannot be read ({error}); reinstall the model.").format(path=path, error=error)
        ) from error


def list_models() -> list[ModelCard]:
    """Every model found, the default first, then by name; an earlier folder hides a later one's names."""
    cards: dict[str, ModelCard] = {}
    for folder in model_folders():
        for path in sorted(folder.glob("*.json")):
            if not _is_card(path):
                continue
            card = read_card(path)
            cards.setdefault(card.name, card)
    return sorted(cards.values(), key=lambda card: (not card.default, card.name))


def _is_card(path: Path) -> bool:
    """Whether a JSON file means to be a card: other ones may lie beside models, such as the words of a card."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # One that is damaged, which the user has to hear of.
        return True
    return isinstance(values, dict) and {"network", "weights"} <= values.keys()


def find_model(name: str | None = None) -> ModelCard:
    """A card by name or by path of its JSON file; the default model if None.

    :raises RegistrationError: no such model.
    """
    if name and str(name).endswith(".json"):
        return read_card(name)
    cards = list_models()
    if not cards:
        raise RegistrationError(_("No model is installed; reinstall FiReworkRegistration."))
    if name is None:
        return cards[0]
    for card in cards:
        if card.name == name:
            return card
    raise RegistrationError(
        _("Unknown model '{name}'; installed are {names}.").format(name=name, names=", ".join(c.name for c in cards))
    )


def load_network(card: ModelCard, device="cpu"):
    """The card's network with its weights, on ``device``, ready for inference.

    Weights are safetensors, which hold numbers only: nothing in them can run.

    :raises RegistrationError: weights missing, truncated, or of another network.
    """
    import torch

    from .networks.catalog import build_network

    with torch.random.fork_rng(devices=[]):
        # Weights are drawn, and replaced: numbers that others draw must not depend on it.
        network = build_network(card.network, card.network_settings, card.field_scale)
    return _with_weights(network, card, card.weights, device)


def load_structures(card: ModelCard, device="cpu"):
    """The ``StructureReader`` of a label-assisted model on ``device``; None of any other.

    :raises RegistrationError: as ``load_network``, or a card that lacks what it needs.
    """
    import torch

    from .networks.structures import StructureNetwork
    from .structures import StructureReader, mirrored_numbers, structure_codes

    known = card.structures
    if not known:
        return None
    try:
        with torch.random.fork_rng(devices=[]):
            network = StructureNetwork(len(known["labels"]), tuple(known["widths"]), known["features"])
        codes = structure_codes(torch.tensor(known["volumes"], dtype=torch.float32))
        mirrored = known.get("mirrored")
        other_side = None if mirrored is None else mirrored_numbers(known["labels"], mirrored).to(device)
        weights, spacing = known["weights"], float(known["spacing"])
    except (KeyError, TypeError, ValueError) as error:
        raise RegistrationError(
            _("Model card '{path}' says too little of its structures ({error}); reinstall the model.").format(
                path=card.path, error=error
            )
        ) from error
    return StructureReader(_with_weights(network, card, weights, device), codes.to(device), spacing, other_side)


def _with_weights(network, card: ModelCard, file: str, device):
    import torch

    from .weights import read_weights

    path = card.path.parent / file
    if not path.exists():
        raise RegistrationError(
            _("Model '{name}': weights file '{path}' is missing; reinstall the model.").format(
                name=card.name, path=path
            )
        )
    state = read_weights(path)
    try:
        network.load_state_dict({key: value.float() for key, value in state.items()})
    except RuntimeError as error:
        raise RegistrationError(
            _(
                "Model '{name}': weights file '{path}' belongs to another network than its card names; take card and "
                "weights from one release."
            ).format(name=card.name, path=path)
        ) from error
    return network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last_3d)
