"""The training loop: unrolled stages, checkpoints, dev figures."""

import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from ..engine.device import choose_precision, convolution_precision
from ..engine.errors import RegistrationError
from ..engine.fields import jacobian_determinant
from ..engine.networks.catalog import build_network
from ..engine.similarity import gradient_penalty, local_ncc
from ..engine.warping import warp
from ..engine.whole_files import in_one_move
from .config import TrainingConfig
from .judging import judge_refinement
from .log import TrainingLog
from .overlap import soft_dice, soft_labels
from .pairs import PairMaker
from .ranks import Ranks
from .reference_alignment import ReferenceAlignment
from .run_record import keep_record
from .subjects import common_labels


def learning_rate(config: TrainingConfig, step: int) -> float:
    """lr_m = lr_0 (1 - (m - 1) / M)^0.9 (eq. 7); ``step`` counts from 0."""
    return config.learning_rate * (1.0 - step / config.steps) ** 0.9


class Trainer:
    """Trains one network; everything random follows from (seed, step), so a resumed run
    draws what an unbroken one would have drawn.

    :param config: settings.
    :param folder: where ``config.json``, ``log.csv``, ``checkpoint.pt``, ``best.safetensors``
        and ``curve.png`` go.
    :param subjects: at least two training subjects.
    :param dev: subjects for the dev figures; never trained on. May be empty.
    :param initial: state dict to start from (curriculum), or None.
    :param report: called with a line every 50 steps and at each evaluation.
    :param progress: called as ``progress(fraction, line)`` at the other steps.
    """

    def __init__(self, config, folder, subjects, dev=(), device="cpu", initial=None, report=print, progress=None):
        overlap = {s.name for s in subjects} & {s.name for s in dev}
        if overlap:
            raise RegistrationError(f"Dev subjects among the training subjects: {', '.join(sorted(overlap))}.")
        if dev and find_spec("safetensors") is None:
            raise RegistrationError(
                "Dev figures need the package safetensors, which keeps the best weights; pip install it."
            )
        if len(subjects) < 2:
            raise RegistrationError(f"Training needs at least two subjects, got {len(subjects)}.")
        if dev:
            # The card will tell how many pairs its figures are of.
            config = replace(config, evaluate_pairs=min(config.evaluate_pairs, len(dev)))
        self.config, self.folder = config, Path(folder)
        self.report, self.progress = report, progress
        self.subjects, self.dev = list(subjects), list(dev)
        self.device = torch.device(device)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ranks = Ranks(self.device)
        if self.ranks.first:
            keep_record(self.folder, "config.json", config.to_dict())
        torch.manual_seed(config.seed)
        network = build_network(config.network, config.network_settings, config.field_scale)
        if initial is not None:
            _start_from(network, initial)
        self.network = network.to(self.device, memory_format=torch.channels_last_3d)
        self.optimizer = torch.optim.Adam(self.network.parameters(), config.learning_rate, amsgrad=True)
        self._precision = choose_precision(config.precision, self.device)
        if self._precision != config.precision:
            report(f"This {self.device.type.upper()} only emulates {config.precision}; training in {self._precision}.")
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self._precision == "fp16")
        self.alignment = ReferenceAlignment([*self.subjects, *self.dev], self.folder / "alignments")
        self.pairs = PairMaker(config, device, self.alignment)
        self.log = TrainingLog(self.folder, writes=self.ranks.first)
        self.step, self.best = 0, -1.0
        if (self.folder / "checkpoint.pt").exists():
            self._resume()
        elif self.ranks.first:
            # Stopped before its first checkpoint, a run begins anew, and with it what is known of it.
            self.log.forget()
            (self.folder / "best.safetensors").unlink(missing_ok=True)
        # Before one writes a checkpoint, all have looked for the last one.
        self.ranks.wait()

    def run(self, until: int | None = None, seconds: float | None = None) -> None:
        """Train to step ``until`` (all steps if None) or for so many seconds, then checkpoint."""
        until = min(until or self.config.steps, self.config.steps)
        deadline = float("inf") if seconds is None else time.monotonic() + seconds
        # Clocks differ a little: when one process stops, all do, or the others would wait for it.
        while self.step < until and not (seconds is not None and self.ranks.any(time.monotonic() >= deadline)):
            began = time.monotonic()
            figures = self._train_step()
            self.step += 1
            self.log.add(self.step, seconds=time.monotonic() - began, rate=self._rate, **figures)
            if self.ranks.first:
                self._tell()
            if self.step % self.config.checkpoint_every == 0:
                self.save()
        self.save()

    def _tell(self) -> None:
        line = f"step {self.step}/{self.config.steps}  {self.log.recent()}"
        if self.step % 50 == 0:
            self.report(line)
        elif self.progress:
            self.progress(self.step / self.config.steps, line)
        if self.dev and (self.step % self.config.evaluate_every == 0 or self.step == self.config.steps):
            self._evaluate()

    def save(self) -> None:
        """Write the checkpoint, replacing the last one in one move; the first of several processes does."""
        if self.ranks.first:
            self._write_checkpoint()
        self.ranks.wait()

    def _write_checkpoint(self) -> None:
        state = {
            "step": self.step, "best": self.best, "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict(),
        }  # fmt: skip
        with in_one_move(self.folder / "checkpoint.pt") as part:
            torch.save(state, part)
        self.log.flush()

    def _resume(self) -> None:
        state = torch.load(self.folder / "checkpoint.pt", map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        # Empty where the run began in another precision, on a machine without this one.
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.step, self.best = state["step"], state["best"]
        self.log.truncate(self.step)
        self.report(f"resumed at step {self.step}")

    def _train_step(self) -> dict[str, float]:
        config = self.config
        self._rate = learning_rate(config, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate
        generator = np.random.default_rng(self.ranks.seed(config.seed, self.step))
        # What layers draw themselves (DropPath) must not depend on where a run was resumed.
        torch.manual_seed(config.seed * 2**32 + self.step)
        first, second = generator.choice(len(self.subjects), 2, replace=False)
        whole_head = generator.random() < config.whole_head
        fixed, moving = self.subjects[first], self.subjects[second]
        labelled = config.label_weight > 0 and _both_labelled(fixed, moving)
        pair = self.pairs.make(fixed, moving, generator, whole_head, labels=labelled)
        structures = soft_labels(pair, config.labels_a_step, generator) if labelled else None
        # The network reads augmented images, the loss is taken on the clean ones: both are
        # warped at once.
        both = torch.cat([pair.moving, pair.moving_input], dim=1)
        field = torch.zeros((1, 3, *pair.fixed.shape[2:]), device=self.device)
        blocks = config.stages // config.grad_stages
        if config.random_stages:
            # Half the steps train the first stages; the others reach a random depth without
            # gradient and train there, which costs a fraction of training all the way.
            deepest = config.stages - config.grad_stages
            skipped = int(generator.integers(1, deepest + 1)) if deepest and generator.random() >= 0.5 else 0
            field, blocks = self._reach(pair, field, skipped), 1
        warped = warp(both, self.network.displacement(field))
        for _ in range(blocks):
            loss, ncc, smoothness, overlap = 0.0, 0.0, 0.0, torch.tensor(float("nan"))
            for _ in range(config.grad_stages):
                with convolution_precision(self.device, self._precision):
                    error = self.network(pair.fixed_input, pair.moving_input, field, warped[:, 1:])
                field = field - error.float()
                # What is refined may be a velocity, what warps and folds is the displacement.
                displacement = self.network.displacement(field)
                warped = warp(both, displacement)
                ncc = local_ncc(pair.fixed, warped[:, :1], config.ncc_window)
                smoothness = gradient_penalty(field)
                loss = loss - ncc + config.smoothness * smoothness
                if config.folding:
                    # A little above 0, so that a voxel is pushed back before it folds.
                    loss = loss + config.folding * (0.1 - jacobian_determinant(displacement)).clamp(min=0).mean()
                if structures:
                    overlap = soft_dice(structures[0], warp(structures[1], displacement))
                    loss = loss + config.label_weight * (1 - overlap)
            self._update(loss)
            field, warped = field.detach(), warped.detach()
        figures = {"loss": loss, "ncc": ncc, "smoothness": smoothness, "overlap": overlap}
        return {name: value.item() for name, value in figures.items()}

    @torch.no_grad()
    def _reach(self, pair, field, iterations: int) -> torch.Tensor:
        for _ in range(iterations):
            with convolution_precision(self.device, self._precision):
                field = self.network.refine(pair.fixed_input, pair.moving_input, field)
        return field

    def _update(self, loss) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.ranks.average_gradients(self.network.parameters())
        self.scaler.unscale_(self.optimizer)
        longest = self.config.gradient_clip or float("inf")
        length = torch.nn.utils.clip_grad_norm_(self.network.parameters(), longest)
        # The scaler of fp16 leaves such a step out; without one the weights would be lost for good.
        if not self.scaler.is_enabled() and not torch.isfinite(length):
            raise RegistrationError(
                f"The gradient of step {self.step + 1} is not finite, the last checkpoint is kept; lower "
                "learning_rate, set gradient_clip, or choose precision fp32."
            )
        self.scaler.step(self.optimizer)
        self.scaler.update()

    @torch.no_grad()
    def _evaluate(self) -> None:
        """Dev Dice, or local NCC where a dev subject has no labels, and folding; keeps the best weights."""
        from safetensors.torch import save_file

        config, rows = self.config, []
        self.network.eval()
        figure = "dice" if _both_labelled(*self.dev) else "ncc"
        for index in range(config.evaluate_pairs):
            fixed, moving = self.dev[index], self.dev[(index + 1) % len(self.dev)]
            pair = self.pairs.make(fixed, moving, labels=figure == "dice")
            labels = common_labels(fixed, moving)
            row = {}
            for judged in judge_refinement(
                self.network, pair, labels, (0, *config.evaluate_iterations), self._precision
            ):
                row[f"{figure}_{judged.iteration}"] = getattr(judged, figure)
                if judged.iteration:
                    row[f"folded_{judged.iteration}"] = judged.folded
            rows.append(row)
        self.network.train()
        means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        self.log.add_dev(self.step, **means)
        self.report(f"step {self.step}  dev: " + "  ".join(f"{k} {v:.4f}" for k, v in means.items()))
        # Selected where the model will be used: after the last iteration.
        chosen = means[f"{figure}_{max(config.evaluate_iterations)}"]
        save_file({k: v.contiguous() for k, v in self.network.state_dict().items()}, self.folder / "last.safetensors")
        if chosen > self.best:
            self.best = chosen
            (self.folder / "last.safetensors").replace(self.folder / "best.safetensors")
        self.log.plot()


def _both_labelled(*subjects) -> bool:
    return all(subject.labels is not None for subject in subjects)


def _start_from(network, initial) -> None:
    try:
        network.load_state_dict(initial)
    except RuntimeError as error:
        raise RegistrationError(
            "The initial weights are not of this network with these settings; give those that they were trained with."
        ) from error
