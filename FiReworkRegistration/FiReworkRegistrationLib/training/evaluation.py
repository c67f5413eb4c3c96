"""Registering labelled pairs and judging the outcome: one CSV row a pair and iteration."""

import csv
import json
import os
import time
from collections import Counter
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from ..engine.errors import RegistrationError
from ..engine.files import read_volume
from ..engine.geometry import Volume
from ..engine.label_maps import label_map
from ..engine.metrics import (
    dice_per_label,
    mean_dice,
    nondiffeomorphic_volume,
    surface_figures,
    target_registration_error,
)
from ..engine.registration import Registration
from ..engine.transform_files import read_linear
from ..engine.volume_warping import warp_volume

FIGURES = ("dice", "assd", "hd95", "tre", "local_ncc", "folded", "ndv", "seconds")


@dataclass(frozen=True)
class PairFiles:
    """Files of one pair; landmarks are CSV files of x, y, z in mm RAS, one point a line."""

    fixed: Path
    moving: Path
    fixed_labels: Path | None = None
    moving_labels: Path | None = None
    fixed_mask: Path | None = None
    moving_mask: Path | None = None
    fixed_landmarks: Path | None = None
    moving_landmarks: Path | None = None
    initial_transform: Path | None = None

    @property
    def name(self) -> str:
        return f"{self.moving.name.split('.')[0]} to {self.fixed.name.split('.')[0]}"

    @property
    def full_name(self) -> str:
        return f"{self.moving} to {self.fixed}"

    def paths(self) -> dict[str, Path]:
        """Those that there are, by name."""
        return {f.name: path for f in fields(self) if (path := getattr(self, f.name))}

    def absolute(self) -> "PairFiles":
        """The same files, whatever folder a process works in."""
        return replace(self, **{name: path.absolute() for name, path in self.paths().items()})

    def check(self) -> None:
        """Before hours of other pairs.

        :raises RegistrationError: a file is missing, or labels or landmarks are named for one side only.
        """
        paths = self.paths()
        for name, path in paths.items():
            if not path.exists():
                raise RegistrationError(f"Pair '{self.name}': {name} '{path}' does not exist; check the path.")
        for kind in ("labels", "landmarks"):
            found = [name for name in (f"fixed_{kind}", f"moving_{kind}") if name in paths]
            if len(found) == 1:
                raise RegistrationError(f"Pair '{self.name}' has {found[0]} only; name those of both volumes, or none.")


