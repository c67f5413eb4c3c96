"""Figures in words: means, differences and what a test says of them."""

import numpy as np

from ..training.evaluation import paired_wilcoxon

#: Below it two methods are said to differ. Not corrected for the number of tests, which the text says.
LEVEL = 0.05


def mean(group: dict[str, dict], figure="dice") -> float:
    """:param group: pair to row."""
    return float(np.mean([row[figure] for row in group.values()]))


def spread(group: dict[str, dict], figure="dice") -> float:
    """Standard deviation over pairs."""
    return float(np.std([row[figure] for row in group.values()]))


def short(value: float, sign=False) -> str:
    """0.5 as ".5000", -0.012 as "-.0120"."""
    return f"{value:+.4f}".replace("0.", ".", 1) if sign else f"{value:.4f}".replace("0.", ".", 1)


def p_words(first: dict, second: dict) -> str:
    p, count = paired_wilcoxon(first, second)
    return f"p = {p:.2g}" if np.isfinite(p) else f"{count} pairs, too few for a test"


def direction(first: dict, second: dict) -> int:
    """1 where ``first`` has the higher Dice, -1 the lower, 0 where the test does not tell them apart."""
    p, _ = paired_wilcoxon(first, second)
    return int(np.sign(mean(first) - mean(second))) if p < LEVEL else 0


def compared(first: dict, second: dict) -> str:
    """How ``first`` stands to ``second``, such as ".0120 higher (p = 0.002)"."""
    difference, sign = mean(first) - mean(second), direction(first, second)
    words = p_words(first, second)
    if sign == 0:
        return f"not told apart ({short(difference, sign=True)}, {words})"
    return f"{short(abs(difference))} {'higher' if sign > 0 else 'lower'} ({words})"


def count_of(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
