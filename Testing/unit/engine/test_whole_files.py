import pytest

from FiReworkRegistrationLib.engine.whole_files import in_one_move


def test_a_file_is_replaced_when_the_new_one_is_whole(tmp_path):
    path = tmp_path / "run.csv"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), in_one_move(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    with in_one_move(path) as part:
        part.write_text("after")
        assert path.read_text() == "before"
    with in_one_move(path) as part, in_one_move(path) as other:
        # Two processes at one moment.
        part.write_text("one")
        other.write_text("after")
        part.unlink()
        part.write_text("after")
    assert path.read_text() == "after" and [file.name for file in tmp_path.iterdir()] == ["run.csv"]
