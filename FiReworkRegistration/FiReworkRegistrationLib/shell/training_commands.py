"""train and export, and experiments, which does both with the methods of the paper."""

from pathlib import Path

from ..engine.errors import RegistrationError
from .options import read_json
from .progress import ProgressLine


def add_parsers(commands) -> None:
    """Add them to the subparsers of the command line."""
    _add_train(commands)
    _add_export(commands)
    _add_experiments(commands)


def _add_train(commands):
    parser = commands.add_parser("train", help="train a network")
    parser.add_argument("--train", required=True, help="folder of volumes or CSV table; see training/README.md")
    parser.add_argument("--dev", help="the same, of subjects that choose the best weights, never trained on")
    parser.add_argument("--dev-share", type=float, help="without --dev: share of the subjects that are dev, as 0.1")
    parser.add_argument("--output", required=True, help="run folder; one that exists is resumed")
    parser.add_argument(
        "--config", default="paper",
        help="paper (1 mm, needs a large GPU), paper-2mm, curriculum-4mm, curriculum-2mm or a JSON file "
        "(default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings to change, values in JSON")
    parser.add_argument("--initial-weights", help="safetensors file to start from")
    parser.add_argument("--dev-subjects", type=int, default=9, help="dev subjects at most (default: %(default)s)")
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
    folder = Path(__file__).resolve().parents[3] / "Testing" / "experiments"
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


def train(options) -> None:
    """Train to the end of the configuration, or resume."""
    from ..engine.device import choose_device
    from ..engine.weights import read_weights
    from ..training.cohort_files import check_persons, find_entries, split_by_person
    from ..training.config import read_config
    from ..training.ranks import local_device
    from ..training.run_record import keep_record
    from ..training.subjects import load_subjects
    from ..training.trainer import Trainer

    if options.dev_subjects < 2:
        raise RegistrationError(f"--dev-subjects is {options.dev_subjects}; choose 2 or more, as they make pairs.")
    config = read_config(options.config, options.set)
    device = choose_device(local_device(options.device))
    initial = read_weights(options.initial_weights) if options.initial_weights else None
    line = ProgressLine()
    entries, held_back = find_entries(options.train), options.dev and find_entries(options.dev)
    if options.dev_share is not None:
        if options.dev:
            raise RegistrationError("--dev names the dev subjects already; leave out --dev-share.")
        entries, held_back = split_by_person(entries, options.dev_share, config.seed, options.dev_subjects)
        # With other images there, the same seed would draw persons that were trained on.
        Path(options.output).mkdir(parents=True, exist_ok=True)
        keep_record(options.output, "dev.json", {"dev": sorted({entry.person for entry in held_back})})
    elif held_back:
        check_persons(entries, held_back)
    subjects = load_subjects(entries, progress=lambda i, n: line.show(i / n, f"{i}/{n} training images"))
    dev = load_subjects(held_back, options.dev_subjects) if held_back else []
    line.done(f"{len(subjects)} training and {len(dev)} dev subjects, {device}")
    trainer = Trainer(config, options.output, subjects, dev, device, initial, line.done, line.show)
    trainer.alignment.prepare(lambda i, n: line.show(i / n, f"{i}/{n} images without labels aligned"))
    trainer.run(seconds=options.seconds)
    line.done(f"step {trainer.step} of {config.steps} in {options.output}")


def export(options) -> None:
    """Best weights of a run and a card, as 'models' lists them."""
    from ..training.export import export_run

    words = read_json(options.words, "Words of the card") if options.words else {}
    print(export_run(options.folder, options.output, options.name, words, options.fp16))


def experiments(options) -> None:
    """Sections of RESULTS.md, with what must be trained and judged for them."""
    from ..experiments.command import EXPERIMENTS, run

    names = list(EXPERIMENTS) if options.name == "all" else [options.name]
    print(run(names, options.config, options.output, options.subjects, options.dev, options.device))
