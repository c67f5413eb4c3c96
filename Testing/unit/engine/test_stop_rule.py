from types import SimpleNamespace

import pytest

from FiReworkRegistrationLib.engine.stop_rule import MOST_PERCENT_FOLDED, best_iteration, stop_reason


def figures(nccs, folded=None, changes=None):
    folded = folded or [0.0] * len(nccs)
    changes = changes or [1.0] * len(nccs)
    rows = zip(nccs, folded, changes, strict=True)
    return [
        SimpleNamespace(index=index, local_ncc=ncc, percent_folded=fold, p95_change=change, repair=None)
        for index, (ncc, fold, change) in enumerate(rows)
    ]


def test_best_is_the_highest_similarity_not_the_last():
    assert best_iteration(figures([0.5, 0.7, 0.8, 0.78])) == 2


def test_folds_veto_an_iteration():
    assert best_iteration(figures([0.5, 0.7, 0.8, 0.9], [0, 0.1, 0.3, 0.9])) == 2
    assert best_iteration(figures([0.5, 0.9], [0, MOST_PERCENT_FOLDED])) == 1


def test_the_start_is_kept_when_everything_else_folds_or_gets_worse():
    assert best_iteration(figures([0.5, 0.7, 0.8], [0, 2, 3])) == 0
    assert best_iteration(figures([0.5, 0.4, 0.3])) == 0
    assert best_iteration(figures([0.5])) == 0


def test_a_start_that_folds_itself_is_better_than_none():
    assert best_iteration(figures([0.5, 0.7], [1.0, 2.0])) == 0


def test_of_equals_the_earliest():
    assert best_iteration(figures([0.5, 0.8, 0.8])) == 1


def test_a_repair_that_was_asked_for_is_kept():
    states = figures([0.5, 0.8, 0.79], [0, 0.02, 0])
    states[2].repair = SimpleNamespace(changed=3.0)
    assert best_iteration(states) == 2
    states[2].local_ncc = 0.4
    assert best_iteration(states) == 1
    # Not when the network went on from there.
    assert best_iteration([*states, *figures([0.5, 0.8, 0.79, 0.78])[3:]]) == 1


@pytest.mark.parametrize(
    ("nccs", "changes", "reason"),
    [
        ([0.5], [0.0], None),
        ([0.5, 0.7], [0.0, 1.0], None),
        ([0.5, 0.7, 0.7005], [0, 1.0, 0.4], "similarity"),
        ([0.5, 0.7, 0.6], [0, 1.0, 0.4], "similarity"),
        ([0.5, 0.7, 0.75], [0, 1.0, 0.04], "change"),
    ],
)
def test_when_to_stop(nccs, changes, reason):
    assert stop_reason(figures(nccs, changes=changes)) == reason
