import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.training import evaluation
from FiReworkRegistrationLib.training.evaluation import (
    PairFiles,
    evaluate_pair,
    pair_names,
    paired_wilcoxon,
    read_pairs,
    read_rows,
    summary,
    write_rows,
)


@pytest.fixture
def pairs_file(subject_folder, tmp_path):
    names = [("case0", "case1"), ("case1", "case2")]
    pairs = [
        {"fixed": f"{a}_t1.nii.gz", "moving": f"{b}_t1.nii.gz", "fixed_labels": f"{a}_seg.nii.gz",
         "moving_labels": f"{b}_seg.nii.gz"}
        for a, b in names
    ]  # fmt: skip
    path = subject_folder / "pairs.json"
    path.write_text(json.dumps({"labels": [1, 2, 3, 4], "pairs": pairs}))
    return path


def test_paths_are_relative_to_the_file(pairs_file, subject_folder):
    pairs, labels = read_pairs(pairs_file)
    assert labels == [1, 2, 3, 4]
    assert pairs[0].fixed == subject_folder / "case0_t1.nii.gz"
    assert pairs[1].name == "case2_t1 to case1_t1"


def test_files_can_be_named_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.csv").write_text("fixed,moving,fixed_mask\na.nii,b.nii,\n")
    pair = read_pairs("pairs.csv")[0][0].absolute()
    assert (pair.fixed, pair.moving, pair.fixed_mask) == (tmp_path / "a.nii", tmp_path / "b.nii", None)


def test_a_pair_is_judged_at_every_iteration(pairs_file, tiny_model):
    pairs, labels = read_pairs(pairs_file)
    rows = evaluate_pair(pairs[0], [0, 2], labels, model="tiny", device="cpu")
    assert [row["iteration"] for row in rows] == [0, 2]
    # Shifted by 4 and 4 mm: the affine start undoes that.
    assert rows[0]["dice"] > 0.7 and rows[0]["folded"] == 0 and rows[0]["ndv"] == 0
    assert rows[0]["assd"] < 3 and rows[0]["hd95"] < 9 and np.isnan(rows[0]["tre"])
    assert rows[1]["seconds"] > rows[0]["seconds"] > 0


def test_surfaces_are_judged_in_the_spacing_of_the_fixed_labels(pairs_file, tiny_model, tmp_path, monkeypatch):
    files = {}
    for key in ("fixed", "moving", "fixed_labels", "moving_labels"):
        image = sitk.ReadImage(str(getattr(read_pairs(pairs_file)[0][0], key)))
        image.SetSpacing((3.0, 4.0, 5.0))
        files[key] = tmp_path / f"{key}.nii.gz"
        sitk.WriteImage(image, str(files[key]))
    seen = []
    monkeypatch.setattr(evaluation, "surface_figures", lambda *given: seen.append(given[2]) or {1: (0.0, 0.0)})
    evaluate_pair(PairFiles(**files), [0], model="tiny", device="cpu", affine="none")
    np.testing.assert_allclose(seen, [(5, 4, 3)], atol=1e-4)


def test_the_time_of_an_iteration_is_that_of_all_up_to_it(pairs_file, tiny_model, monkeypatch):
    made, refine = [], evaluation.Registration.refine
    monkeypatch.setattr(evaluation.Registration, "refine", lambda self, *rest: made.append(self) or refine(self, *rest))
    files = read_pairs(pairs_file)[0][0]
    first, last = evaluate_pair(files, [0, 2], surfaces=False, model="tiny", device="cpu", affine="none")
    spent = sum(state.seconds for state in made[0].iterations[1:])
    assert last["seconds"] - first["seconds"] == pytest.approx(spent, rel=1e-6)


def test_landmarks_give_a_tre(pairs_file, tiny_model, tmp_path):
    pair = read_pairs(pairs_file)[0][0]
    # case1 is case0 moved by one voxel of 4 mm along k and back along i; files are LPS, so R turns its sign.
    fixed = np.array([[-48.0, -48.0, 48.0], [-40.0, -52.0, 40.0]])
    moving = fixed + np.array([4.0, 0.0, 4.0])
    for name, points in (("fixed", fixed), ("moving", moving)):
        np.savetxt(tmp_path / f"{name}.csv", points, delimiter=",")
    pair = replace(pair, fixed_landmarks=tmp_path / "fixed.csv", moving_landmarks=tmp_path / "moving.csv")
    row = evaluate_pair(pair, [0], surfaces=False, model="tiny", device="cpu")[0]
    assert row["tre"] < 2.5