def read_pairs(path) -> tuple[list[PairFiles], list[int] | None]:
    """Pairs and the labels to judge by (None: all that both maps hold) from a file.

    ``{"labels": [4, 11, ...], "pairs": [{"fixed": "a.nii.gz", "moving": "b.nii.gz", ...}]}``
    or the list of pairs alone, or a CSV file with a column for each of ``PairFiles``; paths are relative to the file.

    :raises RegistrationError: unreadable file, unknown or missing keys.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".csv":
            with path.open(newline="", encoding="utf-8-sig") as file:
                content = list(csv.DictReader(file))
        else:
            content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, list):
            content = {"pairs": content}
        pairs = [
            PairFiles(**{key: path.parent / value for key, value in entry.items() if value})
            for entry in content["pairs"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RegistrationError(
            f"Pairs file '{path}' cannot be used ({error}); it is a CSV file with the columns, or a JSON "
            "list of objects with, fixed, moving and, as wanted, fixed_labels, moving_labels, fixed_mask, moving_mask, "
            "fixed_landmarks, moving_landmarks, initial_transform."
        ) from error
    if not pairs:
        raise RegistrationError(f"Pairs file '{path}' names no pair.")
    labels = content.get("labels")
    if labels is not None and not (isinstance(labels, list) and all(type(v) is int and v > 0 for v in labels)):
        raise RegistrationError(f"Pairs file '{path}': labels is a list of whole numbers above 0, got {labels!r}.")
    (name, count), *_others = Counter(pair.full_name for pair in pairs).most_common(1)
    if count > 1:
        raise RegistrationError(f"Pairs file '{path}' names the pair '{name}' twice; leave one out.")
    return pairs, labels


def pair_names(pairs: list[PairFiles]) -> list[str]:
    """A name for each pair: file names, or whole paths of those that share them."""
    count = Counter(pair.name for pair in pairs)
    # Whole ones: the same wherever the pairs file is named from.
    return [
        pair.name if count[pair.name] == 1 else f"{os.path.abspath(pair.moving)} to {os.path.abspath(pair.fixed)}"
        for pair in pairs
    ]


def evaluate_pair(
    files: PairFiles, iterations, labels=None, surfaces=True, name=None, polish=(), polish_seconds=None, **settings
) -> list[dict]:
    """Register one pair and judge it at each of ``iterations``; 0 is the affine start.

    :param polish: levels of a polish after the last of them, judged as one iteration more.
    :param polish_seconds: no step of it begins after this time.
    :param labels: label values that count; those that both maps hold if None.
    :param name: of the pair in the rows; its file names if None.
    :param surfaces: also ASSD and HD95, seconds a pair for a hundred labels.
    :param settings: of :class:`Registration`.
    :return: a dict per iteration: pair, iteration, polished (0 or 1) and ``FIGURES``; what the pair has no data for
        is NaN.
    """
    fixed, moving = read_volume(files.fixed, "Fixed"), read_volume(files.moving, "Moving")
    masks = {
        key: read_volume(path, key.replace("_", " ").capitalize())
        for key in ("fixed_mask", "moving_mask")
        if (path := getattr(files, key))
    }
    fixed_labels, moving_labels, labels = _read_labels(files, labels)
    points = _read_landmarks(files)
    start = read_linear(files.initial_transform) if files.initial_transform else None
    began = time.perf_counter()
    registration = Registration(fixed, moving, **masks, initial_transform=start, **settings)
    prepared = time.perf_counter() - began
    list(registration.refine(max(max(iterations), 1)))
    if polish:
        iterations = [*iterations, registration.polish(polish, polish_seconds).index]
    rows = []
    for index in sorted(iterations):
        state = registration.iterations[index]
        # Where memory was short, the stored field is a coarser one.
        registration.restore(index)
        dmap = registration.map(index)
        row = dict.fromkeys(FIGURES, float("nan"))
        row.update(
            local_ncc=state.local_ncc, folded=state.percent_folded,
            ndv=nondiffeomorphic_volume(*registration.final_field(index)),
            seconds=prepared + sum(i.seconds for i in registration.iterations[: index + 1]),
        )  # fmt: skip
        if fixed_labels is not None:
            warped = warp_volume(moving_labels, dmap, fixed_labels, "nearest").array
            row["dice"] = mean_dice(dice_per_label(fixed_labels.array, warped, labels))
            if surfaces:
                spacing = fixed_labels.grid.spacing[::-1]
                figures = list(surface_figures(fixed_labels.array, warped, spacing, labels).values())
                row["assd"], row["hd95"] = (float(v) for v in np.nanmean(np.array(figures), axis=0))
        if points:
            row["tre"] = float(target_registration_error(dmap.at(points[0]), points[1]).mean())
        rows.append({"pair": name or files.name, "iteration": index, "polished": int(state.polished), **row})
    return rows


def _present(labels: Volume) -> set[int]:
    return set(np.unique(labels.array).tolist()) - {0}


def _read_labels(files: PairFiles, wanted):
    """Label maps of both and the label values that count; None three times without two maps."""
    if files.fixed_labels is None or files.moving_labels is None:
        return None, None, None
    fixed, moving = (
        label_map(read_volume(path, role), role)
        for path, role in ((files.fixed_labels, "Fixed labels"), (files.moving_labels, "Moving labels"))
    )
    wanted = wanted or sorted(_present(fixed) & _present(moving))
    if not set(wanted) & (_present(fixed) | _present(moving)):
        raise RegistrationError(
            f"'{files.fixed_labels}' and '{files.moving_labels}' have no label in common; leave the label maps out, or "
            "give maps with the same numbers."
        )
    return fixed, moving, wanted


def _read_landmarks(files: PairFiles):
    if files.fixed_landmarks is None or files.moving_landmarks is None:
        return None
    try:
        points = [np.loadtxt(p, delimiter=",", ndmin=2) for p in (files.fixed_landmarks, files.moving_landmarks)]
    except (OSError, ValueError) as error:
        raise RegistrationError(f"Landmarks of '{files.name}' cannot be read ({error}); give x,y,z lines.") from error
    # Now, and not after the registration.
    target_registration_error(*points)
    return points


def write_rows(rows: list[dict], path) -> None:
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows({key: _text(value) for key, value in row.items()} for row in rows)


def _text(value):
    """As a file has it."""
    return f"{value:.6g}" if isinstance(value, float) else value


def read_rows(path) -> list[dict]:
    """Rows of an earlier evaluation.

    :raises RegistrationError: not such a file.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            return [
                {
                    "pair": row["pair"],
                    "iteration": int(row["iteration"]),
                    "polished": int(row.get("polished") or 0),
                    **{name: float(row[name]) for name in FIGURES},
                }
                for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, KeyError) as error:
        raise RegistrationError(f"'{path}' is no CSV of an evaluation ({error}).") from error


