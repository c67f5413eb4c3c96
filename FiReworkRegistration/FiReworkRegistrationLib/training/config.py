"""Settings of a training run. ``PAPER`` is the paper's recipe; a run saves its own as JSON."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from ..engine.errors import RegistrationError
from ..engine.networks.catalog import network_multiple
from .settings import check_kinds, check_least


@dataclass(frozen=True)
class TrainingConfig:
    """One training run. Lengths are voxels of the training grid unless said otherwise."""

    # Network: see engine/networks/catalog.py for the names and their settings.
    network: str = "firework-vm"
    network_settings: dict = field(default_factory=dict)
    field_scale: float = 0.1
    # Refinement: stages in all; the gradient runs through ``grad_stages`` of them, then the
    # field is detached and the weights are updated. ``random_stages`` updates once a pair, in half
    # of the steps at the start, in the others at a random depth that it reaches without gradient.
    stages: int = 2
    grad_stages: int = 2
    random_stages: bool = False
    # Loss.
    ncc_window: int = 9
    smoothness: float = 1.0
    # Weight of the mean of max(0, 0.1 - Jacobian determinant); 0 leaves folds to the smoothness.
    folding: float = 0.0
    # Weak supervision: the soft Dice of so many labels drawn for each pair; 0 is unsupervised.
    label_weight: float = 0.0
    labels_a_step: int = 12
    # Optimization: Adam with amsgrad, rate * (1 - (m - 1) / M)^0.9 (eq. 7); m counts steps here, epochs in the code of
    # the paper's lab (30 of 870 pairs).
    steps: int = 26100
    learning_rate: float = 1e-4
    gradient_clip: float = 0.0
    seed: int = 24
    precision: str = "fp32"
    # Data.
    spacing: float = 1.0
    shape: tuple[int, int, int] = (160, 192, 160)
    # A random piece of the brain of this shape instead of the whole grid; None is off.
    crop: tuple[int, int, int] | None = None
    whole_head: float = 0.0
    whole_head_shape: tuple[int, int, int] = (192, 224, 192)
    # Augmentation; 0 turns each off.
    pose_jitter: float = 0.0
    affine_jitter: float = 0.0
    flip: float = 0.0
    gamma: float = 0.0
    bias: float = 0.0
    # Checkpoints and dev figures, every so many steps.
    checkpoint_every: int = 500
    evaluate_every: int = 2000
    evaluate_pairs: int = 8
    evaluate_iterations: tuple[int, ...] = (1, 2, 4, 8)

    def __post_init__(self):
        check_kinds(self)
        check_least(self, 0, "seed", "smoothness", "folding", "label_weight", "gradient_clip")
        check_least(self, 1, "steps", "checkpoint_every", "evaluate_every", "evaluate_pairs", "evaluate_iterations")
        if self.ncc_window < 1 or self.ncc_window % 2 == 0:
            raise RegistrationError(f"ncc_window is an odd number of voxels, got {self.ncc_window}.")
        if self.stages < 1 or self.grad_stages < 1 or self.stages % self.grad_stages:
            raise RegistrationError(
                f"stages ({self.stages}) must be a positive multiple of grad_stages ({self.grad_stages})."
            )
        multiple = network_multiple(self.network, self.network_settings)
        for name in ("shape", "crop", *(["whole_head_shape"] if self.whole_head else [])):
            shape = getattr(self, name)
            if shape and (len(shape) != 3 or any(size % multiple or size < multiple for size in shape)):
                raise RegistrationError(
                    f"{name} is {list(shape)}; every one of three axes must be a multiple of {multiple} "
                    f"for network '{self.network}'."
                )
        if self.precision not in ("fp32", "bf16", "fp16"):
            raise RegistrationError(f"precision is fp32, bf16 or fp16, got {self.precision!r}.")

    def to_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "TrainingConfig":
        """From JSON; names it does not know raise RegistrationError."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(values.keys() - known)
        if unknown:
            raise RegistrationError(
                f"Unknown training setting {', '.join(unknown)}; known are {', '.join(sorted(known))}."
            )
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        return cls(**values)

    def changed(self, assignments) -> "TrainingConfig":
        """With ``NAME=VALUE`` strings applied, values in JSON (or plain words)."""
        values = {**self.to_dict(), **read_assignments(assignments)}
        return TrainingConfig.from_dict(values)


def read_assignments(assignments) -> dict:
    """``NAME=VALUE`` strings as a dictionary, values in JSON (or plain words).

    :raises RegistrationError: one without an equals sign.
    """
    values = {}
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if not separator:
            raise RegistrationError(f"'{assignment}' is no NAME=VALUE setting.")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


#: The recipe of arXiv 2410.09595: two stages, 1 mm, no augmentation. Pairs are drawn with replacement, and gray values
#: are normalized by percentiles, where the lab's code takes minimum and maximum.
PAPER = TrainingConfig()

_AUGMENTED = {
    "pose_jitter": 1.0, "affine_jitter": 1.0, "flip": 0.5, "gamma": 0.3, "bias": 0.2, "whole_head": 0.2,
    "stages": 8, "random_stages": True, "field_scale": 0.1,
}  # fmt: skip

CONFIGS = {
    "paper": PAPER,
    "paper-2mm": replace(PAPER, spacing=2.0, shape=(80, 96, 80), whole_head_shape=(96, 112, 96)),
    # The two halves of a coarse-to-fine curriculum for a machine without a GPU.
    "curriculum-4mm": replace(
        PAPER, **_AUGMENTED, spacing=4.0, shape=(48, 48, 48), whole_head_shape=(48, 64, 48),
        ncc_window=5, learning_rate=5e-4, steps=4000,
    ),
    "curriculum-2mm": replace(
        PAPER, **_AUGMENTED, spacing=2.0, shape=(80, 96, 80), whole_head_shape=(96, 112, 96),
        learning_rate=3e-4, steps=2000,
    ),
}  # fmt: skip


def read_config(name, assignments=()) -> TrainingConfig:
    """A named configuration or a JSON file, with settings changed.

    :raises RegistrationError: unknown name or setting, unreadable file.
    """
    if name in CONFIGS:
        return CONFIGS[name].changed(assignments)
    if not str(name).endswith(".json"):
        raise RegistrationError(f"Unknown configuration '{name}'; named are {', '.join(CONFIGS)}, or give a JSON file.")
    try:
        values = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RegistrationError(f"Configuration '{name}' cannot be read ({error}).") from error
    return TrainingConfig.from_dict(values).changed(assignments)
