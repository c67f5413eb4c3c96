"""The verdict says in plain words what a registration achieved and what looks wrong."""

from dataclasses import replace

import pytest

from FiReworkRegistrationLib.engine.refiner import Iteration
from FiReworkRegistrationLib.engine.state_names import state_name
from FiReworkRegistrationLib.engine.stop_rule import MOST_PERCENT_FOLDED
from FiReworkRegistrationLib.engine.unfold import Repair
from FiReworkRegistrationLib.engine.verdict import percent_text, verdict


def run(*ncc, folded=0.0, change=0.1):
    """Iterations with these local NCC; folds and change at all but the start."""
    return [
        Iteration(index, None, value, 0.9, folded if index else 0.0, change, change, 1.0)
        for index, value in enumerate(ncc)
    ]


def test_improvement_in_one_sentence():
    judged = verdict(run(0.61, 0.7, 0.78, 0.82, 0.85, 0.86, 0.87), largest=8.0, coverage=1.0)
    assert judged.text == "Improved NCC 0.61 → 0.87 in 6 iterations; 0.00 % of voxels folded."
    assert judged.warnings == ()


def test_another_iteration_than_the_last():
    assert verdict(run(0.6, 0.7, 0.8), 1).text == "Improved NCC 0.60 → 0.70 in 1 iteration; 0.00 % of voxels folded."


def test_a_repair_is_told_apart_from_a_polish():
    states = run(0.6, 0.7, 0.8)
    states[2] = replace(states[2], polished=True, repair=Repair(0.2, 0.0, 12.345, 0.1, 0.8))
    assert verdict(states).text == (
        "Improved NCC 0.60 → 0.80 in 1 iteration and a repair of folds, which moved 12.35 % of voxels; "
        "0.00 % of voxels folded."
    )
    assert str(state_name(states, 2)) == "repaired" and state_name(states, 1) == "1"


def test_of_several_repairs_the_last_is_told():
    states = run(0.6, 0.7, 0.8, 0.8)
    for index, changed in ((2, 12.0), (3, 3.0)):
        states[index] = replace(states[index], polished=True, repair=Repair(0.2, 0.0, changed, 0.1, 0.8))
    assert "moved 3.00 % of voxels" in verdict(states).sentence


def test_iteration_zero_is_the_affine():
    assert verdict(run(0.6, 0.7), 0).text == "Affine alignment only, no deformation: NCC 0.60."


def test_small_gain_is_still_visible():
    assert verdict(run(0.610, 0.612)).sentence.startswith("Improved NCC 0.610 → 0.612 in")


@pytest.mark.parametrize(("last", "head"), [(0.6004, "NCC stayed at 0.60 in"), (0.4, "NCC fell 0.60 → 0.40 in")])
def test_no_improvement_is_said_and_warned_of(last, head):
    judged = verdict(run(0.6, last, change=3.0))
    assert judged.sentence.startswith(head)
    assert [warning.split(".")[0] for warning in judged.warnings] == ["No improvement over the affine alignment"]


def test_what_agreed_already_need_not_improve():
    assert not verdict(run(0.97, 0.97)).warnings


def test_folding_over_the_bound():
    judged = verdict(run(0.6, 0.8, folded=1.234))
    assert judged.sentence.endswith("1.23 % of voxels folded.")
    assert judged.warnings[0].startswith("Folding: 1.23 % of voxels are folded (bound 0.5 %)")
    assert not verdict(run(0.6, 0.8, folded=MOST_PERCENT_FOLDED)).warnings


def test_a_few_folds_are_not_none():
    assert percent_text(0.0) == "0.00"
    assert percent_text(0.001) == "< 0.01"
    assert verdict(run(0.6, 0.8, folded=0.001)).sentence.endswith("; < 0.01 % of voxels folded.")


def test_little_overlap_large_displacement_and_restlessness():
    judged = verdict(run(0.6, 0.8, change=0.8), largest=31.0, coverage=0.42)
    heads = [warning.split(":")[0] for warning in judged.warnings]
    assert heads == ["Little overlap", "Large displacement", "Not converged"]
    assert "only 42 %" in judged.warnings[0]
    assert "up to 31 mm" in judged.warnings[1]
    assert judged.text.count("\n") == 3


def test_a_doubtful_alignment_is_told_with_its_remedy():
    (warning,) = verdict(run(0.1, 0.8, change=0.8), agreement=0.4, least_agreement=0.5).warnings
    assert "at least 0.500 is expected" in warning
    assert warning.startswith("Doubtful alignment") and "score 0.400" in warning and "initial transform" in warning
    assert not verdict(run(0.1, 0.8), agreement=0.85, least_agreement=0.84).warnings
    # A bias field spoils how the gray values agree, but not where they lie.
    assert not verdict(run(0.6, 0.8), agreement=0.4, least_agreement=0.5).warnings


@pytest.mark.parametrize(("stretch", "heads"), [(0.5, 1), (0.85, 0), (1.2, 0), (2.0, 1)])
def test_heads_of_very_different_sizes_are_told(stretch, heads):
    warnings = verdict(run(0.6, 0.8), stretch=stretch).warnings
    assert len(warnings) == heads and all(w.startswith("Different sizes") and f"{stretch:.2f}" in w for w in warnings)


def test_a_ct_is_told():
    (warning,) = verdict(run(0.6, 0.8), ct="head").warnings
    assert "'head' looks like a CT" in warning and "0 to 80" in warning


@pytest.mark.parametrize("changed", ["moving", "fixed"])
def test_matched_contrasts_are_told_but_are_no_warning(changed):
    judged = verdict(run(0.6, 0.8), matched=changed)
    assert f"gray values of the {changed} one were matched" in judged.sentence and not judged.warnings
    assert "contrast" not in verdict(run(0.6, 0.8)).sentence


def test_an_earlier_iteration_is_not_called_restless():
    assert not verdict(run(0.6, 0.7, 0.8, change=0.8), 1).warnings


def test_a_polish_is_not_called_restless():
    states = run(0.6, 0.7, 0.8, change=0.8)
    states[2] = replace(states[2], polished=True)
    assert not verdict(states).warnings


def test_nothing_is_restless_while_it_runs():
    assert not verdict(run(0.6, 0.8, change=3.0), running=True).warnings


def test_texts_are_translated_before_numbers_enter():
    asked = []
    verdict(run(0.6, 0.8, folded=2.0), translate=lambda text: asked.append(text) or text)
    assert "Improved NCC {before:.2f} → {after:.2f}" in asked
    assert any(text.startswith("Folding: {percent} %") for text in asked)


def test_a_mask_that_was_not_used_is_told():
    (warning,) = verdict(run(0.6, 0.8), unused_mask="lesion").warnings
    assert warning.startswith("Moving mask 'lesion' marks only a part and was not used.")
