"""Dice, folding, and CPU time of our presets and of other people's methods on the same pairs.

    .venv/bin/python Testing/benchmarks/peers/compare.py ../shared/data/oasis_1mm/dev --subjects 3 --output runs/peers
    .venv/bin/python Testing/benchmarks/peers/compare.py ../shared/data/ixi_2mm/dev --brain-masks --output runs/ixi

The folder holds X_t1.nii.gz and X_seg.nii.gz on one grid size. Every method gets the fixed volume and the moving
one as our affine alignment brings it onto the fixed grid, runs as a process of its own, and is judged by the
displacement field that it writes; "-labels" is a preset with the label-assisted model. A folder that exists is
resumed; a case that fails is a row with its error.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from itertools import permutations
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PEERS = {path.stem: path for path in sorted((HERE / "methods").glob("*.py"))}
#: Our methods: a preset and the model that it is used with; None is the default model.
OURS = {
    **{name: (name, None) for name in ("plain", "repaired", "fast", "balanced", "best")},
    **{f"{name}-labels": (name, "FiRework-VM-Labels") for name in ("fast", "balanced", "best")},
}
COLUMNS = ("pair", "method", "dice", "folded", "ndv", "wall", "cpu", "error")
sys.path[:0] = [str(ROOT / "FiReworkRegistration"), str(HERE.parent), str(HERE)]

from _figure_rows import read_rows, write_rows  # noqa: E402


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="labelled subjects")
    parser.add_argument("--subjects", type=int, default=3, help="the first so many; all ordered pairs (3)")
    parser.add_argument("--brain-masks", action="store_true", help="cut heads down to the filled, closed label maps")
    parser.add_argument("--methods", nargs="*", default=[*list(OURS)[1:], *PEERS], choices=[*OURS, *PEERS])
    parser.add_argument("--threads", type=int, default=2, help="of every method (2)")
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-peers", help="made when it is missing")
    parser.add_argument("--output", type=Path, required=True, help="folder of rows.csv, table.md and plot.png")
    parser.add_argument("--curve", type=Path, help="rows of accuracy.py at many K: also draws curve.png against K")
    options = parser.parse_args(arguments)
    from peer_report import write_report

    options.output.mkdir(parents=True, exist_ok=True)
    rows = read_rows(options.output / "rows.csv")
    images = sorted(options.folder.resolve().glob("*_t1.nii.gz"))[: options.subjects]
    for fixed, moving in permutations(images, 2):
        pair = f"{moving.name} to {fixed.name}"
        done = {row["method"] for row in rows if row["pair"] == pair}
        wanted = [method for method in ("affine", *options.methods) if method not in done]
        if wanted:
            with tempfile.TemporaryDirectory() as scratch:
                case = Case(fixed, moving, Path(scratch), options)
                for method in wanted:
                    rows.append({"pair": pair, "method": method, **case.row(method)})
                    write_rows(rows, options.output / "rows.csv")
                    print(" ".join(f"{rows[-1][name]}" for name in COLUMNS), flush=True)
    print(write_report(rows, options.output))
    if options.curve:
        from peer_report import write_curve

        from FiReworkRegistrationLib.training.evaluation import read_rows as read_states

        write_curve(rows, read_states(options.curve), options.output / "curve.png")
    return 0


def peer_python(environment: Path) -> str:
    """Python of the peers' own environment, which is made and filled when it is missing."""
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        requirements = (HERE / "requirements.txt").read_text().split("\n")
        for requirement in requirements:
            # One by one, torch first: it decides which torch the others take.
            if requirement and not requirement.startswith("#"):
                subprocess.run([str(python), "-m", "pip", "install", "-q", requirement], check=False)
    return str(python)


