#!/usr/bin/env python3
"""One command for each thing to do with this repository; see --help.

Needs Python alone: the first call makes .venv at the repository root and installs pinned
packages into it, later calls use it. Works from any folder.
"""

import argparse
import os
import subprocess
import sys
import time

if sys.version_info < (3, 10):  # noqa: UP036 - whoever runs this may have an older one
    sys.exit("Python %d.%d is too old: use Python 3.10 to 3.13." % sys.version_info[:2])  # noqa: UP031

from pathlib import Path

TESTING = Path(__file__).resolve().parent
sys.path.insert(0, str(TESTING))

from environment import ROOT, Environment, EnvironmentProblem  # noqa: E402


def demo(python: str, rest: list) -> int:
    """Register the sample pair in a MRML scene, write nodes and a picture to demo-output/."""
    return _call([python, str(TESTING / "demo" / "demo.py"), *rest])


def test(python: str, rest: list) -> int:
    """Run all tests. Further arguments go to pytest."""
    print("Running the tests", flush=True)
    # A path among the arguments replaces the whole suite.
    where = [] if any(Path(word.split("::")[0]).exists() for word in rest) else [str(TESTING / "unit")]
    return _call([python, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), *where, *rest])


def bench(python: str, rest: list) -> int:
    """Run a measurement of Testing/benchmarks by name, with its arguments: bench NAME ... (speed if none)."""
    folder = TESTING / "benchmarks"
    scripts = {path.stem: path for path in (*sorted(folder.glob("[!_]*.py")), folder / "peers" / "compare.py")}
    name, *options = rest or ["speed"]
    if name not in scripts:
        # Others than speed need data, and some of them hours.
        print(f"A measurement is one of {', '.join(scripts)}, not '{name}'; --help behind its name explains it.")
        return 2
    print(f"Measuring: {name}", flush=True)
    return _call([python, str(scripts[name]), *options])


def screenshots(python: str, rest: list) -> int:
    """Play a session with the panel off-screen, write a picture of each step to screenshots-output/."""
    return _call([python, str(TESTING / "screenshots" / "session.py"), *rest])


VERBS = {"demo": demo, "test": test, "bench": bench, "screenshots": screenshots}


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(
        prog="run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, function in VERBS.items():
        # The verb's own script explains its options.
        verbs.add_parser(name, help=function.__doc__, add_help=False)
    options, rest = parser.parse_known_args(arguments)
    began = time.monotonic()
    try:
        python = Environment().ensure()
        code = VERBS[options.verb](str(python), rest)
    except EnvironmentProblem as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    if code == 0:
        print(f"Finished: {options.verb}, {time.monotonic() - began:.0f} s in all", file=sys.stderr)
    return code


def _call(command: list) -> int:
    """Run to the end, in the environment alone, output passed through."""
    variables = {key: value for key, value in os.environ.items() if key not in ("PYTHONHOME", "PYTHONPATH")}
    code = subprocess.run(command, env=variables).returncode
    # Ended by a signal: shells expect 128 + its number.
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main())
