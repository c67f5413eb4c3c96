import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.presets import DEFAULT_PRESET, POLISH, PRESETS, find_preset


def test_the_default_is_among_them_and_found_without_a_name():
    assert find_preset().name == DEFAULT_PRESET
    assert PRESETS["best"].polish == POLISH


def test_each_costs_more_than_the_one_before():
    cost = lambda preset: preset.iterations + sum(level.cost for level in preset.polish)  # noqa: E731
    costs = [cost(PRESETS[name]) for name in ("fast", "balanced", "best")]
    assert costs == sorted(set(costs))
    assert not PRESETS["plain"].polish


def test_a_polish_goes_from_coarse_to_fine():
    for preset in PRESETS.values():
        finer = [level.finer for level in preset.polish]
        assert finer == sorted(finer)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(RegistrationError, match=r"'fasst'.*fast, balanced, best"):
        find_preset("fasst")
