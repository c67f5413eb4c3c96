"""The affine start on hard cases made of labelled dev pairs, against the affine of their label centroids.

    .venv/bin/python Testing/benchmarks/affine_cases.py ../shared/data/ixi_2mm/dev --csv runs/csv/affine.csv

The folder holds X_t1.nii.gz and X_seg.nii.gz. Subject i is the fixed volume of subject i + 7, whose position
in space, voxels or extent a case then changes by a known amount. The error is the mean distance in mm
between the affine found and the truth over those voxels of the fixed brain whose true place the moving volume
shows. A CSV that exists is resumed. Seeded: a case is the same in every call.
"""

import argparse
import sys
import time
import zlib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "ixi_2mm" / "dev"
sys.path[:0] = [str(ROOT / "FiReworkRegistration"), str(Path(__file__).parent)]

import numpy as np  # noqa: E402
from _figure_rows import read_rows, write_rows  # noqa: E402

from FiReworkRegistrationLib.engine.geometry import Volume, linear_map  # noqa: E402
from FiReworkRegistrationLib.training.cohort_files import find_entries  # noqa: E402
from FiReworkRegistrationLib.training.subjects import centroid_affine, load_subject  # noqa: E402

#: Mean distance to the truth below which a case counts as aligned, mm.
GOOD_MM = 5.0
#: Mean distance of label centroids to their affine above which a label map is wrong, not the anatomy special:
#: the pairs of ixi_2mm/dev and oasis_1mm/dev have up to 5.8 mm but for IXI438-HH-2155, whose labels are
#: displaced (9.7 and 11.2 mm). Such pairs have no truth and are left out.
MOST_RESIDUAL_MM = 7.0
#: Which subject is moved to which.
STRIDE = 7
COLUMNS = ("kind", "pair", "error", "seconds", "agreement", "coverage", "told", "problem")


@dataclass(frozen=True)
class Side:
    """An image, its brain (bool, same grid) and where it lies."""

    array: np.ndarray
    mask: np.ndarray
    affine: np.ndarray


@dataclass(frozen=True)
class Case:
    """:param truth: 4x4 RAS mm, fixed to moving."""

    fixed: Side
    moving: Side
    truth: np.ndarray


def plain(case, rng):
    """As the scanner left them."""
    return case


def rotation(case, rng):
    """20 to 40 degrees about any axis through the moving brain."""
    return _moved(case, _turn(rng, 20, 40))


def shift(case, rng):
    """40 to 60 mm in any direction."""
    direction = rng.normal(size=3)
    return _moved(case, offset=rng.uniform(40, 60) * direction / np.linalg.norm(direction))


def scale(case, rng):
    """The same factor for all axes, 0.8 to 0.9 or 1.11 to 1.25."""
    factor = rng.uniform(1.11, 1.25)
    return _moved(case, np.eye(3) * (factor if rng.random() < 0.5 else 1 / factor))


def stripped_fixed(case, rng):
    """The fixed volume shows the brain only."""
    return replace(case, fixed=_stripped(case.fixed))


def stripped_moving(case, rng):
    """The moving volume shows the brain only."""
    return replace(case, moving=_stripped(case.moving))


def thick(case, rng):
    """Slices of 4 mm in the moving volume, across any axis."""
    return replace(case, moving=_thick(case.moving, rng.integers(3)))


def partial_fixed(case, rng):
    """A quarter to 45 % of the fixed brain cut off at any side."""
    return replace(case, fixed=_cropped(case.fixed, rng))


def partial_moving(case, rng):
    """A quarter to 45 % of the moving brain cut off at any side."""
    return replace(case, moving=_cropped(case.moving, rng))


def combined(case, rng):
    """Rotation to 40 degrees, shift to 60 mm, scale and thick slices at once."""
    case = scale(shift(rotation(case, rng), rng), rng)
    return thick(case, rng)


def partial_turned(case, rng):
    """A quarter to 45 % of the moving brain cut off, then turned by 20 to 40 degrees and shifted by 40 to 60 mm."""
    return shift(rotation(partial_moving(case, rng), rng), rng)


def stripped_turned(case, rng):
    """The moving volume shows the brain only and is turned by 20 to 40 degrees."""
    return rotation(stripped_moving(case, rng), rng)


