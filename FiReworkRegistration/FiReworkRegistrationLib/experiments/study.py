"""Training and judging what an experiment needs and does not have yet."""

from pathlib import Path

import torch

from ..engine.device import choose_precision
from ..engine.errors import RegistrationError
from ..engine.networks.catalog import build_network
from ..training.judging import judge_refinement
from ..training.pairs import PairMaker
from ..training.subjects import common_labels, load_subjects
from ..training.trainer import Trainer
from .config import ExperimentConfig, Method, check_equal_budgets
from .record import Record, machine
from .rows import FIGURES, Rows
from .words import mean

#: Between the names of a pair.
_TO = " to "


class Study:
    """An experiment's configuration with its folder: ``rows.csv``, ``record.json``, and ``runs/`` a training each.

    :param folder: made where it is missing; what is finished in it is not done again.
    :param training_folder, dev_folder: subjects, X_t1.nii.gz and X_seg.nii.gz; may be None where nothing
        is left to train or to judge.
    :param report: called with a line as of :class:`Trainer`. :param progress: with (fraction, line).
    """

    def __init__(
        self, config: ExperimentConfig, folder, training_folder=None, dev_folder=None, device="cpu", report=print,
        progress=None,
    ):  # fmt: skip
        self.config, self.folder = config, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.device = torch.device(device)
        self.rows, self.record = Rows(self.folder / "rows.csv"), Record(self.folder)
        self._folders = {"training": training_folder, "dev": dev_folder}
        self._report, self._progress = report, progress
        self._loaded = {}

    def prepare(self, names: list[str]) -> list[Method]:
        """Train and judge the named methods; afterwards every row of theirs is there.

        :raises RegistrationError: different budgets, data that is needed and not given, or not what it was.
        """
        methods = [self.config.methods[name] for name in names]
        check_equal_budgets(methods)
        for method in methods:
            self.record.check_method(method)
        open_ones = [m for m in {m.weights: m for m in methods}.values() if not self._is_judged(m)]
        if open_ones:
            # Data that is missing is found before hours of training, not after.
            self._subjects("dev")
        for method in open_ones:
            self.train(method)
            self._judge(method)
        return methods

    def train(self, method: Method) -> None:
        """To its last step, from where it stopped; nothing where it is finished."""
        if self._checkpoint(method)["step"] >= method.training.steps:
            return
        self._report(f"training {method.weights}: {method.training.steps} steps")
        trainer = Trainer(
            method.training, self._run(method), self._subjects("training"), device=self.device,
            report=self._report, progress=self._progress,
        )  # fmt: skip
        self.record.note(method, "trained", machine(self.device))
        trainer.run()

    def network(self, method: Method):
        """Trained, in eval mode, on the device."""
        settings = method.training
        network = build_network(settings.network, settings.network_settings, settings.field_scale)
        network.load_state_dict(self._checkpoint(method)["network"])
        return network.eval().to(self.device, memory_format=torch.channels_last_3d)

    def judged(self, method: Method, index: int, network=None):
        """Name of dev pair ``index``, the pair, and its iterations K = 0 to the last (an iterator)."""
        subjects = {subject.name: subject for subject in self._subjects("dev")}
        name = self.pair_names()[index]
        moving, fixed = (subjects[part] for part in name.split(_TO))
        # Each method on the grid that it was trained on.
        grid = method.training.spacing, tuple(method.training.shape)
        maker = self._loaded.setdefault(grid, PairMaker(method.training, self.device))
        pair = maker.make(fixed, moving, labels=True)
        iterations = judge_refinement(
            network or self.network(method), pair, common_labels(fixed, moving),
            range(self.config.iterations + 1), choose_precision(method.training.precision, self.device),
        )  # fmt: skip
        return name, pair, iterations

    def pair_names(self) -> list[str]:
        """Of the dev pairs that are judged: each subject and the next one, the last and the first."""
        names = self.record.subjects("dev")
        if names is None:
            names = [subject.name for subject in self._subjects("dev")]
        names = [name for name in names if name not in self.config.left_out]
        around = [f"{moving}{_TO}{fixed}" for fixed, moving in zip(names, names[1:] + names[:1])]
        return around[: self.config.pairs]

    def at(self, method: Method, iteration: int) -> dict[str, dict]:
        """Pair to row of the pairs of this experiment."""
        rows = self.rows.at(method.weights, iteration)
        return {name: rows[name] for name in self.pair_names()}

    def peak(self, method: Method) -> int:
        """The K of its highest mean Dice on these pairs."""
        return max(range(self.config.iterations + 1), key=lambda index: mean(self.at(method, index)))

    def _is_judged(self, method: Method) -> bool:
        return all(self.rows.has(method.weights, name, self.config.iterations) for name in self.pair_names())

    def _judge(self, method: Method) -> None:
        network = self.network(method)
        self.record.note(method, "judged", machine(self.device))
        for index, name in enumerate(self.pair_names()):
            if self.rows.has(method.weights, name, self.config.iterations):
                continue
            if self._progress:
                self._progress(index / self.config.pairs, f"judging {method.weights}, {name}")
            self.rows.add([
                {"method": method.weights, "pair": name, "K": judged.iteration,
                 **{figure: getattr(judged, figure) for figure in FIGURES}}
                for judged in self.judged(method, index, network)[2]
            ])  # fmt: skip
        self._report(f"judged {method.weights} on {self.config.pairs} pairs")

    def _subjects(self, role: str):
        if role not in self._loaded:
            folder, option = self._folders[role], "--subjects" if role == "training" else "--dev"
            if folder is None:
                raise RegistrationError(
                    f"Experiment '{self.config.name}' needs its {role} subjects here: give their folder as {option}."
                )
            # One subject more than pairs closes no circle.
            limit = self.config.pairs + 1 + len(self.config.left_out) if role == "dev" else None
            subjects = load_subjects(folder, limit)
            names = [subject.name for subject in subjects]
            left = len(set(names) - self.config.left_out.keys())
            if role == "dev" and left < self.config.pairs:
                raise RegistrationError(
                    f"'{folder}' holds {left} subjects to judge on, too few for {self.config.pairs} pairs; "
                    "lower 'pairs' in the experiment."
                )
            overlap = set(names) & set(self.record.subjects("dev" if role == "training" else "training") or ())
            if overlap:
                raise RegistrationError(f"Dev subjects among the training subjects: {', '.join(sorted(overlap))}.")
            self.record.check_subjects(role, names)
            self._loaded[role] = subjects
        return self._loaded[role]

    def _run(self, method: Method) -> Path:
        return self.folder / "runs" / method.weights

    def _checkpoint(self, method: Method) -> dict:
        path = self._run(method) / "checkpoint.pt"
        if not path.exists():
            return {"step": 0}
        return torch.load(path, map_location=self.device, weights_only=True)
