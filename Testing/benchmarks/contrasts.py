"""Dice of pairs whose contrasts differ, with and without matching of their gray values.

    .venv/bin/python Testing/benchmarks/contrasts.py ../shared/data/ixi_2mm/dev --csv runs/contrasts.csv

The folder holds X_t1.nii.gz and X_seg.nii.gz. One volume of each pair gets the gray values of another sequence by
a curve within its brain, a bias field and noise; so its labels stay true, and only what a curve can change is
measured. A CSV file that exists is resumed.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "FiReworkRegistration"), str(Path(__file__).parent)]

import numpy as np  # noqa: E402
from _figure_rows import read_rows, write_rows  # noqa: E402

from FiReworkRegistrationLib.training.cohort_files import find_entries  # noqa: E402
from FiReworkRegistrationLib.training.subjects import Subject, load_subject  # noqa: E402

#: Gray values of a T1 image within the brain, 0 to 1, and what they become.
CURVES = {
    "T1": ((0, 1), (0, 1)),
    "T2": ((0, 0.2, 0.55, 0.85, 1), (1, 1, 0.5, 0.3, 0.25)),
    "FLAIR": ((0, 0.25, 0.45, 0.6, 0.85, 1), (0.05, 0.1, 0.55, 0.65, 0.45, 0.4)),
    "PD": ((0, 0.2, 0.55, 0.85, 1), (0.9, 0.9, 0.8, 0.6, 0.55)),
}
#: Standard deviations of the noise and of the bias field's logarithm; what surrounds the brain is darker by this.
NOISE, BIAS, AROUND = 0.02, 0.1, 0.7
COLUMNS = ("fixed", "moving", "fixed_contrast", "moving_contrast", "kind", "setting", "matched", "state", "dice",
           "folded", "local_ncc")  # fmt: skip


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=5, help="(5)")
    parser.add_argument("--first", type=int, default=13, help="subject of the first pair, counted from 0 (13)")
    parser.add_argument("--contrasts", nargs="*", default=["T2", "FLAIR", "PD"], choices=list(CURVES))
    parser.add_argument("--kinds", nargs="*", default=["brain", "head"], choices=["brain", "head"])
    parser.add_argument("--settings", nargs="*", default=["auto", "same"], choices=["auto", "same", "different"])
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--csv", type=Path, required=True)
    options = parser.parse_args(arguments)
    entries = find_entries(options.folder)[options.first :][: 2 * options.pairs]
    combinations = [("T1", "T1")]
    for name in options.contrasts:
        combinations += [("T1", name), (name, "T1")]
    rows = read_rows(options.csv)
    done = {tuple(row[column] for column in COLUMNS[:6]) for row in rows}
    for fixed, moving in zip(entries[::2], entries[1::2], strict=False):
        both = load_subject(fixed), load_subject(moving)
        for kind in options.kinds:
            for contrasts in combinations:
                for setting in options.settings:
                    case = fixed.name, moving.name, *contrasts, kind, setting
                    if case not in done and (contrasts != ("T1", "T1") or setting == options.settings[0]):
                        for state in measure(*both, *case[2:], options):
                            rows.append(dict(zip(COLUMNS, (*case, *state), strict=True)))
                        write_rows(rows, options.csv)
                        print(" ".join(map(str, rows[-1].values())), flush=True)
    print(table(rows))
    return 0


def measure(fixed: Subject, moving: Subject, fixed_contrast, moving_contrast, kind, setting, options) -> list[tuple]:
    """Matched volume, state, Dice, percent folded and local NCC: of the affine start, after K and polished."""
    from FiReworkRegistrationLib.engine.geometry import Volume
    from FiReworkRegistrationLib.engine.metrics import dice_per_label, mean_dice
    from FiReworkRegistrationLib.engine.presets import find_preset
    from FiReworkRegistrationLib.engine.registration import Registration
    from FiReworkRegistrationLib.engine.volume_warping import warp_volume

    images = with_contrast(fixed, fixed_contrast, kind, 1), with_contrast(moving, moving_contrast, kind, 2)
    registration = Registration(*images, device="cpu", contrast=setting)
    preset = find_preset(options.preset)
    for _ in registration.refine(preset.iterations):
        pass
    if preset.polish:
        registration.polish(preset.polish)
    names = {0: "affine", preset.iterations: f"K = {preset.iterations}", preset.iterations + 1: preset.name}
    labels = [Volume(subject.labels, subject.affine, subject.name) for subject in (fixed, moving)]
    found = []
    for index, name in names.items():
        if index < len(registration.iterations):
            state = registration.iterations[index]
            warped = warp_volume(labels[1], registration.map(index), labels[0], mode="nearest")
            value = mean_dice(dice_per_label(labels[0].array, warped.array))
            found.append((registration.matched, name, value, state.percent_folded, state.local_ncc))
    return found


def with_contrast(subject: Subject, name: str, kind: str, seed: int):
    """The subject's volume as another sequence might show it; ``kind`` "brain" cuts out the brain."""
    from scipy.ndimage import zoom

    from FiReworkRegistrationLib.engine.geometry import Volume
    from FiReworkRegistrationLib.engine.preprocessing import foreground, normalize_intensity

    brain = np.interp(normalize_intensity(subject.image, subject.mask), *CURVES[name])
    if name != "T1":
        generator = np.random.default_rng(seed)
        bias = zoom(generator.normal(0, BIAS, (4, 4, 4)), np.array(brain.shape) / 4, order=1)
        brain = np.maximum(brain * np.exp(bias) + generator.normal(0, NOISE, brain.shape), 0.01)
    around = 0.0
    if kind == "head":
        around = normalize_intensity(subject.image, foreground(subject.image)) * AROUND
    array = np.where(subject.mask, brain, around).astype(np.float32)
    return Volume(array, subject.affine, f"{subject.name} {name}")


def table(rows) -> str:
    """Markdown: mean Dice of every state, a line for each combination of contrasts, kind and setting."""
    states = list(dict.fromkeys(row["state"] for row in rows))
    head = f"| fixed, moving | setting | n | {' | '.join(states)} | folded % | local NCC |"
    lines = [head, "|---" * (len(states) + 5) + "|"]
    for key in dict.fromkeys(tuple(row[column] for column in COLUMNS[2:6]) for row in rows):
        own = [row for row in rows if tuple(row[column] for column in COLUMNS[2:6]) == key]
        by_state = [[row for row in own if row["state"] == state] for state in states]
        mean = lambda part, column: np.mean([float(row[column]) for row in part])  # noqa: E731
        dices = " | ".join(f"{mean(part, 'dice'):.4f}" for part in by_state)
        first, last = (mean(part, "local_ncc") for part in (by_state[0], by_state[-1]))
        ends = f"{mean(by_state[-1], 'folded'):.4f} | {first:.2f} to {last:.2f}"
        lines.append(f"| {key[0]}, {key[1]}, {key[2]} | {key[3]} | {len(by_state[0])} | {dices} | {ends} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
