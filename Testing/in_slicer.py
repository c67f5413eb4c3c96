"""The whole session of the panel in a real 3D Slicer: load, register, drag, compare, judge, apply, save, reload.

    Slicer --python-script Testing/in_slicer.py [--output FOLDER] [--iterations K] [--keep-open]

Prints a line for each check, writes a picture after each step to FOLDER (FiRework-in-slicer among the temporary
files), and leaves with 0 when every check passed, else with 1. Needs torch in Slicer's Python; installs nothing.
The module is taken from this repository, unless Slicer knows it already.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import slicer


def testing_folder() -> Path:
    """Where this file lies; some ways of running a script do not set ``__file__``."""
    places = [globals().get("__file__"), *sys.argv, *slicer.app.arguments()]
    found = next(Path(place) for place in places if place and Path(place).name == "in_slicer.py")
    return found.resolve().parent


def options():
    parser = argparse.ArgumentParser(prog="in_slicer.py")
    parser.add_argument("--output", type=Path, default=Path(tempfile.gettempdir()) / "FiRework-in-slicer")
    parser.add_argument("--iterations", type=int, default=4, metavar="K")
    parser.add_argument("--keep-open", action="store_true", help="do not leave Slicer at the end")
    return parser.parse_known_args(sys.argv[1:])[0]


def main() -> None:
    code, keep_open = 1, False
    try:
        testing, chosen = testing_folder(), options()
        keep_open = chosen.keep_open
        sys.path.insert(0, str(testing))
        from in_app.application import SlicerApplication
        from in_app.session import run_session

        code = run_session(SlicerApplication(testing.parent), chosen.output, chosen.iterations)
    except Exception:
        # Without this Slicer would print the trace and stay open for ever.
        import traceback

        traceback.print_exc()
    if not keep_open:
        slicer.util.exit(code)


import qt  # noqa: E402 - after the functions that need only slicer

# Slicer runs scripts while it is still starting.
qt.QTimer.singleShot(1000, main)
