"""The demo's modules import each other by name, as they do when run.py starts them."""

import sys
from pathlib import Path

TESTING = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TESTING), str(TESTING / "demo")]
