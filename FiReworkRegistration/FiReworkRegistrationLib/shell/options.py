"""Options that several commands share, and what they mean to the engine."""

import json
from pathlib import Path

from ..engine.errors import RegistrationError


def add_engine_options(parser) -> None:
    """Keywords of the engine's ``Registration``; see :func:`engine_settings`."""
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


def add_preset_options(parser, default: str) -> None:
    """A preset and its polish; see :func:`polish_settings`."""
    parser.add_argument(
        "--preset", default=default, help="plain, repaired, fast, balanced or best (default: %(default)s)"
    )
    parser.add_argument(
        "--polish", metavar="SECONDS|off",
        help="time limit of the preset's polish (with 'plain' of that of 'best'), or no polish; under a limit the "
        "outcome depends on how fast the machine is (default: the preset's polish, without a limit)",
    )  # fmt: skip


def add_quality_options(parser) -> None:
    """All of these, and the number of iterations."""
    parser.add_argument("--iterations", type=int, metavar="K", help="refinement iterations (default: the preset's)")
    add_preset_options(parser, "balanced")
    add_engine_options(parser)


def polish_settings(options):
    """Preset, polish levels and time limit in seconds (None: none) of the command."""
    from ..engine.presets import POLISH, find_preset

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


def engine_settings(options) -> dict:
    """Keywords of the engine's ``Registration``."""
    names = ("model", "device", "precision", "normalization", "contrast", "affine", "spacing")
    return {name: getattr(options, name) for name in names}


def read_json(path, what: str):
    """:raises RegistrationError: no JSON file."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RegistrationError(f"{what} '{path}' cannot be read ({error}).") from error
