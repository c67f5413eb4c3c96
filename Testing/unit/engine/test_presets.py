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


def test_a_polish_goes_from_coarse_to_fine_but_for_the_rounds_in_between():
    for preset in PRESETS.values():
        finer = [level.finer for level in preset.polish if not level.again]
        assert finer == sorted(finer)


def test_a_polish_begins_coarse_and_ends_on_its_finest_grid():
    for name in ("fast", "balanced", "best"):
        for levels in (PRESETS[name].polish, [level for level in PRESETS[name].polish if not level.again]):
            finer = [level.finer for level in levels]
            assert finer[0] == min(finer) < finer[-1] == max(finer)


def test_what_is_smoothed_away_is_sought_again_afterwards():
    for preset in PRESETS.values():
        forgetting = [index for index, level in enumerate(preset.polish) if level.forget]
        assert all(any(later.finer >= 1 for later in preset.polish[index + 1 :]) for index in forgetting)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(RegistrationError, match=r"'fasst'.*fast, balanced, best"):
        find_preset("fasst")
