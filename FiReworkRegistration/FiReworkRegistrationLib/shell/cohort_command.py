"""cohort: many pairs of files."""

import argparse
from pathlib import Path

from .options import add_quality_options, polish_settings
from .register_command import register


def add_parser(commands) -> None:
    """Add it to the subparsers of the command line."""
    parser = commands.add_parser("cohort", help="register many pairs: resumable, a failed pair does not stop the rest")
    parser.add_argument("--pairs", required=True, help="CSV or JSON file; see training/README.md")
    parser.add_argument("--output", required=True, help="folder; each pair gets one in it")
    parser.add_argument("--shard", default="1/1", metavar="I/N", help="every N-th pair from the I-th on (%(default)s)")
    parser.add_argument(
        "--dask", metavar="ADDRESS|local[:N]", help="on the workers of this scheduler, or N of this machine"
    )
    parser.add_argument("--inverse", action="store_true", help="also write the inverse transform of every pair")
    parser.add_argument("--jacobian", action="store_true", help="also write the Jacobian determinant of every pair")
    add_quality_options(parser)
    parser.set_defaults(run=cohort)


def cohort(options) -> int:
    """Many pairs; exit status 1 if one failed."""
    from ..training.evaluation import pair_names, read_pairs
    from .cohort import DONE, folder_names, keep_settings, read_shard, register_cohort

    shard = read_shard(options.shard)
    pairs, _ = read_pairs(options.pairs)

    def one(files, folder: Path):
        outputs = {
            "transform_out": "transform.h5", "warped_moving_out": "warped.nii.gz", "figures_out": DONE,
            "inverse_transform_out": "inverse.h5" if options.inverse else None,
            "jacobian_out": "jacobian.nii.gz" if options.jacobian else None,
        }  # fmt: skip
        inputs = ("fixed", "moving", "fixed_mask", "moving_mask", "initial_transform")
        register(
            argparse.Namespace(
                **{**vars(options), **{name: getattr(files, name) for name in inputs}},
                **{key: name and str(folder / name) for key, name in outputs.items()},
            )
        )

    names = pair_names(pairs)
    keep_settings(options.output, _settings(options))
    if options.dask:
        from .cohort_dask import register_on_dask

        # Workers may run in another folder.
        pairs, output = [pair.absolute() for pair in pairs], Path(options.output).absolute()
        if str(options.model).endswith(".json"):
            options.model = str(Path(options.model).absolute())
        first, step = shard
        # Of all pairs, so that every shard gives a pair the same folder.
        own = [given[first - 1 :: step] for given in (pairs, names, folder_names(names))]
        rows = register_on_dask(*own[:2], output, one, options.dask, folders=own[2])
    else:
        rows = register_cohort(pairs, names, options.output, one, shard)
    states = [row["state"] for row in rows]
    print(", ".join(f"{states.count(state)} {state}" for state in ("done", "done before", "failed")))
    return 1 if "failed" in states else 0


def _settings(options) -> dict:
    """What all pairs are registered with; wrong ones are found here and not pair by pair.

    Not the device and the precision, which may differ from machine to machine.
    """
    from ..engine.device import choose_device
    from ..engine.models import find_model

    preset, levels, seconds = polish_settings(options)
    if not options.dask:  # whose workers may have what this machine lacks
        choose_device(options.device)
    return {
        "model": find_model(options.model).name, "preset": preset.name, "polish": bool(levels), "seconds": seconds,
        "iterations": options.iterations or preset.iterations,
        **{name: getattr(options, name) for name in ("affine", "spacing", "normalization", "contrast")},
    }  # fmt: skip
