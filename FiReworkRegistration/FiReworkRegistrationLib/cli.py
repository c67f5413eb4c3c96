"""The commands of a shell: register, cohort, evaluate, train, export, experiments, models and those of structures.

Errors that a user can put right end as one line on stderr and exit status 2.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from . import __version__
from .engine.errors import Cancelled, RegistrationError, is_out_of_memory
from .shell import cohort_command, evaluate_command, register_command, structure_commands, training_commands
from .shell.progress import ProgressLine


def main(arguments=None) -> int:
    """:return: exit status, 0 done, 1 a pair of a cohort failed, 2 a bad input, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        # An arrow that a terminal or log cannot show must not cost the result.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    # Read when PyTorch is loaded: its threads then sleep while they wait, and do not burn CPU time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        status = options.run(options) or 0
        # Here, where a reader that has gone is no failure; Python would do it at its very end.
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except RegistrationError as error:
        return _failed(f"error: {error}")
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return _failed("error: not enough memory; choose a coarser --spacing or another --device")
    except BrokenPipeError:
        # Whoever read along has gone, such as "head"; Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.filename is None:
            raise
        return _failed(f"error: '{error.filename}' cannot be used ({error.strerror}); choose another path")
    except (Cancelled, KeyboardInterrupt):
        return _failed("interrupted", 130)


def _failed(message: str, status=2) -> int:
    """Say why, in place of a progress bar."""
    ProgressLine().done(message)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="firework-registration", description="Brain MRI registration by FiRework.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in (register_command, cohort_command, evaluate_command):
        command.add_parser(commands)
    for several in (training_commands, structure_commands):
        several.add_parsers(commands)
    listing = commands.add_parser("models", help="list the installed models")
    listing.set_defaults(run=models)
    return parser


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
