"""The measurement of accuracy finds its pairs, and runs."""

import importlib.util
import json
from argparse import Namespace
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "accuracy.py"


@pytest.fixture
def accuracy():
    spec = importlib.util.spec_from_file_location("accuracy", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_ordered_pairs_with_labels_and_masks(accuracy, subject_folder, tmp_path):
    content = accuracy.pairs_of(subject_folder, Namespace(subjects=3, brain_masks=True), tmp_path)
    assert len(content["pairs"]) == 6 and content["labels"] is None
    for pair in content["pairs"]:
        assert all(Path(path).exists() for path in pair.values()) and len(pair) == 6
    json.dumps(content)


def test_prints_a_table(accuracy, subject_folder, tiny_model, tmp_path, capsys):
    options = ["--subjects", "2", "--csv-folder", str(tmp_path / "rows")]
    rest = ["--", "--model", "tiny", "--device", "cpu", "--iterations", "0,1"]
    assert accuracy.main([str(subject_folder), *options, *rest]) == 0
    assert "2 pairs" in capsys.readouterr().out
    assert len(list((tmp_path / "rows").iterdir())) == 1


def test_missing_data_is_said(accuracy, tmp_path, capsys):
    assert accuracy.main([str(tmp_path / "none")]) == 0
    assert "nothing measured" in capsys.readouterr().out