def test_rows_survive_a_file(tmp_path):
    rows = [row(0, "Łukasz", 0.5), row(4, "Łukasz", 0.625)]
    write_rows(rows, tmp_path / "rows.csv")
    # Whatever the code page of Windows is.
    assert "Łukasz" in (tmp_path / "rows.csv").read_text(encoding="utf-8")
    back = read_rows(tmp_path / "rows.csv")
    assert [(r["pair"], r["iteration"], r["dice"]) for r in back] == [("Łukasz", 0, 0.5), ("Łukasz", 4, 0.625)]
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RegistrationError, match="no CSV of an evaluation"):
        read_rows(tmp_path / "other.csv")


def row(iteration, pair, dice):
    empty = dict.fromkeys(("assd", "hd95", "tre", "local_ncc", "folded", "ndv", "seconds"), float("nan"))
    return {"pair": pair, "iteration": iteration, "polished": 0, "dice": dice, **empty}


def test_summary_tests_pairs_against_the_start_and_a_baseline():
    rows = [row(k, str(n), 0.5 + 0.01 * k + 0.001 * n * (k + 1)) for k in (0, 2) for n in range(8)]
    worse = [row(k, str(n), 0.4 + 0.002 * n) for k in (0, 2) for n in range(8)]
    text = summary(rows, worse)
    assert "8 pairs" in text
    last = text.splitlines()[-1]
    assert "0.5305" in last and last.count("0.0078 (n=8)") == 2
    assert "too few pairs" in summary(rows[:2] + rows[8:10])


def test_a_pair_without_dice_is_not_tested():
    first, second = ({str(n): row(0, str(n), dice + 0.01 * n) for n in range(6)} for dice in (0.5, 0.6))
    first["2"]["dice"] = float("nan")
    p, count = paired_wilcoxon(first, second)
    assert count == 5 and 0 < p < 1


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"pairs": [{"fixed": "a"}]}', '[{"fixed": "a", "moving": "b", "x": "c"}]']
)
def test_bad_pairs_files(tmp_path, content):
    (tmp_path / "pairs.json").write_text(content)
    with pytest.raises(RegistrationError, match="Pairs file"):
        read_pairs(tmp_path / "pairs.json")


def test_pairs_of_equal_file_names_stay_apart(tmp_path, monkeypatch):
    pairs = [{"fixed": f"{a}/T1.nii.gz", "moving": f"{b}/T1.nii.gz"} for a, b in (("a", "b"), ("b", "a"))]
    (tmp_path / "pairs.json").write_text(json.dumps(pairs))
    names = [f"{tmp_path / b / 'T1.nii.gz'} to {tmp_path / a / 'T1.nii.gz'}" for a, b in (("a", "b"), ("b", "a"))]
    assert pair_names(read_pairs(tmp_path / "pairs.json")[0]) == names
    monkeypatch.chdir(tmp_path)
    assert pair_names(read_pairs("pairs.json")[0]) == names, "a cohort is resumed from wherever its table is named"
    (tmp_path / "pairs.json").write_text(json.dumps(pairs + pairs[:1]))
    with pytest.raises(RegistrationError, match="twice"):
        read_pairs(tmp_path / "pairs.json")


def test_what_is_judged_is_exact_where_memory_was_short(pairs_file, tiny_model, monkeypatch):
    from FiReworkRegistrationLib.engine.iteration_store import FieldStore

    files = read_pairs(pairs_file)[0][0]
    judged = lambda: evaluate_pair(files, [1, 3], surfaces=False, model="tiny", device="cpu")  # noqa: E731
    rows = judged()
    kept = FieldStore.__init__
    monkeypatch.setattr(FieldStore, "__init__", lambda self, *_, **__: kept(self, 1))
    for before, after in zip(rows, judged(), strict=True):
        assert (after["dice"], after["ndv"]) == pytest.approx((before["dice"], before["ndv"]), abs=1e-6)