KINDS = {
    function.__name__: function
    for function in (
        plain, rotation, shift, scale, stripped_fixed, stripped_moving, thick, partial_fixed, partial_moving,
        combined, stripped_turned, partial_turned,
    )
}  # fmt: skip


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DATA, help="labelled subjects (%(default)s)")
    parser.add_argument("--pairs", type=int, default=10, help="of each kind (%(default)s)")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--csv", type=Path, help="rows that are there are not computed again")
    options = parser.parse_args(arguments)
    entries = [entry for entry in find_entries(options.folder) if entry.labels] if options.folder.is_dir() else []
    if len(entries) < 2:
        print(f"{options.folder} has fewer than two labelled images: nothing measured.")
        return 0
    rows = read_rows(options.csv)
    done = {(row["kind"], row["pair"]) for row in rows}
    for number in range(min(options.pairs, len(entries))):
        other = (number + STRIDE) % len(entries) if len(entries) > STRIDE else number - 1
        both = entries[number], entries[other]
        pair = " ".join(entry.name for entry in both)
        if (residual := residual_mm(*map(load, both))) > MOST_RESIDUAL_MM:
            print(f"{pair}: left out, its label centroids lie {residual:.1f} mm off their own affine", flush=True)
            rows = [row for row in rows if row["pair"] != pair]
            continue
        for kind in options.kinds:
            if (kind, pair) not in done:
                rows.append({"kind": kind, "pair": pair, **measure(make_case(kind, pair, *map(load, both)))})
                print(" ".join(f"{name} {rows[-1][name]}" for name in COLUMNS), flush=True)
                write_rows(rows, options.csv)
    wanted = [row for row in rows if row["kind"] in options.kinds]
    print(table(wanted))
    return 0


@lru_cache(maxsize=16)
def load(entry):
    return load_subject(entry)


def make_case(kind: str, pair: str, fixed, moving) -> Case:
    """The case of a kind that a pair of ``Subject``s always gives."""
    rng = np.random.default_rng(zlib.crc32(f"{kind} {pair}".encode()))
    sides = [Side(subject.image, subject.mask, subject.affine) for subject in (fixed, moving)]
    return KINDS[kind](Case(*sides, centroid_affine(fixed, moving)), rng)


def residual_mm(fixed, moving) -> float:
    """Mean distance of corresponding label centroids after their own least-squares affine."""
    truth, common = centroid_affine(fixed, moving), sorted(fixed.centroids.keys() & moving.centroids.keys())
    source, target = ([side.centroids[label] for label in common] for side in (fixed, moving))
    return float(np.linalg.norm(linear_map(truth, source) - target, axis=1).mean())


def measure(case: Case) -> dict:
    """Figures of a case, as texts."""
    from FiReworkRegistrationLib.engine.alignment import align
    from FiReworkRegistrationLib.engine.coverage import coverage
    from FiReworkRegistrationLib.engine.errors import RegistrationError
    from FiReworkRegistrationLib.engine.inputs import prepare_image
    from FiReworkRegistrationLib.engine.registration import DOUBTFUL_MM
    from FiReworkRegistrationLib.engine.verdict import LEAST_COVERAGE

    figures = dict.fromkeys(COLUMNS[2:], "")
    try:
        images = [
            prepare_image(Volume(side.array, side.affine, role), None, role)
            for side, role in ((case.fixed, "Fixed"), (case.moving, "Moving"))
        ]
        began = time.perf_counter()
        found, agreement, meter = align(*(image.blanked for image in images))
        figures["seconds"] = f"{time.perf_counter() - began:.2f}"
        figures["error"] = f"{error_mm(case, found):.2f}"
        figures["agreement"] = f"{agreement.score:.3f}"
        least = meter.misplaced(DOUBTFUL_MM)
        covered = coverage(images[0].content, images[0].volume.grid, images[1].volume.grid, found)
        figures["coverage"] = f"{covered:.3f}"
        # As ``verdict`` does, which the panel and ``register`` show.
        figures["told"] = "yes" if agreement.score < least or covered < LEAST_COVERAGE else ""
    except RegistrationError as error:
        figures["problem"] = str(error)
    return figures


