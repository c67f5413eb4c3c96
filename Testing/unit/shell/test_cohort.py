"""The cohort command: a folder a pair, resumable, one failure does not stop the rest."""

import json

import pytest

from FiReworkRegistrationLib import cli
from FiReworkRegistrationLib.engine.errors import Cancelled, RegistrationError
from FiReworkRegistrationLib.shell.cohort import folder_names, keep_settings, read_shard, register_cohort


def test_failures_are_kept_and_done_pairs_skipped(tmp_path):
    calls, broken = [], {"b"}

    def register(files, folder):
        calls.append(files)
        if files in broken:
            raise RegistrationError("Fixed volume 'b' is empty; choose another one.")
        (folder / "figures.json").write_text("{}")

    run = lambda: [row["state"] for row in register_cohort("abc", "abc", tmp_path, register, report=lambda _: None)]  # noqa: E731
    assert run() == ["done", "failed", "done"]
    assert (tmp_path / "b" / "error.txt").read_text() == "Fixed volume 'b' is empty; choose another one."
    broken.clear()
    assert run() == ["done before", "done", "done before"]
    assert calls == list("abcb") and not (tmp_path / "b" / "error.txt").exists()


def test_what_nobody_foresaw_leaves_its_trace_and_a_cancel_ends_it(tmp_path):
    def fail(files, folder):
        raise ValueError("a bug")

    assert register_cohort("a", "a", tmp_path, fail, report=lambda _: None)[0]["message"] == "a bug"
    assert "Traceback" in (tmp_path / "a" / "error.txt").read_text()

    def cancel(files, folder):
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        register_cohort("a", "a", tmp_path, cancel, report=lambda _: None)


def test_shards_share_the_pairs(tmp_path):
    seen = []
    for shard in ((1, 3), (2, 3), (3, 3)):
        register_cohort("abcde", "abcde", tmp_path, lambda files, _: seen.append(files), shard, lambda _: None)
    assert seen == list("adbec")
    assert read_shard("2/3") == (2, 3)
    for text in ("0/3", "4/3", "2", "a/b"):
        with pytest.raises(RegistrationError, match="such as 2/8"):
            read_shard(text)


def test_a_name_is_one_folder():
    assert folder_names(["data/a b.nii to c"]) == ["data_a_b.nii_to_c"]


def test_every_pair_has_a_folder_of_its_own_and_of_a_length_that_file_systems_take():
    names = ["a_b/c to x", "a/b_c to x", "A/B_C to x", f"{'ä' * 200} to x", "d to x"]
    folders = folder_names(names)
    assert len({folder.lower() for folder in folders}) == 5 and folders[4] == "d_to_x"
    assert all(folder.startswith(("a_b_c_to_x-", "A_B_C_to_x-")) for folder in folders[:3])
    assert all(len(folder.encode()) < 210 for folder in folders)
    assert folder_names(names[::-1]) == folders[::-1]
    small, capital = folder_names(["a to x", "A to x"])
    assert small.lower() != capital.lower(), "one folder on macOS and Windows"


def test_the_command(subject_folder, tiny_model, tmp_path, capsys):
    fixed, moving = (subject_folder / f"case{n}_t1.nii.gz" for n in (0, 1))
    table = tmp_path / "pairs.csv"
    table.write_text(f"fixed,moving\n{fixed},{moving}\n{fixed},{tmp_path / 'none.nii.gz'}\n")
    command = ["cohort", "--pairs", str(table), "--output", str(tmp_path / "out"), "--preset", "plain", "--jacobian"]
    command += ["--iterations", "1", "--device", "cpu", "--model", "tiny"]
    assert cli.main(command) == 1
    assert "1 done, 0 done before, 1 failed" in capsys.readouterr().out
    done = next((tmp_path / "out").glob("*/figures.json"))
    figures = json.loads(done.read_text())
    assert [state["K"] for state in figures["iterations"]] == [0, 1] and figures["verdict"]
    assert {"transform.h5", "warped.nii.gz", "jacobian.nii.gz"} <= {file.name for file in done.parent.iterdir()}
    assert cli.main(command) == 1
    assert "0 done, 1 done before, 1 failed" in capsys.readouterr().out


def test_other_settings_are_not_mixed_into_a_cohort(tmp_path):
    keep_settings(tmp_path / "out", {"preset": "fast", "spacing": None})
    keep_settings(tmp_path / "out", {"preset": "fast", "spacing": None})
    with pytest.raises(RegistrationError, match="preset was fast, is best"):
        keep_settings(tmp_path / "out", {"preset": "best", "spacing": None})


@pytest.mark.parametrize("other", ["--contrast different", "--affine none", "--normalization full-range"])
def test_the_command_keeps_to_its_settings(subject_folder, tiny_model, tmp_path, capsys, other):
    (tmp_path / "pairs.csv").write_text(f"fixed,moving\n{subject_folder / 'case0_t1.nii.gz'},none.nii.gz\n")
    command = ["cohort", "--pairs", str(tmp_path / "pairs.csv"), "--output", str(tmp_path / "out"), "--model", "tiny"]
    assert cli.main([*command, "--device", "cpu"]) == 1
    assert cli.main([*command, "--device", "cpu", *other.split()]) == 2
    assert "was begun with other settings" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_one_error(subject_folder, tmp_path, capsys):
    fixed, moving = (subject_folder / f"case{n}_t1.nii.gz" for n in (0, 1))
    (tmp_path / "pairs.csv").write_text(f"fixed,moving\n{fixed},{moving}\n")
    command = ["cohort", "--pairs", str(tmp_path / "pairs.csv"), "--output", str(tmp_path / "out"), "--model", "nope"]
    assert cli.main(command) == 2
    assert "Unknown model 'nope'" in capsys.readouterr().err and not (tmp_path / "out").exists()
