"""evaluate: labelled pairs of files, judged."""

from ..engine.errors import RegistrationError
from .options import add_engine_options, add_preset_options, engine_settings, polish_settings
from .progress import ProgressLine


def add_parser(commands) -> None:
    """Add it to the subparsers of the command line."""
    parser = commands.add_parser("evaluate", help="register labelled pairs: Dice, ASSD, HD95, TRE, folding, NDV, time")
    parser.add_argument("--pairs", required=True, help="CSV or JSON file; see training/README.md")
    parser.add_argument(
        "--iterations", help="iterations that are judged, as 0,4 (default: those of 0,1,2,4,8 up to the preset's)"
    )
    add_preset_options(parser, "plain")
    parser.add_argument("--no-surfaces", action="store_true", help="leave out ASSD and HD95, which take seconds a pair")
    parser.add_argument("--baseline", help="CSV of another evaluation of the same pairs to test against")
    parser.add_argument("--csv", help="write a row a pair and iteration to this file")
    add_engine_options(parser)
    parser.set_defaults(run=evaluate)


def evaluate(options) -> None:
    """Pairs from a JSON file to a table, and to a CSV file."""
    from ..engine.files import check_output, is_same_file
    from ..training.evaluation import evaluate_pair, pair_names, read_pairs, read_rows, summary, write_rows

    preset, levels, seconds = polish_settings(options)
    options.iterations = options.iterations or ",".join(str(k) for k in (0, 1, 2, 4, 8) if k <= preset.iterations)
    try:
        iterations = sorted({int(value) for value in options.iterations.split(",")})
    except ValueError as error:
        raise RegistrationError(f"--iterations is a list such as 0,1,2,4,8, got '{options.iterations}'.") from error
    if not iterations or iterations[0] < 0:
        raise RegistrationError(f"--iterations must not be negative, got '{options.iterations}'.")
    baseline = read_rows(options.baseline) if options.baseline else None
    pairs, labels = read_pairs(options.pairs)
    for pair in pairs:
        pair.check()
    if options.csv:
        check_output(options.csv)
        inputs = [options.pairs, options.baseline, *(path for pair in pairs for path in pair.paths().values())]
        if any(is_same_file(path, options.csv) for path in inputs if path):
            raise RegistrationError(f"--csv '{options.csv}' is one of the inputs; choose another file for the rows.")
    rows, line = [], ProgressLine()
    for number, (files, name) in enumerate(zip(pairs, pair_names(pairs), strict=True)):
        line.show(number / len(pairs), f"{number}/{len(pairs)} {name}")
        rows += evaluate_pair(
            files, iterations, labels, not options.no_surfaces, name, polish=levels, polish_seconds=seconds,
            **engine_settings(options),
        )  # fmt: skip
        if options.csv:
            write_rows(rows, options.csv)
    line.done(f"{len(pairs)} pairs")
    print(summary(rows, baseline))
