"""Plays a whole session with the panel in the test host and writes a picture after each step.

The steps are those of ``Testing/in_slicer.py``, which plays them in the real application.
"""

import argparse
import sys
from pathlib import Path

TESTING = Path(__file__).resolve().parents[1]
ROOT = TESTING.parent
sys.path[:0] = [str(TESTING), str(ROOT / "FiReworkRegistration")]


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="run.py screenshots", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "screenshots-output")
    parser.add_argument("--iterations", type=int, default=4, metavar="K")
    options = parser.parse_args(arguments)
    import host

    host.install()
    host.new_scene()
    from in_app.host_application import HostApplication
    from in_app.session import run_session

    return run_session(HostApplication(ROOT), options.output, options.iterations)


if __name__ == "__main__":
    sys.exit(main())
