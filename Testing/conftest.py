"""What every test needs: the library on the path, one torch thread, a fixed seed."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "FiReworkRegistration"))


@pytest.fixture(autouse=True)
def fixed_seed():
    """Every test draws the same random numbers, on one thread."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