def test_an_initial_transform_is_used(pairs_file, tiny_model, tmp_path):
    pair = read_pairs(pairs_file)[0][0]
    without = evaluate_pair(pair, [0], model="tiny", device="cpu", affine="none")[0]["dice"]
    sitk.WriteTransform(sitk.TranslationTransform(3, (-4.0, 0.0, 4.0)), str(tmp_path / "start.tfm"))
    moved = replace(pair, initial_transform=tmp_path / "start.tfm")
    assert evaluate_pair(moved, [0], model="tiny", device="cpu", affine="none")[0]["dice"] > without + 0.05


def test_what_cannot_be_judged_is_said_before_the_registration(pairs_file, subject_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "Registration", lambda *_, **__: pytest.fail("registered first"))
    pair = read_pairs(pairs_file)[0][0]
    other = sitk.ReadImage(str(pair.moving_labels)) + 100
    sitk.WriteImage(other, str(tmp_path / "other.nii.gz"))
    with pytest.raises(RegistrationError, match="no label in common"):
        evaluate_pair(replace(pair, moving_labels=tmp_path / "other.nii.gz"), [0])
    for name, lines in (("f.csv", "1,2,3\n4,5,6\n"), ("m.csv", "1,2,3\n")):
        (tmp_path / name).write_text(lines)
    marked = replace(pair, fixed_landmarks=tmp_path / "f.csv", moving_landmarks=tmp_path / "m.csv")
    with pytest.raises(RegistrationError, match="2 fixed and 1 moving"):
        evaluate_pair(marked, [0])


def test_a_baseline_of_the_same_rows_differs_nowhere(tmp_path):
    """A file keeps six digits: rounding alone must not look like a difference."""
    generator = np.random.default_rng(0)
    rows = [row(k, str(n), generator.uniform(0.4, 0.7)) for k in (0, 2) for n in range(8)]
    write_rows(rows, tmp_path / "before.csv")
    assert summary(rows, read_rows(tmp_path / "before.csv")).splitlines()[-1].endswith("1 (n=8)")


def test_labels_to_judge_by_are_numbers_above_0(tmp_path):
    (tmp_path / "pairs.json").write_text('{"labels": [0, 4], "pairs": [{"fixed": "a.nii", "moving": "b.nii"}]}')
    with pytest.raises(RegistrationError, match=r"whole numbers above 0, got \[0, 4\]"):
        read_pairs(tmp_path / "pairs.json")


def test_a_polish_is_no_iteration():
    """It is marked, and not tested against the network's iteration of the same number."""
    rows = [row(k, f"pair{n}", 0.5 + 0.01 * (n + k)) for n in range(6) for k in (0, 1, 2)]
    polished = [entry | {"polished": int(entry["iteration"] == 2)} for entry in rows]
    lines = summary(polished, rows).splitlines()
    assert lines[-1].startswith(" 2p ") and lines[-1].endswith("not judged")
    assert "not judged" in summary([entry for entry in rows if entry["iteration"]])


def test_only_pairs_that_share_their_names_are_called_by_paths(tmp_path):
    pairs = [PairFiles(tmp_path / folder / "a.nii", tmp_path / folder / "b.nii") for folder in ("x", "y")]
    other = PairFiles(tmp_path / "c.nii", tmp_path / "d.nii")
    names = pair_names([other, *pairs])
    assert names[0] == "d to c" and names[1] == f"{pairs[0].moving} to {pairs[0].fixed}"


def test_pairs_are_checked_before_the_first_is_registered(tmp_path):
    file = tmp_path / "a.nii"
    file.touch()
    PairFiles(file, file).check()
    with pytest.raises(RegistrationError, match=r"Pair 'a to a': moving_mask .*none.nii' does not exist"):
        PairFiles(file, file, moving_mask=tmp_path / "none.nii").check()
    with pytest.raises(RegistrationError, match="'a to a' has fixed_labels only"):
        PairFiles(file, file, fixed_labels=file).check()
