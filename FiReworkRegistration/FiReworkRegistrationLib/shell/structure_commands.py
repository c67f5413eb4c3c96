"""Commands that make a label-assisted model: train-structures and export-structures."""

from dataclasses import fields, replace

from ..engine.errors import RegistrationError
from .options import read_json
from .progress import ProgressLine


def add_parsers(commands) -> None:
    """Add both to the subparsers of the command line."""
    parser = commands.add_parser("train-structures", help="train the network that a label-assisted model adds")
    parser.add_argument(
        "--train", required=True, help="folder of labelled volumes or CSV table; see training/README.md"
    )
    parser.add_argument("--dev", help="the same, of subjects for the dev figures, never trained on")
    parser.add_argument("--output", required=True, help="run folder; one that exists is resumed")
    parser.add_argument("--labels", help="JSON list of the label values to learn (default: those of most subjects)")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings to change, values in JSON")
    parser.add_argument("--initial-weights", help="safetensors file to start from, of the same labels")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--seconds", type=float, help="stop after this time with a checkpoint")
    parser.set_defaults(run=train_structures)
    parser = commands.add_parser("export-structures", help="make a label-assisted model of a run and another model")
    parser.add_argument("--run", dest="folder", required=True, help="output folder of 'train-structures'")
    parser.add_argument("--model", help="the model that gives the iterations (default: the first of 'models')")
    parser.add_argument("--name", required=True, help="how the model will be called")
    parser.add_argument("--words", help="JSON file with title, description, license, data and note of the card")
    parser.add_argument("--output", required=True, help="folder of models; FIREWORK_MODELS may name it later")
    parser.set_defaults(run=export_structures)


def train_structures(options) -> None:
    """Train to the last step, or resume."""
    from ..engine.device import choose_device
    from ..engine.weights import read_weights
    from ..training.cohort_files import check_persons, find_entries
    from ..training.structure_trainer import StructureConfig, StructureTrainer
    from ..training.subjects import load_subjects

    config, device = _changed(StructureConfig(), options.set), choose_device(options.device)
    labels = None if options.labels is None else read_json(options.labels, "List of labels")
    initial = read_weights(options.initial_weights) if options.initial_weights else None
    line = ProgressLine()
    entries, held_back = find_entries(options.train), find_entries(options.dev) if options.dev else []
    check_persons(entries, held_back)
    subjects = load_subjects(entries, progress=lambda i, n: line.show(i / n, f"{i}/{n} training images"))
    dev = load_subjects(held_back) if held_back else []
    line.done(f"{len(subjects)} training and {len(dev)} dev subjects")
    trainer = StructureTrainer(config, options.output, subjects, dev, labels, initial, line.done, device)
    trainer.run(seconds=options.seconds)
    line.done(f"step {trainer.step} of {config.steps} in {options.output}")


def export_structures(options) -> None:
    """A card and weights, as 'models' lists them."""
    from ..engine.models import find_model
    from ..training.structure_export import export_structures as export

    words = read_json(options.words, "Words of the card") if options.words else {}
    print(export(options.folder, find_model(options.model), options.output, options.name, words))


def _changed(config, assignments):
    from ..training.config import read_assignments

    values, known = read_assignments(assignments), {field.name for field in fields(config)}
    if unknown := sorted(values.keys() - known):
        raise RegistrationError(f"Unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))}.")
    return replace(config, **{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})
