import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "stop_rule.py"


def test_the_rule_is_compared_with_the_best_dice():
    spec = importlib.util.spec_from_file_location("stop_rule", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dice = {"a": (0.4, 0.6, 0.5), "b": (0.4, 0.5, 0.6)}
    rows = [
        {"pair": pair, "iteration": k, "dice": dice[pair][k], "local_ncc": 0.5 + 0.1 * k, "folded": 0.0}
        for pair in dice
        for k in (2, 0, 1)
    ]
    text = module.table(rows)
    assert "| local NCC and folds | 2.0 | 0.5500 | 0.000 | 0.0500 |" in text
    assert "| the oracle (best Dice) | 1.5 | 0.6000 | 0.000 | 0.0000 |" in text
    assert text.endswith("n = 2 pairs")
