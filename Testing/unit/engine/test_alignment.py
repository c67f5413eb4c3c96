import numpy as np
import pytest
from test_affine import known_matrix, moved, shape  # noqa: F401

from FiReworkRegistrationLib.engine import alignment
from FiReworkRegistrationLib.engine.alignment import align, expected
from FiReworkRegistrationLib.engine.geometry import linear_map


def test_a_good_alignment_searches_nothing(shape, monkeypatch):  # noqa: F811
    monkeypatch.setattr(alignment, "search_start", None)
    truth = known_matrix()
    matrix, agreement = align(shape, moved(shape, truth))
    corners = shape.grid.corners() * 0.5
    assert np.linalg.norm(linear_map(matrix, corners) - linear_map(truth, corners), axis=1).max() < 2
    assert agreement.score > 0.8


def test_nothing_is_searched_where_the_volumes_agree_as_well_as_they_can(shape, monkeypatch):  # noqa: F811
    monkeypatch.setattr(alignment, "search_start", None)
    monkeypatch.setattr(alignment, "SEARCH_BELOW", 2.0)
    assert align(shape, shape)[1].score > expected(shape, shape, alignment.SEARCH_BEYOND_MM)


@pytest.mark.parametrize("better", [True, False])
def test_the_better_of_both_starts_is_kept(shape, monkeypatch, better):  # noqa: F811
    lost = np.eye(4)
    lost[:3, 3] = 60
    first, second = (lost, np.eye(4)) if better else (np.eye(4), lost)
    answers = iter([first, second])
    monkeypatch.setattr(alignment, "SEARCH_BELOW", 2.0)
    monkeypatch.setattr(alignment, "SEARCH_BEYOND_MM", 0.0)
    monkeypatch.setattr(alignment, "search_start", lambda *arguments: np.eye(4))
    monkeypatch.setattr(alignment, "prealign", lambda *arguments: alignment_of(next(answers)))
    matrix, agreement = align(shape, shape)
    assert np.array_equal(matrix, np.eye(4)) and agreement.score > 0.9


def alignment_of(matrix):
    from FiReworkRegistrationLib.engine.affine import Alignment

    return Alignment(matrix, ())


def test_a_start_of_the_user_is_not_overruled(shape, monkeypatch):  # noqa: F811
    monkeypatch.setattr(alignment, "SEARCH_BELOW", 2.0)
    monkeypatch.setattr(alignment, "search_start", None)
    align(shape, shape, np.eye(4))
