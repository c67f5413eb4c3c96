"""A cohort on Dask workers; without Dask against a stand-in that runs every task at once."""

import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from FiReworkRegistrationLib import cli
from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.shell.cohort_dask import register_on_dask


class Future:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def result(self):
        if self.arguments[1] == "lost":
            raise RuntimeError("KilledWorker")
        return self.function(*self.arguments)


@pytest.fixture
def stand_in(monkeypatch):
    """The part of ``distributed`` that is used; its ``asked`` is what clusters and clients were made with."""
    asked = []

    class Client(nullcontext):
        def __init__(self, where):
            super().__init__(self)
            if where == "tcp://nobody:1":
                raise OSError("timed out")
            asked.append(where)

        def submit(self, function, *arguments, pure):
            assert not pure
            return Future(function, *arguments)

        def cancel(self, futures):
            asked.append(len(futures))

    module = SimpleNamespace(
        Client=Client, as_completed=lambda futures: reversed(list(futures)),
        LocalCluster=lambda n_workers, **settings: nullcontext(f"{n_workers} workers"),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "distributed", module)
    # What Dask finds that the process may use.
    monkeypatch.setitem(sys.modules, "dask.system", SimpleNamespace(CPU_COUNT=5))
    return asked


def register(files, folder):
    if files == "b":
        raise RegistrationError("Fixed volume 'b' is empty; choose another one.")
    (folder / "figures.json").write_text("{}")


def test_pairs_come_back_in_their_order_and_failures_stop_nothing(stand_in, tmp_path):
    names, lines = ["a", "b", "lost", "c"], []
    rows = register_on_dask("abxc", names, tmp_path, register, "local:3", lines.append)
    assert [(row["pair"], row["state"]) for row in rows] == [
        ("a", "done"), ("b", "failed"), ("lost", "failed"), ("c", "done")
    ]  # fmt: skip
    assert rows[2]["message"] == "its worker failed (KilledWorker)"
    assert stand_in == ["3 workers", 4] and lines[0] == "1 of 4: c done"
    again = register_on_dask("abxc", names, tmp_path, register, "tcp://here:8786", lines.append)
    assert [row["state"] for row in again] == ["done before", "failed", "failed", "done before"]


def test_what_is_no_cluster_is_said(stand_in, tmp_path, monkeypatch):
    for where in ("tcp://nobody:1", "local:many"):
        with pytest.raises(RegistrationError, match=r"--dask is the address of a scheduler.*got '"):
            register_on_dask("a", "a", tmp_path, register, where)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RegistrationError, match=r"pip install .*\[dask\].*or use --shard"):
        register_on_dask("a", "a", tmp_path, register, "local")


def _command(subject_folder, tmp_path, where):
    fixed, moving = (subject_folder / f"case{n}_t1.nii.gz" for n in (0, 1))
    table = tmp_path / "pairs.csv"
    table.write_text(f"fixed,moving\n{fixed},{moving}\n{fixed},{tmp_path / 'none.nii.gz'}\n{moving},{fixed}\n")
    command = ["cohort", "--pairs", str(table), "--output", str(tmp_path / "out"), "--preset", "plain"]
    return [*command, "--iterations", "1", "--device", "cpu", "--model", "tiny", "--dask", where]


def test_the_command_takes_a_shard_too(stand_in, subject_folder, tiny_model, tmp_path, capsys):
    assert cli.main([*_command(subject_folder, tmp_path, "local:2"), "--shard", "1/2"]) == 0
    assert "2 done, 0 done before, 0 failed" in capsys.readouterr().out
    # Those of a cohort without Dask.
    folders = {file.parent.name for file in (tmp_path / "out").glob("*/transform.h5")}
    assert folders == {"case0_t1_to_case1_t1", "case1_t1_to_case0_t1"}


def test_real_workers(subject_folder, tiny_model, tmp_path, capsys, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed: pip install '.[dask]' to run cohorts on it")
    # The workers are processes of their own, which find the package and the model as this one does.
    monkeypatch.setenv("PYTHONPATH", next(path for path in sys.path if path.endswith("FiReworkRegistration")))
    command = _command(subject_folder, tmp_path, "local:2")
    assert cli.main(command) == 1
    assert "2 done, 0 done before, 1 failed" in capsys.readouterr().out
    assert len(list((tmp_path / "out").glob("*/transform.h5"))) == 2
    assert cli.main(command) == 1
    assert "0 done, 2 done before, 1 failed" in capsys.readouterr().out