def error_mm(case: Case, found: np.ndarray) -> float:
    """Mean distance of two affines over the fixed brain, where the moving volume shows it."""
    fixed, moving = (Volume(side.array, side.affine).grid for side in (case.fixed, case.moving))
    points = fixed.to_ras(np.argwhere(case.fixed.mask)[:, ::-1])
    true = linear_map(case.truth, points)
    ijk = moving.to_ijk(true)
    shown = ((ijk >= -0.5) & (ijk <= np.array(moving.shape[::-1]) - 0.5)).all(axis=1)
    return float(np.linalg.norm(linear_map(found, points) - true, axis=1)[shown].mean())


def table(rows: list[dict]) -> str:
    """A line a kind: aligned share, error, time, and whether what failed was told."""
    lines = ["| kind | n | within 5 mm | median mm | worst mm | s | failed | of these told | good but warned |",
             "|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for kind in [*dict.fromkeys(row["kind"] for row in rows), "all"]:
        chosen = [row for row in rows if kind in (row["kind"], "all")]
        errors = np.array([float(row["error"] or "inf") for row in chosen])
        told = np.array([bool(row["told"] or row["problem"]) for row in chosen])
        seconds = [float(row["seconds"]) for row in chosen if row["seconds"]] or [float("nan")]
        good = errors <= GOOD_MM
        lines.append(
            f"| {kind} | {len(chosen)} | {100 * good.mean():.0f} % | {np.median(errors):.2f} | {errors.max():.1f} "
            f"| {np.median(seconds):.2f} | {(~good).sum()} | {(~good & told).sum()} | {(good & told).sum()} |"
        )
    return "\n".join(lines)


def _turn(rng, least: float, most: float) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    axis = rng.normal(size=3)
    return Rotation.from_rotvec(rng.uniform(least, most) * axis / np.linalg.norm(axis), degrees=True).as_matrix()


def _moved(case: Case, linear=None, offset=None) -> Case:
    """The moving volume's position changed: about its brain's center by ``linear``, then by ``offset`` mm."""
    linear = np.eye(3) if linear is None else linear
    moving = case.moving
    center = moving.affine[:3, :3] @ np.argwhere(moving.mask).mean(axis=0)[::-1] + moving.affine[:3, 3]
    motion = np.eye(4)
    motion[:3, :3] = linear
    motion[:3, 3] = center - linear @ center + (0 if offset is None else offset)
    return Case(case.fixed, replace(moving, affine=motion @ moving.affine), motion @ case.truth)


def _stripped(side: Side) -> Side:
    return replace(side, array=np.where(side.mask, side.array, 0).astype(side.array.dtype))


def _thick(side: Side, axis: int) -> Side:
    """Means of neighboring slices along array ``axis``, up to 4 mm."""
    spacing = Volume(side.array, side.affine).grid.spacing[2 - axis]
    factor = max(1, round(4.0 / spacing))
    count = side.array.shape[axis] // factor

    def means(array):
        array = np.moveaxis(array, axis, 0)[: count * factor].astype(np.float32)
        return np.moveaxis(array.reshape(count, factor, *array.shape[1:]).mean(axis=1), 0, axis)

    affine = side.affine.copy()
    affine[:3, 2 - axis] *= factor
    affine[:3, 3] += side.affine[:3, 2 - axis] * (factor - 1) / 2
    return Side(means(side.array), means(side.mask) > 0.5, affine)


def _cropped(side: Side, rng) -> Side:
    """The volume without 25 to 45 % of its brain at one of six sides."""
    axis, upper, share = rng.integers(3), rng.random() < 0.5, rng.uniform(0.25, 0.45)
    found = np.flatnonzero(side.mask.any(axis=tuple(a for a in range(3) if a != axis)))
    cut = round(share * (found[-1] - found[0]))
    part = [slice(None)] * 3
    part[axis] = slice(0, found[-1] - cut + 1) if upper else slice(found[0] + cut, None)
    affine = side.affine.copy()
    affine[:3, 3] += affine[:3, 2 - axis] * (part[axis].start or 0)
    return Side(side.array[tuple(part)], side.mask[tuple(part)], affine)


if __name__ == "__main__":
    sys.exit(main())
