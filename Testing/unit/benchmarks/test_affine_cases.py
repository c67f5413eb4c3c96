"""Hard cases of the affine start: each changes what it says, and keeps its truth."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from FiReworkRegistrationLib.training.subjects import load_subjects

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "affine_cases.py"


@pytest.fixture(scope="module")
def cases():
    spec = importlib.util.spec_from_file_location("affine_cases", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["affine_cases"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pair(subject_folder):
    return load_subjects(subject_folder, 2)


def test_every_case_is_the_same_each_time_and_its_truth_has_no_error(cases, pair):
    for kind in cases.KINDS:
        first, second = (cases.make_case(kind, "a b", *pair) for _ in range(2))
        assert np.array_equal(first.truth, second.truth) and np.array_equal(first.moving.array, second.moving.array)
        assert cases.error_mm(first, first.truth) == 0


def test_a_motion_moves_the_truth_as_far_as_it_says(cases, pair):
    plain, shifted, turned = (cases.make_case(kind, "a b", *pair) for kind in ("plain", "shift", "rotation"))
    assert 40 <= np.linalg.norm((shifted.truth - plain.truth)[:3, 3]) <= 60
    turn = turned.truth[:3, :3] @ np.linalg.inv(plain.truth[:3, :3])
    assert 20 <= np.degrees(np.arccos((np.trace(turn) - 1) / 2)) <= 40


def test_a_stripped_and_a_cropped_image_lose_what_they_should(cases, pair):
    plain, stripped, cropped = (
        cases.make_case(kind, "a b", *pair) for kind in ("plain", "stripped_moving", "partial_moving")
    )
    assert not stripped.moving.array[~stripped.moving.mask].any()
    assert cropped.moving.mask.sum() < 0.9 * plain.moving.mask.sum()


def test_the_table_counts_failures_and_who_was_told(cases):
    rows = [
        {"kind": "plain", "pair": str(n), "error": error, "seconds": "2", "told": told, "problem": ""}
        for n, (error, told) in enumerate([("1", ""), ("9", "yes"), ("8", ""), ("2", "yes")])
    ]
    assert "| all | 4 | 50 % | 5.00 | 9.0 | 2.00 | 2 | 1 | 1 |" in cases.table(rows)
