import math
import time

import pytest
import torch

from FiReworkRegistrationLib.engine.errors import Cancelled
from FiReworkRegistrationLib.engine.fields import percent_folded, resize_field
from FiReworkRegistrationLib.engine.polish_levels import polish_levels
from FiReworkRegistrationLib.engine.presets import PolishLevel

SHAPE = (9, 9, 9)


class Mover:
    """Adds one voxel of its own grid along k in every step."""

    def __init__(self, level, field):
        shape = tuple(round(level.finer * (n - 1)) + 1 for n in SHAPE)
        self.start = resize_field(field, shape)
        self.field = self.start.clone()

    def step(self):
        self.field[:, 0] += 1.0


class Pair:
    """Its polisher moves, its smoothing leaves nothing."""

    polisher = Mover

    def __init__(self):
        self.smoothings = []

    def mask_for(self, field):
        return torch.ones(1, 1, *field.shape[2:])

    def smoothed(self, field, deviation):
        self.smoothings.append((float(field[0, 0, 0, 0, 0]), deviation))
        return torch.zeros_like(field)


def run(levels, field, deadline=math.inf, pair=None, **callbacks):
    return polish_levels(field, levels, pair or Pair(), deadline, **callbacks)


def test_levels_add_up_in_voxels_of_the_finest_grid():
    start = torch.zeros(1, 3, *SHAPE)
    field, repair = run([PolishLevel(1 / 2, 1), PolishLevel(1, 1), PolishLevel(2, 2)], start)
    # One voxel of 4 mm, one of 2 mm and two of 1 mm.
    assert field.shape[2:] == (17, 17, 17) and torch.allclose(field[:, 0], torch.tensor(4.0 + 2.0 + 2.0))
    assert repair is None and not start.any()


def test_a_coarse_level_keeps_the_detail_of_the_field():
    rough = torch.rand(1, 3, *SHAPE, generator=torch.Generator().manual_seed(0))
    field, _repair = run([PolishLevel(1 / 2, 1)], rough)
    assert torch.allclose(field[:, 0], rough[:, 0] + 2.0, atol=1e-5) and torch.equal(field[:, 1:], rough[:, 1:])


def test_what_is_told_grows_with_the_work():
    told = []
    run([PolishLevel(1 / 2, 8), PolishLevel(1, 1)], torch.zeros(1, 3, *SHAPE), told=told.append)
    assert told == pytest.approx([share / 16 for share in range(1, 9)] + [1.0])


def test_no_step_begins_when_time_is_over_or_it_was_cancelled():
    start = torch.zeros(1, 3, *SHAPE)
    assert torch.equal(run([PolishLevel(1, 5)], start, time.perf_counter())[0], start)
    steps = iter([False, False, True])
    with pytest.raises(Cancelled):
        run([PolishLevel(1, 5)], start, cancelled=lambda: next(steps))


def test_folds_are_repaired_without_a_step():
    folded = torch.zeros(1, 3, *SHAPE)
    folded[:, 0, 3, 4, 4], folded[:, 0, 5, 4, 4] = 1.2, -1.2
    field, repair = run([PolishLevel(1, 0, unfold=True)], folded)
    assert repair.folded_before == percent_folded(folded) > 0
    assert repair.largest_change > 0 and not torch.equal(field, folded)


def test_detail_is_smoothed_away_before_a_level_that_asks_for_it():
    pair, levels = Pair(), [PolishLevel(1, 3), PolishLevel(1 / 2, 1, forget=2.0), PolishLevel(1, 1)]
    field, _repair = run(levels, torch.zeros(1, 3, *SHAPE), pair=pair)
    assert pair.smoothings == [(3.0, 2.0)] and torch.allclose(field[:, 0], torch.tensor(2.0 + 1.0))


@pytest.mark.parametrize("better", [True, False])
def test_what_was_smoothed_away_comes_back_where_time_was_too_short(monkeypatch, better):
    now = iter([0.0] * 5 + [10.0] * 10)
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    pair, levels = Pair(), [PolishLevel(1, 1), PolishLevel(1, 9, forget=2.0), PolishLevel(1, 9)]
    pair.smoothed = lambda field, deviation: torch.full_like(field, -5.0)
    pair.similarity = lambda field: float(field[0, 0, 0, 0, 0]) * (-1 if better else 1)
    field, _repair = run(levels, torch.zeros(1, 3, *SHAPE), 5.0, pair)
    # Two steps after the smoothing fit in; then the field of the first level, or what there is.
    assert field[0, 0, 0, 0, 0] == (-3.0 if better else 1.0)


def test_a_field_that_comes_back_has_no_repair_of_the_other(monkeypatch):
    now = iter([0.0] * 5 + [10.0] * 10)
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    pair, levels = Pair(), [PolishLevel(1, 1), PolishLevel(1, 2, forget=2.0, unfold=True), PolishLevel(1, 9)]
    pair.similarity = lambda field: float(field[0, 0, 0, 0, 0] == 1.0)
    field, repair = run(levels, torch.zeros(1, 3, *SHAPE), 5.0, pair)
    assert field[0, 0, 0, 0, 0] == 1.0 and repair is None


def test_too_little_time_after_several_smoothings_leaves_the_start(monkeypatch):
    now = iter([0.0] * 3 + [10.0] * 10)
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    pair, levels, start = Pair(), [PolishLevel(1, 0, forget=2.0)] * 3, torch.full((1, 3, *SHAPE), 9.0)
    pair.smoothed = lambda field, deviation: field / 2
    pair.similarity = lambda field: float(field[0, 0, 0, 0, 0])
    field, _repair = run(levels, start, 5.0, pair)
    assert torch.equal(field, start)