class Case:
    """One pair: the affine start, computed once, and every method from there."""

    def __init__(self, fixed: Path, moving: Path, scratch: Path, options):
        from accuracy import common_labels, labels_of

        from FiReworkRegistrationLib.engine.files import read_volume, write_volume
        from FiReworkRegistrationLib.engine.registration import Registration

        self._scratch, self._options, self._fixed = scratch, options, fixed
        self._fixed_labels, self._moving_labels = read_volume(labels_of(fixed)), read_volume(labels_of(moving))
        self._labels = common_labels(options.folder)
        images = read_volume(fixed), read_volume(moving)
        if options.brain_masks:
            images = within_brain(images[0], self._fixed_labels), within_brain(images[1], self._moving_labels)
            # As a file: not every peer takes a mask.
            self._fixed = scratch / "fixed.nii.gz"
            write_volume(images[0], self._fixed)
        registration = Registration(*images, device="cpu")
        self._affine = registration.affine
        self._aligned = scratch / "aligned.nii.gz"
        write_volume(registration.warped(0), self._aligned)

    def row(self, method: str) -> dict:
        """Figures of one method, or why there are none."""
        field, figures = self._scratch / f"{method}.nii.gz", dict.fromkeys(COLUMNS[2:], "")
        try:
            if method != "affine":
                figures["wall"], figures["cpu"] = run_timed(self._command(method, field), self._options.threads)
            figures.update(self._judged(None if method == "affine" else field))
        except (OSError, RuntimeError, ValueError, subprocess.CalledProcessError) as error:
            words = getattr(error, "stderr", None) or str(error)
            figures["error"] = words.strip().splitlines()[-1][:200]
        return {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in figures.items()}

    def _command(self, method: str, field: Path) -> list[str]:
        if method in PEERS:
            python = peer_python(self._options.environment)
            return [python, str(PEERS[method]), str(self._fixed), str(self._aligned), str(field),
                    str(self._options.threads)]  # fmt: skip
        preset, model = OURS[method]
        return [
            sys.executable, "-m", "FiReworkRegistrationLib", "register", "--fixed", str(self._fixed), "--moving",
            str(self._aligned), "--affine", "none", "--device", "cpu", "--preset", preset,
            "--transform-out", str(field), *(["--model", model] if model else []),
        ]  # fmt: skip

    def _judged(self, field: Path | None) -> dict:
        import numpy as np

        from FiReworkRegistrationLib.engine.fields import percent_folded, ras_to_voxels
        from FiReworkRegistrationLib.engine.metrics import dice_per_label, nondiffeomorphic_volume
        from FiReworkRegistrationLib.engine.volume_warping import warp_volume

        grid = self._fixed_labels.grid
        displacement = np.zeros((*grid.shape, 3), np.float32) if field is None else read_field(field, grid)
        whole = through_affine(displacement, grid, self._affine)
        warped = warp_volume(self._moving_labels, whole, self._fixed_labels, "nearest").array
        labels = self._labels or sorted(set(np.unique(self._fixed_labels.array).tolist()) - {0})
        voxels = ras_to_voxels(displacement, grid.linear)
        import torch

        brain = torch.from_numpy(self._fixed_labels.array > 0)[None, None]
        return {
            "dice": float(np.nanmean(list(dice_per_label(self._fixed_labels.array, warped, labels).values()))),
            "folded": percent_folded(voxels, brain),
            "ndv": nondiffeomorphic_volume(voxels, brain),
        }


def within_brain(volume, labels):
    """The volume inside the filled, closed label map, 0 elsewhere."""
    from FiReworkRegistrationLib.training.subjects import brain_mask

    return replace(volume, array=volume.array * brain_mask(labels.array))


def read_field(path: Path, grid):
    """A displacement field file (ITK's LPS mm, on the fixed grid) as (k, j, i, 3) float32, RAS mm.

    :raises ValueError: it lies on another grid.
    """
    import numpy as np
    import SimpleITK as sitk

    image = sitk.ReadImage(str(path))
    array = sitk.GetArrayFromImage(image).astype(np.float32)
    if array.shape != (*grid.shape, 3):
        raise ValueError(f"{path.name} has shape {array.shape}, not that of the fixed grid")
    return array * np.array([-1, -1, 1], np.float32)


def through_affine(displacement, grid, affine):
    """``DisplacementMap`` of x -> affine(x + displacement(x)), RAS mm."""
    import numpy as np

    from FiReworkRegistrationLib.engine.maps import DisplacementMap

    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")[::-1], axis=-1)
    points = index.reshape(-1, 3) @ grid.linear.T + grid.affine[:3, 3]
    mapped = (points + displacement.reshape(-1, 3)) @ affine[:3, :3].T + affine[:3, 3]
    return DisplacementMap(grid, (mapped - points).reshape(displacement.shape).astype(np.float32))


def run_timed(command: list[str], threads: int) -> tuple[float, float]:
    """Wall and CPU seconds of a process and its children.

    :raises subprocess.CalledProcessError: it failed.
    """
    path = str(ROOT / "FiReworkRegistration")
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": path}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, spent


if __name__ == "__main__":
    sys.exit(main())
