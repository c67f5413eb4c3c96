"""Dice, surface distance, folding and time on all ordered pairs of some labelled dev subjects.

    .venv/bin/python Testing/benchmarks/accuracy.py ../shared/data/oasis_1mm/dev --subjects 5

The folder holds X_t1.nii.gz and X_seg.nii.gz. Without a folder, oasis_1mm/dev and ixi_2mm/dev
beside the repository are measured. Everything behind ``--`` goes to the ``evaluate`` command.
"""

import argparse
import json
import sys
import tempfile
from itertools import permutations
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
#: Folder of a set to its list in common_labels.json.
LABELS = {"oasis_1mm": "miccai2012_common", "ixi_2mm": "ixi_dlmuse_common"}
sys.path.insert(0, str(ROOT / "FiReworkRegistration"))


def main(arguments=None) -> int:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    split = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--subjects", type=int, default=5, help="the first so many of the folder (5)")
    parser.add_argument("--brain-masks", action="store_true", help="register inside the filled, closed label maps")
    parser.add_argument("--csv-folder", type=Path, help="keep the rows of every pair here")
    options = parser.parse_args(arguments[:split])
    folders = options.folders or [DATA / "oasis_1mm" / "dev", DATA / "ixi_2mm" / "dev"]
    for folder in folders:
        if not folder.is_dir():
            print(f"{folder} is not there: nothing measured. Give a folder of X_t1.nii.gz and X_seg.nii.gz.")
            continue
        if status := measure(folder, options, arguments[split + 1 :]):
            return status
    return 0


def measure(folder: Path, options, rest) -> int:
    from FiReworkRegistrationLib import cli

    with tempfile.TemporaryDirectory() as scratch:
        pairs = Path(scratch) / "pairs.json"
        pairs.write_text(json.dumps(pairs_of(folder, options, Path(scratch))))
        command = ["evaluate", "--pairs", str(pairs), *rest]
        if options.csv_folder:
            options.csv_folder.mkdir(parents=True, exist_ok=True)
            command += ["--csv", str(options.csv_folder / f"{folder.parent.name}_{folder.name}.csv")]
        print(f"\n{folder}, {options.subjects} subjects{', brain masks' if options.brain_masks else ''}", flush=True)
        return cli.main(command)


def pairs_of(folder: Path, options, scratch: Path) -> dict:
    """The content of a pairs file, with absolute paths."""
    images = sorted(folder.resolve().glob("*_t1.nii.gz"))[: options.subjects]
    content = {"labels": common_labels(folder), "pairs": []}
    for fixed, moving in permutations(images, 2):
        pair = {"fixed": fixed, "moving": moving, "fixed_labels": labels_of(fixed), "moving_labels": labels_of(moving)}
        if options.brain_masks:
            pair.update(fixed_mask=mask_of(fixed, scratch), moving_mask=mask_of(moving, scratch))
        content["pairs"].append({key: str(path) for key, path in pair.items()})
    return content


def common_labels(folder: Path):
    """Labels that every scan of the set holds; None where the set has no such list."""
    path = folder.resolve().parents[1] / "common_labels.json"
    lists = json.loads(path.read_text()) if path.exists() else {}
    return lists.get(LABELS.get(folder.resolve().parent.name))


def labels_of(image: Path) -> Path:
    return image.with_name(image.name.replace("_t1", "_seg"))


def mask_of(image: Path, scratch: Path) -> Path:
    """The filled, closed union of a label map as a file."""
    import numpy as np

    from FiReworkRegistrationLib.engine.files import read_volume, write_volume
    from FiReworkRegistrationLib.engine.geometry import Volume
    from FiReworkRegistrationLib.training.subjects import brain_mask

    path = scratch / image.name.replace("_t1", "_mask")
    if not path.exists():
        labels = read_volume(labels_of(image))
        write_volume(Volume(brain_mask(labels.array).astype(np.uint8), labels.affine), path)
    return path


if __name__ == "__main__":
    sys.exit(main())
