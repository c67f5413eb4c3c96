import numpy as np
import pytest
from test_affine import known_matrix, moved, shape  # noqa: F401
from test_agreement import head

from FiReworkRegistrationLib.engine import alignment
from FiReworkRegistrationLib.engine.agreement import AgreementMeter
from FiReworkRegistrationLib.engine.alignment import align
from FiReworkRegistrationLib.engine.geometry import Volume, linear_map


def test_a_good_alignment_searches_nothing(shape, monkeypatch):  # noqa: F811
    monkeypatch.setattr(alignment, "search_start", None)
    truth = known_matrix()
    matrix, agreement, _meter = align(shape, moved(shape, truth))
    corners = shape.grid.corners() * 0.5
    assert np.linalg.norm(linear_map(matrix, corners) - linear_map(truth, corners), axis=1).max() < 2
    assert agreement.score > 0.8


def test_nothing_is_searched_where_the_volumes_agree_as_well_as_they_can(shape, monkeypatch):  # noqa: F811
    monkeypatch.setattr(alignment, "search_start", None)
    monkeypatch.setattr(alignment, "SEARCH_BELOW", 2.0)
    _matrix, agreement, meter = align(shape, shape)
    assert agreement.score > meter.misplaced(alignment.SEARCH_BEYOND_MM)


@pytest.mark.parametrize("better", [True, False])
def test_the_better_of_both_starts_is_kept(shape, monkeypatch, better):  # noqa: F811
    near, far = np.eye(4), np.eye(4)
    near[:3, 3], far[:3, 3] = 8, 20
    answers = iter([far, near] if better else [near, far])
    monkeypatch.setattr(alignment, "SEARCH_BELOW", 2.0)
    monkeypatch.setattr(alignment, "SEARCH_BEYOND_MM", 0.0)
    monkeypatch.setattr(alignment, "search_start", lambda *arguments: np.eye(4))
    monkeypatch.setattr(alignment, "prealign", lambda *arguments: alignment_of(next(answers)))
    assert np.array_equal(align(shape, shape)[0], near)
    assert next(answers, None) is None, "both were tried"


def alignment_of(matrix):
    from FiReworkRegistrationLib.engine.affine import Alignment

    return Alignment(matrix, ())


def test_a_start_of_the_user_is_not_overruled(shape, monkeypatch):  # noqa: F811
    monkeypatch.setattr(alignment, "SEARCH_BELOW", 2.0)
    monkeypatch.setattr(AgreementMeter, "misplaced", lambda *given: 2.0)
    monkeypatch.setattr(alignment, "search_start", None)
    align(shape, shape, np.eye(4))


def test_no_more_is_expected_than_of_the_image_that_agrees_less_with_itself():
    large, small = head(), Volume(head().array, np.diag([1.5, 1.5, 1.5, 1.0]), "small")
    each = [AgreementMeter(volume, volume).misplaced(8.0) for volume in (large, small)]
    assert abs(each[0] - each[1]) > 0.05
    assert AgreementMeter(large, small).misplaced(8.0) == AgreementMeter(small, large).misplaced(8.0) == min(each)
