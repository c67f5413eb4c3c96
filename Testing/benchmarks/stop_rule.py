"""What the choice of K by local NCC and folds costs against the best K by Dice, from the rows of an evaluation.

    .venv/bin/python Testing/benchmarks/accuracy.py ../shared/data/oasis_1mm/dev --csv-folder runs/csv/k \
        -- --no-surfaces --iterations 0,1,2,3,4,5,6,7,8,9,10,11,12
    .venv/bin/python Testing/benchmarks/stop_rule.py runs/csv/k/oasis_1mm_dev.csv

It is the panel's choice when all iterations are there, ``best_iteration`` of ``engine/stop_rule.py``; when to stop
before the last one (``stop_reason``) is another question.
"""

import argparse
import sys
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "FiReworkRegistration"))


def main(arguments=None) -> int:
    from FiReworkRegistrationLib.training.evaluation import read_rows

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", type=Path, help="CSV files of 'evaluate' or accuracy.py")
    for path in parser.parse_args(arguments).rows:
        print(f"{path}\n{table(read_rows(path))}")
    return 0


def table(rows: list[dict]) -> str:
    """A Markdown table: each way to choose K, the mean K, Dice and folds, and what it costs against the oracle."""
    import numpy as np

    pairs = {}
    for row in rows:
        pairs.setdefault(row["pair"], []).append(row)
    chosen = {"local NCC and folds": [], "the last K": [], "the oracle (best Dice)": []}
    for states in pairs.values():
        states.sort(key=lambda row: row["iteration"])
        for name, choose in zip(chosen, (by_rule, lambda states: states[-1], by_dice), strict=True):
            chosen[name].append(choose(states))
    best = np.mean([row["dice"] for row in chosen["the oracle (best Dice)"]])
    lines = ["| K chosen by | mean K | Dice | folded % | Dice below the oracle |", "|---|---|---|---|---|"]
    for name, found in chosen.items():
        dice, folded = (np.mean([row[figure] for row in found]) for figure in ("dice", "folded"))
        index = np.mean([row["iteration"] for row in found])
        lines.append(f"| {name} | {index:.1f} | {dice:.4f} | {folded:.3f} | {best - dice:.4f} |")
    return "\n".join([*lines, f"n = {len(pairs)} pairs"])


def by_rule(states: list[dict]) -> dict:
    from FiReworkRegistrationLib.engine.stop_rule import best_iteration

    figures = [
        SimpleNamespace(index=index, local_ncc=row["local_ncc"], percent_folded=row["folded"], repair=None)
        for index, row in enumerate(states)
    ]
    return states[best_iteration(figures)]


def by_dice(states: list[dict]) -> dict:
    return max(states, key=lambda row: row["dice"])


if __name__ == "__main__":
    sys.exit(main())
