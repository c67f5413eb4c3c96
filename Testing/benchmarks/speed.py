"""Seconds and memory of one registration's iterations by grid, device and precision.

    .venv/bin/python Testing/benchmarks/speed.py

Random images: the time does not depend on what they show.
"""

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "FiReworkRegistration"))
sys.path.insert(0, str(ROOT / "Testing" / "demo"))

GRIDS = {"2 mm": (80, 96, 80), "1 mm": (160, 192, 160)}


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="iterations that are timed, after one that is not (3)")
    parser.add_argument("--grids", nargs="*", default=list(GRIDS), choices=GRIDS, help="which grids (all)")
    options = parser.parse_args(arguments)

    import torch

    from FiReworkRegistrationLib.engine.device import choose_precision
    from FiReworkRegistrationLib.engine.models import find_model

    devices = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    print(f"model {find_model().name}, torch {torch.__version__}, {os.cpu_count()} CPU cores", flush=True)
    print(f"{'grid':>6} {'voxels':>12} {'device':>6} {'precision':>9} {'s an iteration':>15} {'peak GB':>8}")
    for grid in options.grids:
        for device in devices:
            # Not those that the device would only emulate.
            computed = [name for name in ("fp32", "bf16") if choose_precision(name, torch.device(device)) == name]
            for precision in computed:
                seconds, memory = measure(grid, device, precision, options.repeats)
                size = "x".join(str(n) for n in GRIDS[grid])
                print(f"{grid:>6} {size:>12} {device:>6} {precision:>9} {seconds:>15.2f} {memory:>8.2f}", flush=True)
    return 0


def measure(grid: str, device: str, precision: str, repeats: int) -> tuple[float, float]:
    """Median seconds of an iteration and its figures, and peak memory in GB (the process's, on the CPU)."""
    import torch

    from FiReworkRegistrationLib.engine.models import find_model, load_network
    from FiReworkRegistrationLib.engine.refiner import Refiner
    from progress import peak_memory_gb

    fixed, moving = torch.rand(2, 1, 1, *GRIDS[grid])
    refiner = Refiner(load_network(find_model(), device), fixed, moving, precision=precision)
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        list(refiner.refine(refiner.last.index + 1))
        times.append(time.perf_counter() - began)
    memory = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else peak_memory_gb()
    return sorted(times[1:])[repeats // 2], memory or float("nan")


if __name__ == "__main__":
    sys.exit(main())
