"""The comparison with peers, without any of them installed."""

import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def compare(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.syspath_prepend(str(FOLDER / "peers"))
    import compare

    return compare


@pytest.fixture
def report(compare):
    import peer_report

    return peer_report


def row(method, pair, dice, cpu=10.0, error=""):
    figures = {"dice": dice, "folded": 0.01, "ndv": 0.02, "wall": cpu / 2, "cpu": cpu}
    return {"pair": pair, "method": method, **{k: "" if error else str(v) for k, v in figures.items()}, "error": error}


def test_a_field_file_of_another_program_is_turned_to_ras(compare, tmp_path):
    from FiReworkRegistrationLib.engine.geometry import Grid

    grid = Grid((4, 5, 6), np.diag([2.0, 2.0, 2.0, 1.0]))
    image = sitk.GetImageFromArray(np.tile(np.float32([1, 2, 3]), (4, 5, 6, 1)), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "field.nii.gz"))
    field = compare.read_field(tmp_path / "field.nii.gz", grid)
    assert np.array_equal(field[0, 0, 0], (-1, -2, 3))
    with pytest.raises(ValueError, match="not that of the fixed grid"):
        compare.read_field(tmp_path / "field.nii.gz", Grid((4, 5, 7), grid.affine))


def test_the_affine_comes_after_the_displacement(compare):
    from FiReworkRegistrationLib.engine.geometry import Grid

    grid = Grid((5, 6, 7), np.diag([2.0, 3.0, 1.5, 1.0]))
    affine = np.diag([2.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (5, 6, 7)
    displacement = np.tile(np.float32([1, 0, -1]), (5, 6, 7, 1))
    point = np.array([[2.0, 3.0, 3.0]])
    expected = affine[:3, :3] @ (point[0] + (1, 0, -1)) + affine[:3, 3]
    assert np.allclose(compare.through_affine(displacement, grid, affine).at(point), expected, atol=1e-5)


def test_rows_are_read_back_for_a_resumed_call(compare, tmp_path):
    assert compare.read_rows(tmp_path / "rows.csv") == []
    rows = [row("best", "a", 0.6), row("greedy", "a", 0.5, error="no wheel")]
    compare.write_rows(rows, tmp_path / "rows.csv")
    assert compare.read_rows(tmp_path / "rows.csv") == rows


def test_a_process_that_fails_is_told_and_one_that_works_is_timed(compare):
    wall, cpu = compare.run_timed([sys.executable, "-c", "sum(range(100000))"], 1)
    assert wall > 0 and cpu > 0
    with pytest.raises(compare.subprocess.CalledProcessError) as error:
        compare.run_timed([sys.executable, "-c", "raise SystemExit('no such peer')"], 1)
    assert "no such peer" in error.value.stderr


def test_table_and_plot(report, tmp_path):
    rows = [row("affine", p, 0.4) for p in "abcdef"]
    rows += [row("greedy", p, 0.6 + 0.001 * i, 100) for i, p in enumerate("abcdef")]
    rows += [row("best", p, 0.63 + 0.002 * i) for i, p in enumerate("abcdef")]
    rows.append(row("ants_syn", "a", 0, error="out of memory"))
    for entry in rows:
        if entry["method"] == "affine":
            entry["wall"] = entry["cpu"] = ""
    text = report.write_report(rows, tmp_path)
    lines = text.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:5]] == ["affine", "greedy", "best"]
    assert "| 0.031 |" in lines[3] and "| 100 | 50 |" in lines[3]
    assert "failed: ants_syn, a: out of memory" in text
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_without_best_balanced_is_the_reference(report):
    rows = [row(method, p, dice + 0.001 * i) for method, dice in (("balanced", 0.6), ("greedy", 0.5))
            for i, p in enumerate("abcdef")]  # fmt: skip
    lines = report.table(rows).splitlines()
    assert "p against balanced" in lines[0] and "0.031" in lines[2] and lines[3].endswith("|  |")


def test_curve_against_k(report, tmp_path):
    rows = [{"pair": "b.nii.gz to a.nii.gz", "method": "greedy", "dice": "0.6", "folded": "0.01", "error": ""}]
    states = [{"pair": "b to a", "iteration": k, "dice": 0.4 + 0.05 * k, "folded": 0.01 * k} for k in range(4)]
    report.write_curve(rows, states, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1000