def summary(rows: list[dict], baseline: list[dict] | None = None) -> str:
    """Table of mean and standard deviation an iteration, with paired Wilcoxon tests.

    Each iteration is tested against iteration 0 on the same pairs (two-sided); with
    ``baseline``, rows of another evaluation of the same pairs, also against its same iteration.
    """
    if baseline:
        # As the baseline was: the rounding of a file is no difference.
        rows = [
            {key: float(_text(value)) if isinstance(value, float) else value for key, value in row.items()}
            for row in rows
        ]
    by_state = _by_state(rows)
    start = by_state.get((0, 0), {})
    pairs = len({row["pair"] for row in rows})
    shown = [f for f in FIGURES if any(np.isfinite(row[f]) for row in rows)]
    lines = [f"{pairs} pairs; mean (standard deviation); p: paired Wilcoxon of Dice (TRE where there are no labels)"]
    head = f"{'K':>3}" + "".join(f"{name:>18}" for name in shown) + f"{'p against K=0':>16}"
    lines.append(head + (f"{'p against baseline':>20}" if baseline else ""))
    judged = "dice" if "dice" in shown else "tre"
    other = _by_state(baseline) if baseline else {}
    for (index, polished), group in sorted(by_state.items()):
        cells = []
        for name in shown:
            values = np.array([row[name] for row in group.values()])
            cells.append(f"{np.nanmean(values):.4f} ({np.nanstd(values):.4f})")
        line = f"{f'{index}p' if polished else index:>3}" + "".join(f"{cell:>18}" for cell in cells)
        line += f"{_p_words(group, start, judged) if index else '':>16}"
        if baseline:
            line += f"{_p_words(group, other.get((index, polished), {}), judged):>20}"
        lines.append(line)
    return "\n".join(lines)


def _by_state(rows) -> dict[tuple[int, int], dict[str, dict]]:
    """Iteration and whether a polish made it, to the name of a pair, to its row."""
    groups: dict[tuple[int, int], dict[str, dict]] = {}
    for row in rows:
        groups.setdefault((row["iteration"], row["polished"]), {})[row["pair"]] = row
    return groups


def paired_wilcoxon(first: dict, second: dict, figure="dice") -> tuple[float, int]:
    """Two-sided p of the differences of the pairs that both have, and their number.

    p is NaN below five pairs, 1 where nothing differs.

    :param first, second: name of a pair to its row.
    """
    from scipy.stats import wilcoxon

    common = [name for name in first if name in second]
    differences = np.array([first[name][figure] - second[name][figure] for name in common])
    differences = differences[np.isfinite(differences)]
    if len(differences) < 5:
        return float("nan"), len(differences)
    return (float(wilcoxon(differences).pvalue) if differences.any() else 1.0), len(differences)


def _p_words(first: dict, second: dict, figure: str) -> str:
    p, count = paired_wilcoxon(first, second, figure)
    if not count:
        return "not judged"
    return "too few pairs" if np.isnan(p) else f"{p:.2g} (n={count})"
