import importlib.util
from pathlib import Path

import numpy as np
import pytest

from FiReworkRegistrationLib.training.subjects import Subject

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "contrasts.py"


@pytest.fixture(scope="module")
def contrasts():
    spec = importlib.util.spec_from_file_location("contrasts", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def subject_of_shells():
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, 24),) * 3, indexing="ij")
    radius = np.sqrt(k**2 + j**2 + i**2)
    image = np.select([radius < 0.4, radius < 0.7, radius < 0.9], [200, 100, 150], 0).astype(np.float32)
    return Subject("subject", image, (radius < 0.7).astype(np.int16), radius < 0.7, np.eye(4))


@pytest.mark.parametrize("kind", ["brain", "head"])
def test_what_is_bright_in_t1_is_dark_in_t2(contrasts, kind):
    subject = subject_of_shells()
    image = contrasts.with_contrast(subject, "T2", kind, 1).array
    assert image[12, 12, 12] < image[12, 12, 6], "white matter, then gray matter"
    outside = image[12, 12, 2]
    assert outside > 0 if kind == "head" else outside == 0


def test_the_table_has_a_line_for_each_combination(contrasts):
    rows = [
        {**dict.fromkeys(contrasts.COLUMNS, ""), "fixed": pair, "fixed_contrast": "T1", "moving_contrast": "T2",
         "kind": "brain", "setting": setting, "state": state, "dice": dice, "folded": 0.0, "local_ncc": 0.5}
        for setting in ("auto", "same") for pair in ("a", "b") for state, dice in (("affine", 0.4), ("balanced", 0.7))
    ]  # fmt: skip
    text = contrasts.table(rows)
    assert "| T1, T2, brain | auto | 2 | 0.4000 | 0.7000 | 0.0000 | 0.50 to 0.50 |" in text
    assert "| T1, T2, brain | same | 2 |" in text


def test_rows_are_read_as_they_were_written(contrasts, tmp_path):
    rows = [dict.fromkeys(contrasts.COLUMNS, "x")]
    contrasts.write_rows(rows, tmp_path / "new" / "rows.csv")
    assert contrasts.read_rows(tmp_path / "new" / "rows.csv") == rows and contrasts.read_rows(tmp_path / "none") == []
