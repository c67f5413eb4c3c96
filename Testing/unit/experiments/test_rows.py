import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.experiments.rows import Rows


def row(method, pair, index, dice):
    return {"method": method, "pair": pair, "K": index, "dice": dice, "folded": 0.0, "seconds": 1.5}


def test_rows_survive_a_file_and_replace_their_like(tmp_path):
    rows = Rows(tmp_path / "rows.csv")
    rows.add([row("vm", "a", 0, 0.5), row("vm", "a", 1, 0.6)])
    rows.add([row("vm", "b", 0, 0.25)])
    rows.add([row("vm", "a", 0, 0.75)])
    back = Rows(tmp_path / "rows.csv")
    assert {pair: found["dice"] for pair, found in back.at("vm", 0).items()} == {"a": 0.75, "b": 0.25}
    assert back.at("vm", 1) == {} and back.at("vm-2", 0) == {}
    assert back.has("vm", "a", 0) and not back.has("vm", "a", 1) and not back.has("vm-2", "a", 0)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RegistrationError, match="holds no rows"):
        Rows(tmp_path / "rows.csv")
