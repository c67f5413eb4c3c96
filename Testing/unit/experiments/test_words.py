import pytest

from FiReworkRegistrationLib.experiments.words import compared, direction, mean, p_words, short, spread


def group(*values):
    return {str(number): {"dice": value} for number, value in enumerate(values)}


HIGH = group(0.61, 0.62, 0.63, 0.64, 0.65, 0.67)
LOW = group(0.50, 0.52, 0.51, 0.55, 0.53, 0.55)
MIXED = group(0.60, 0.63, 0.62, 0.65, 0.64, 0.68)


def test_mean_and_spread():
    assert mean(group(0.2, 0.4)) == pytest.approx(0.3) and spread(group(0.2, 0.4)) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("value", "sign", "expected"),
    [(0.5, False, ".5000"), (-0.012, True, "-.0120"), (0.012, True, "+.0120"), (1.0, False, "1.0000")],
)
def test_numbers_are_short(value, sign, expected):
    assert short(value, sign) == expected


def test_a_difference_needs_a_test():
    assert direction(HIGH, LOW) == 1 and direction(LOW, HIGH) == -1 and direction(HIGH, MIXED) == 0
    assert compared(HIGH, LOW) == ".1100 higher (p = 0.031)"
    assert compared(LOW, HIGH) == ".1100 lower (p = 0.031)"
    assert compared(HIGH, MIXED).startswith("not told apart (+.0000, p = ") or "-.0000" in compared(HIGH, MIXED)
    assert p_words(group(1.0), group(0.5)) == "1 pairs, too few for a test"
    assert direction(group(1.0), group(0.5)) == 0 and direction(HIGH, HIGH) == 0
