"""The panel's benchmark at a size that a test can wait for."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "panel.py"


def test_every_figure_is_measured():
    command = [sys.executable, str(SCRIPT), "--spacing", "3", "--iterations", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.endswith((" s", " MB", " GB", " mm"))]
    assert len(lines) == 11, done.stdout
    for text in ("while registering", "all views drawn", "all outputs updated", "while dragging", "fields of 3 states"):
        assert text in done.stdout
