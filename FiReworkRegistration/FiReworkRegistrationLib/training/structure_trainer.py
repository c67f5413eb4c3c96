"""Trains the network that names structures; label-assisted models match its outcome while they polish."""

import time
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ..engine.device import choose_precision, convolution_precision
from ..engine.errors import RegistrationError
from ..engine.networks.structures import StructureNetwork
from ..engine.whole_files import in_one_move
from .log import TrainingLog
from .run_record import keep_record
from .settings import check_kinds, check_least
from .structure_examples import StructureExamples, mirrored_labels


@dataclass(frozen=True)
class StructureConfig:
    """One run. Lengths are voxels of the training grid unless said otherwise.

    :param voxels: drawn for the loss of each step, most of them where there are structures.
    :param flip: share of examples that are mirrored, where every label has one on the other side.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128, 128)
    features: int = 24
    spacing: float = 2.0
    shape: tuple[int, int, int] = (80, 96, 80)
    whole_head: float = 0.25
    flip: float = 0.5
    steps: int = 3000
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    voxels: int = 100_000
    precision: str = "bf16"
    seed: int = 7
    checkpoint_every: int = 100
    evaluate_every: int = 300
    evaluate_subjects: int = 6

    def __post_init__(self):
        check_kinds(self)
        check_least(self, 0, "seed")
        check_least(self, 1, "widths", "features", "steps", "voxels", "checkpoint_every", "evaluate_every")
        multiple = 2 ** (len(self.widths) - 1)
        if len(self.shape) != 3 or any(size % multiple or size < 2 * multiple for size in self.shape):
            raise RegistrationError(
                f"shape is {list(self.shape)}; every one of three axes must be a multiple of {multiple}, and twice "
                "that at least."
            )
        if self.precision not in ("fp32", "bf16"):
            raise RegistrationError(f"precision is fp32 or bf16, got {self.precision!r}.")


class StructureTrainer:
    """Everything random follows from (seed, step): a resumed run draws what an unbroken one would have drawn.

    :param folder: where ``config.json``, ``labels.json``, ``log.csv``, ``dev.csv``, ``checkpoint.pt`` and
        ``last.safetensors`` go.
    :param subjects: labelled training subjects.
    :param dev: labelled subjects for the dev figures; never trained on. May be empty.
    :param labels: label values to learn; those of at least half of the training subjects if None.
    :param initial: state dict to start from, of a network for the same labels, or None.
    :param report: called with a line every 50 steps and at each evaluation.
    :param device: that computes.
    """

    def __init__(
        self, config: StructureConfig, folder, subjects, dev=(), labels=None, initial=None, report=print, device="cpu"
    ):  # fmt: skip
        overlap = {s.name for s in subjects} & {s.name for s in dev}
        if overlap:
            raise RegistrationError(f"Dev subjects among the training subjects: {', '.join(sorted(overlap))}.")
        self.config, self.folder, self.report = config, Path(folder), report
        if unlabelled := [subject.name for subject in (*subjects, *dev) if subject.labels is None]:
            raise RegistrationError(f"'{unlabelled[0]}' has no label map; structures are learned from labels.")
        self.labels = frequent_labels(subjects) if labels is None else _checked(labels, subjects)
        if find_spec("safetensors") is None:
            raise RegistrationError("Weights are written by the package safetensors; pip install it.")
        if not self.labels:
            raise RegistrationError("The training subjects have no labels in common; structures need label maps.")
        self.folder.mkdir(parents=True, exist_ok=True)
        keep_record(self.folder, "config.json", asdict(config))
        found = {"labels": self.labels, "volumes": mean_volumes(subjects, self.labels, config.spacing)}
        mirrored = mirrored_labels(subjects, self.labels) if config.flip else None
        if mirrored:
            found["mirrored"] = mirrored
        elif config.flip:
            report("Not all labels have one on the other side: no example is mirrored.")
        keep_record(self.folder, "labels.json", found)
        torch.manual_seed(config.seed)
        self.network = StructureNetwork(len(self.labels), config.widths, config.features)
        if initial is not None:
            self._start_from(initial)
        self.device = torch.device(device)
        self._precision = choose_precision(config.precision, self.device)
        if self._precision != config.precision:
            report(f"This {self.device.type.upper()} only emulates {config.precision}; training in {self._precision}.")
        self.network.to(self.device, memory_format=torch.channels_last_3d)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        grid = config.shape, config.spacing, config.whole_head, self.device
        self.examples = StructureExamples(subjects, self.labels, *grid, mirrored, config.flip)
        self.dev = StructureExamples(dev[: config.evaluate_subjects], self.labels, *grid)
        self.log, self.step = TrainingLog(self.folder), 0
        if (self.folder / "checkpoint.pt").exists():
            self._resume()
        else:
            self.log.forget()

    def run(self, until: int | None = None, seconds: float | None = None) -> None:
        """Train to step ``until`` (the last if None) or for so many seconds, then checkpoint."""
        until = min(until or self.config.steps, self.config.steps)
        deadline = float("inf") if seconds is None else time.monotonic() + seconds
        while self.step < until and time.monotonic() < deadline:
            began = time.monotonic()
            figures = self._train_step()
            self.step += 1
            self.log.add(self.step, seconds=time.monotonic() - began, **figures)
            if self.step % 50 == 0:
                self.report(f"step {self.step}/{self.config.steps}  {self.log.recent()}")
            if len(self.dev) and (self.step % self.config.evaluate_every == 0 or self.step == self.config.steps):
                self._evaluate()
            if self.step % self.config.checkpoint_every == 0:
                self.save()
        self.save()

    def save(self) -> None:
        """Write the checkpoint, replacing the last one in one move, and the weights."""
        from safetensors.torch import save_file

        state = {"step": self.step, "network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        with in_one_move(self.folder / "checkpoint.pt") as part:
            torch.save(state, part)
        weights = {key: value.half().contiguous() for key, value in self.network.state_dict().items()}
        save_file(weights, self.folder / "last.safetensors")
        self.log.flush()

    def _start_from(self, initial) -> None:
        try:
            self.network.load_state_dict({key: value.float() for key, value in initial.items()})
        except RuntimeError as error:
            raise RegistrationError(
                f"The initial weights are not of a network with these widths and features for {len(self.labels)} "
                "labels; give the labels and settings that they were trained with."
            ) from error

    def _resume(self) -> None:
        state = torch.load(self.folder / "checkpoint.pt", map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        self.log.truncate(self.step)
        self.report(f"resumed at step {self.step}")

    def _train_step(self) -> dict[str, float]:
        config = self.config
        # A short rise, then down to 0 as in eq. 7 of the paper.
        share = min(1.0, (self.step + 1) / 100) * (1 - self.step / config.steps) ** 0.9
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * share
        generator = np.random.default_rng([config.seed, self.step])
        image, numbers = self.examples.make(int(generator.integers(len(self.examples))), generator)
        features = self._features(image)
        drawn = _draw(numbers, config.voxels, generator)
        scores = self.network.scores(features.flatten(2)[0].T[drawn].float())
        truth = numbers.flatten()[drawn]
        entropy, overlap = F.cross_entropy(scores, truth), _mean_soft_dice(scores.softmax(dim=1), truth)
        self.optimizer.zero_grad(set_to_none=True)
        (entropy + 1 - overlap).backward()
        if not torch.isfinite(torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)):
            raise RegistrationError(
                f"The gradient of step {self.step + 1} is not finite, the last checkpoint is kept; lower "
                "learning_rate, or choose precision fp32."
            )
        self.optimizer.step()
        return {"loss": entropy.item() + 1 - overlap.item(), "entropy": entropy.item(), "overlap": overlap.item()}

    def _features(self, image) -> torch.Tensor:
        image = image.to(memory_format=torch.channels_last_3d)
        with convolution_precision(image.device, self._precision):
            return self.network(image)

    @torch.no_grad()
    def _evaluate(self) -> None:
        figures = {}
        for name, whole in (("dice_brain", False), ("dice_head", True)):
            values = []
            for index in range(len(self.dev)):
                image, numbers = self.dev.make(index, whole_head=whole)
                features = self._features(image).flatten(2)[0].T.float()
                found = torch.cat([self.network.scores(part).argmax(dim=1) for part in features.split(100_000)])
                values.append(_mean_hard_dice(found, numbers.flatten(), len(self.labels)))
            figures[name] = float(np.mean(values))
        self.log.add_dev(self.step, **figures)
        self.report(f"step {self.step}  dev: " + "  ".join(f"{k} {v:.4f}" for k, v in figures.items()))


def frequent_labels(subjects) -> list[int]:
    """Label values above 0 with ten voxels or more in at least half of the subjects, ascending."""
    counts = {}
    for subject in subjects:
        for label in subject.centroids:
            counts[label] = counts.get(label, 0) + 1
    return sorted(label for label, count in counts.items() if 2 * count >= len(subjects))


def _checked(labels, subjects) -> list[int]:
    """:raises RegistrationError: no list of different whole numbers above 0 that a subject has."""
    numbers = isinstance(labels, list) and all(type(label) is int and label > 0 for label in labels)
    if not numbers or len(set(labels)) != len(labels):
        raise RegistrationError(f"Labels are a list of different whole numbers above 0, got {labels!r}.")
    if unknown := set(labels) - {label for subject in subjects for label in subject.centroids}:
        raise RegistrationError(f"No training subject has label {min(unknown)}; leave it out.")
    return sorted(labels)


def mean_volumes(subjects, labels, spacing: float) -> list[float]:
    """Mean number of voxels of ``spacing`` mm that each label has, at least 1."""
    sizes = np.zeros(len(labels))
    for subject in subjects:
        counts = np.bincount(subject.labels.ravel().astype(np.int64), minlength=max(labels) + 1)
        sizes += counts[labels] * abs(np.linalg.det(subject.affine[:3, :3])) / spacing**3
    return [round(float(size), 1) for size in np.maximum(sizes / len(subjects), 1.0)]


def _draw(numbers, count: int, generator) -> torch.Tensor:
    """Indices of voxels, four fifths of them where there are structures."""
    flat = numbers.flatten()
    own = torch.Generator(flat.device).manual_seed(int(generator.integers(2**31)))
    picked = []
    for places, wanted in ((flat.nonzero()[:, 0], count * 4 // 5), ((flat == 0).nonzero()[:, 0], count // 5)):
        if len(places):
            drawn = torch.randint(len(places), (min(len(places), wanted),), generator=own, device=flat.device)
            picked.append(places[drawn])
    return torch.cat(picked)


def _mean_soft_dice(shares, truth) -> torch.Tensor:
    """Mean over the structures that are there, of (voxels, classes) against (voxels,); a scalar in [0, 1]."""
    classes = shares.shape[1]
    sizes = torch.bincount(truth, minlength=classes)
    both = torch.zeros(classes, device=truth.device).index_add(0, truth, shares.gather(1, truth[:, None])[:, 0])
    # The sum of shares, not of their squares: it pulls towards sure answers.
    dice = 2 * both / (shares.sum(dim=0) + sizes).clamp(min=1)
    return dice[1:][sizes[1:] > 0].mean()


def _mean_hard_dice(found, truth, structures: int) -> float:
    count = lambda values: torch.bincount(values, minlength=structures + 1)[1:].double()  # noqa: E731
    a, b, both = count(found), count(truth), count(found[found == truth])
    present = b > 0
    return (2 * both / (a + b))[present].mean().item()
