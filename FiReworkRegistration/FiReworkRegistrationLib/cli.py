"""The commands of a shell: register, cohort, evaluate, train, export, experiments, models and those of structures.

Errors that a user can put right end as one line on stderr and exit status 2.
"""

import argparse
import json
import sys
from pathlib import Path

from . import __version__, structure_commands
from .engine.errors import Cancelled, RegistrationError, is_out_of_memory
from .progress import ProgressLine


def main(arguments=None) -> int:
    """:return: exit status, 0 done, 1 a pair of a cohort failed, 2 a bad input, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except RegistrationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        print("error: not enough memory; choose a coarser --spacing or another --device", file=sys.stderr)
        return 2
    except (Cancelled, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="firework-registration", description="Brain MRI registration by FiRework.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_register(commands)
    _add_cohort(commands)
    _add_evaluate(commands)
    _add_train(commands)
    _add_export(commands)
    structure_commands.add_parsers(commands)
    _add_experiments(commands)
    listing = commands.add_parser("models", help="list the installed models")
    listing.set_defaults(run=models)
    return parser


def _add_engine_options(parser):
    parser.add_argument("--model", help="name of a model or path of its card (default: the first of 'models')")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument(
        "--precision", default="auto",
        help="of convolutions: auto, fp32, bf16, fp16; fp32 on a CPU without these (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--normalization", default="robust", choices=("robust", "full-range"),
        help="of intensities: 0.5 to 99.5 percentiles, or minimum to maximum",
    )  # fmt: skip
    parser.add_argument(
        "--contrast", default="auto", choices=("auto", "same", "different"),
        help="of the two volumes (T1 and T2 are different): whether gray values of one are matched to the other's",
    )  # fmt: skip
    parser.add_argument("--affine", default="auto", choices=("auto", "none"), help="alignment before the refinement")
    parser.add_argument("--spacing", type=float, help="working resolution in mm (default: the model's)")


def _add_preset_options(parser, default):
    parser.add_argument(
        "--preset", default=default, help="plain, repaired, fast, balanced or best (default: %(default)s)"
    )
    parser.add_argument(
        "--polish", metavar="SECONDS|off", help="instance optimization of the field at the end (default: the preset's)"
    )


def _add_register(commands):
    parser = commands.add_parser("register", help="register a moving to a fixed volume")
    parser.add_argument("--fixed", required=True, help="volume that stays where it is")
    parser.add_argument("--moving", required=True, help="volume that is registered to it")
    parser.add_argument("--fixed-mask", help="voxels > 0 are registered; on the fixed grid")
    parser.add_argument("--moving-mask", help="voxels > 0 are registered; on the moving grid")
    parser.add_argument("--initial-transform", help="linear ITK transform fixed to moving, where the alignment starts")
    parser.add_argument(
        "--transform-out", required=True,
        help=".h5: the whole map; .nrrd, .nii.gz, .mha: one displacement field (LPS mm, fixed to moving, fixed grid)",
    )  # fmt: skip
    parser.add_argument("--inverse-transform-out", help="the map moving to fixed, endings as above, moving grid")
    parser.add_argument("--warped-moving-out", help="moving volume on the fixed grid")
    parser.add_argument("--jacobian-out", help="Jacobian determinant of the whole map on the fixed grid")
    parser.add_argument("--figures-out", help="JSON file of the figures of every iteration and the verdict")
    _add_quality_options(parser)
    parser.set_defaults(run=register)


def _add_quality_options(parser):
    parser.add_argument("--iterations", type=int, metavar="K", help="refinement iterations (default: the preset's)")
    _add_preset_options(parser, "balanced")
    _add_engine_options(parser)


def _add_cohort(commands):
    parser = commands.add_parser("cohort", help="register many pairs: resumable, a failed pair does not stop the rest")
    parser.add_argument("--pairs", required=True, help="CSV or JSON file; see training/evaluation.py")
    parser.add_argument("--output", required=True, help="folder; each pair gets one in it")
    parser.add_argument("--shard", default="1/1", metavar="I/N", help="every N-th pair from the I-th on (%(default)s)")
    parser.add_argument(
        "--dask", metavar="ADDRESS|local[:N]", help="on the workers of this scheduler, or N of this machine"
    )
    parser.add_argument("--inverse", action="store_true", help="also write the inverse transform of every pair")
    parser.add_argument("--jacobian", action="store_true", help="also write the Jacobian determinant of every pair")
    _add_quality_options(parser)
    parser.set_defaults(run=cohort)


def _add_evaluate(commands):
    parser = commands.add_parser("evaluate", help="register labelled pairs: Dice, ASSD, HD95, TRE, folding, NDV, time")
    parser.add_argument("--pairs", required=True, help="JSON file; see training/evaluation.py")
    parser.add_argument("--iterations", help="iterations that are judged (default: 0,1,2,4,8)")
    _add_preset_options(parser, "plain")
    parser.add_argument("--no-surfaces", action="store_true", help="leave out ASSD and HD95, which take seconds a pair")
    parser.add_argument("--baseline", help="CSV of another evaluation of the same pairs to test against")
    parser.add_argument("--csv", help="write a row a pair and iteration to this file")
    _add_engine_options(parser)
    parser.set_defaults(run=evaluate)


def _add_train(commands):
    parser = commands.add_parser("train", help="train a network")
    parser.add_argument("--train", required=True, help="folder of volumes or CSV table; see training/README.md")
    parser.add_argument("--dev", help="the same, of subjects that choose the best weights, never trained on")
    parser.add_argument("--dev-share", type=float, help="without --dev: share of the subjects that are dev, as 0.1")
    parser.add_argument("--output", required=True, help="run folder; one that exists is resumed")
    parser.add_argument("--config", default="paper", help="named configuration (default: %(default)s) or JSON file")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings to change, values in JSON")
    parser.add_argument("--initial-weights", help="safetensors file to start from")
    parser.add_argument("--dev-subjects", type=int, default=9, help="how many dev subjects (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--seconds", type=float, help="stop after this time with a checkpoint")
    parser.set_defaults(run=train)


def _add_export(commands):
    parser = commands.add_parser("export", help="make a model of a finished run")
    parser.add_argument("--run", dest="folder", required=True, help="output folder of 'train', with dev figures")
    parser.add_argument("--name", required=True, help="how the model will be called")
    parser.add_argument("--words", help="JSON file with title, description, license, data and note of the card")
    parser.add_argument("--fp16", action="store_true", help="keep the weights in half precision, half the size")
    parser.add_argument("--output", required=True, help="folder of models; FIREWORK_MODELS may name it later")
    parser.set_defaults(run=export)


def _add_experiments(commands):
    folder = Path(__file__).resolve().parents[2] / "Testing" / "experiments"
    parser = commands.add_parser("experiments", help="train and compare the paper's methods: tables and figures")
    parser.add_argument("name", choices=("table1", "fig5", "fig6", "fig7", "all"), help="what is made")
    parser.add_argument(
        "--config", default=str(folder / "cpu-2mm.json"), help="JSON file of methods and budget (default: %(default)s)"
    )
    parser.add_argument("--output", help="folder of RESULTS.md, resumed where it exists (default: that of --config)")
    parser.add_argument("--subjects", metavar="DIR", help="X_t1.nii.gz and X_seg.nii.gz to train on")
    parser.add_argument("--dev", metavar="DIR", help="the same to judge by, never trained on")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.set_defaults(run=experiments)


def register(options) -> None:
    """One pair of files to a transform file and what else was asked for."""
    from .cohort import write_figures
    from .engine.files import check_output, check_volume_path, read_volume, write_volume
    from .engine.maps import covering_grid
    from .engine.registration import Registration
    from .engine.transform_files import check_transform_path, read_linear, write_map
    from .engine.verdict import verdict

    # Everything that can be wrong with the command is found before the work starts.
    for path in (options.transform_out, options.inverse_transform_out):
        if path:
            check_transform_path(path)
    for path in (options.warped_moving_out, options.jacobian_out):
        if path:
            check_volume_path(path)
    if options.figures_out:
        check_output(options.figures_out)
    if options.iterations is not None and options.iterations < 1:
        raise RegistrationError(f"Iterations (K) is {options.iterations}; choose 1 or more.")
    preset, levels, seconds = _polish_settings(options)
    line = ProgressLine()
    registration = Registration(
        read_volume(options.fixed, "Fixed volume"),
        read_volume(options.moving, "Moving volume"),
        fixed_mask=options.fixed_mask and read_volume(options.fixed_mask, "Fixed mask"),
        moving_mask=options.moving_mask and read_volume(options.moving_mask, "Moving mask"),
        initial_transform=read_linear(options.initial_transform) if options.initial_transform else None,
        progress=line.show,
        **_engine_settings(options),
    )
    count = options.iterations or preset.iterations
    line.done(f"model {registration.card.name} on {registration.device}, {registration.precision} convolutions")
    print(f"{'K':>3} {'local NCC':>10} {'NCC':>7} {'folded %':>9} {'change mm':>10} {'p95 mm':>7} {'s':>6}")
    _print_iteration(registration.iterations[0], registration.spacing)
    for iteration in registration.refine(count):
        _print_iteration(iteration, registration.spacing)
    if levels:
        _print_iteration(registration.polish(levels, seconds, line.show), registration.spacing)

    largest = registration.iterations[-1].largest * registration.spacing
    judged = verdict(
        registration.iterations, largest=largest, coverage=registration.coverage, agreement=registration.agreement,
        least_agreement=registration.least_agreement, matched=registration.matched,
    )  # fmt: skip
    if (repair := registration.iterations[-1].repair) is not None:
        mm = registration.spacing
        print(
            f"repair of folds: {repair.folded_before:.4f} % folded before, {repair.folded_after:.4f} % after; moved "
            f"{repair.changed:.2f} % of voxels, by {repair.mean_change * mm:.2f} mm on average, "
            f"{repair.largest_change * mm:.2f} mm at most"
        )
    print(judged.text)
    dmap = registration.map()
    write_map(dmap, options.transform_out, registration.fixed.grid)
    print(f"transform: {options.transform_out}")
    if options.inverse_transform_out:
        inverse, residual = dmap.inverted(covering_grid(dmap.grid, registration.moving.grid))
        write_map(inverse, options.inverse_transform_out, registration.moving.grid)
        print(f"inverse:   {options.inverse_transform_out} (residual {residual:.3f} mm, 99th percentile)")
    if options.warped_moving_out:
        write_volume(registration.warped(), options.warped_moving_out)
        print(f"warped:    {options.warped_moving_out}")
    if options.jacobian_out:
        write_volume(registration.jacobian(), options.jacobian_out)
        print(f"Jacobian:  {options.jacobian_out}")
    if options.figures_out:
        write_figures(registration, judged.text, options.figures_out)


def cohort(options) -> int:
    """Many pairs; exit status 1 if one failed."""
    from .cohort import DONE, read_shard, register_cohort
    from .training.evaluation import pair_names, read_pairs

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
    if options.dask:
        from .cohort_dask import register_on_dask

        # Workers may run in another folder.
        pairs, output = [pair.absolute() for pair in pairs], Path(options.output).absolute()
        if str(options.model).endswith(".json"):
            options.model = str(Path(options.model).absolute())
        first, step = shard
        rows = register_on_dask(pairs[first - 1 :: step], names[first - 1 :: step], output, one, options.dask)
    else:
        rows = register_cohort(pairs, names, options.output, one, shard)
    states = [row["state"] for row in rows]
    print(", ".join(f"{states.count(state)} {state}" for state in ("done", "done before", "failed")))
    return 1 if "failed" in states else 0


def evaluate(options) -> None:
    """Pairs from a JSON file to a table, and to a CSV file."""
    from .engine.files import check_output
    from .training.evaluation import evaluate_pair, pair_names, read_pairs, read_rows, summary, write_rows

    preset, levels, seconds = _polish_settings(options)
    options.iterations = options.iterations or ",".join(str(k) for k in (0, 1, 2, 4, 8) if k <= preset.iterations)
    try:
        iterations = sorted({int(value) for value in options.iterations.split(",")})
    except ValueError as error:
        raise RegistrationError(f"--iterations is a list such as 0,1,2,4,8, got '{options.iterations}'.") from error
    if not iterations or iterations[0] < 0:
        raise RegistrationError(f"--iterations must not be negative, got '{options.iterations}'.")
    if options.csv:
        check_output(options.csv)
    baseline = read_rows(options.baseline) if options.baseline else None
    pairs, labels = read_pairs(options.pairs)
    rows, line = [], ProgressLine()
    for number, (files, name) in enumerate(zip(pairs, pair_names(pairs), strict=True)):
        line.show(number / len(pairs), f"{number}/{len(pairs)} {name}")
        rows += evaluate_pair(
            files, iterations, labels, not options.no_surfaces, name, polish=levels, polish_seconds=seconds,
            **_engine_settings(options),
        )  # fmt: skip
        if options.csv:
            write_rows(rows, options.csv)
    line.done(f"{len(pairs)} pairs")
    print(summary(rows, baseline))


def train(options) -> None:
    """Train to the end of the configuration, or resume."""
    from .engine.device import choose_device
    from .engine.weights import read_weights
    from .training.cohort_files import find_entries, split_by_person
    from .training.config import read_config
    from .training.ranks import local_device
    from .training.subjects import load_subjects
    from .training.trainer import Trainer

    config = read_config(options.config, options.set)
    device = choose_device(local_device(options.device))
    initial = read_weights(options.initial_weights) if options.initial_weights else None
    line = ProgressLine()
    entries, held_back = find_entries(options.train), options.dev and find_entries(options.dev)
    if options.dev_share is not None:
        if options.dev:
            raise RegistrationError("--dev names the dev subjects already; leave out --dev-share.")
        entries, held_back = split_by_person(entries, options.dev_share, config.seed)
    subjects = load_subjects(entries, progress=lambda i, n: line.show(i / n, f"{i}/{n} training images"))
    dev = load_subjects(held_back, options.dev_subjects) if held_back else []
    line.done(f"{len(subjects)} training and {len(dev)} dev subjects, {device}")
    trainer = Trainer(config, options.output, subjects, dev, device, initial, line.done, line.show)
    trainer.alignment.prepare(lambda i, n: line.show(i / n, f"{i}/{n} images without labels aligned"))
    trainer.run(seconds=options.seconds)
    line.done(f"step {trainer.step} of {config.steps} in {options.output}")


def export(options) -> None:
    """Best weights of a run and a card, as 'models' lists them."""
    from .training.export import export_run

    words = structure_commands.read_json(options.words, "Words of the card") if options.words else {}
    print(export_run(options.folder, options.output, options.name, words, options.fp16))


def experiments(options) -> None:
    """Sections of RESULTS.md, with what must be trained and judged for them."""
    from .experiments.command import EXPERIMENTS, run

    names = list(EXPERIMENTS) if options.name == "all" else [options.name]
    print(run(names, options.config, options.output, options.subjects, options.dev, options.device))


def models(options) -> None:
    """Every installed model with what it is for."""
    from .engine.models import list_models

    for card in list_models():
        print(f"{card.name}{' (default)' if card.default else ''}: {card.title}")
        print(f"  {card.description}")
        print(f"  {card.parameters:,} parameters, {card.spacing:g} mm, K = {card.iterations}; {card.license}")
        if card.dev:
            print(f"  dev: {json.dumps(card.dev)}")
        if known := card.structures:
            count, parameters = len(known["labels"]), known["parameters"]
            print(f"  polish: {count} structures by {parameters:,} parameters; dev: {json.dumps(known.get('dev'))}")
        print(f"  {Path(card.weights_path)}")


def _polish_settings(options):
    """Preset, polish levels and time limit in seconds (None: none) of the command."""
    from .engine.presets import POLISH, find_preset

    preset = find_preset(options.preset)
    if options.polish is None:
        return preset, preset.polish, None
    if options.polish == "off":
        return preset, (), None
    try:
        seconds = float(options.polish)
    except ValueError:
        seconds = -1.0
    if not seconds > 0:
        raise RegistrationError(f"--polish is a number of seconds above 0, or 'off', got '{options.polish}'.")
    return preset, preset.polish or POLISH, seconds


def _engine_settings(options) -> dict:
    names = ("model", "device", "precision", "normalization", "contrast", "affine", "spacing")
    return {name: getattr(options, name) for name in names}


def _print_iteration(iteration, spacing: float) -> None:
    i = iteration
    index = f"{i.index}{'r' if i.repair else 'p'}" if i.polished else i.index
    quality = f"{index:>3} {i.local_ncc:>10.4f} {i.global_ncc:>7.4f} {i.percent_folded:>9.4f}"
    change = f"{i.mean_change * spacing:>10.3f} {i.p95_change * spacing:>7.2f} {i.seconds:>6.2f}"
    print(quality, change, flush=True)
