"""The whole command on synthetic volumes on a grid of 32^3."""

import csv

import pytest

from FiReworkRegistrationLib.cli import main
from FiReworkRegistrationLib.training.trainer import Trainer


@pytest.fixture
def trainings(monkeypatch):
    """Steps that were trained, in the order of the trainings."""
    trained, run = [], Trainer.run

    def counted(self, *arguments):
        before = self.step
        run(self, *arguments)
        trained.append((self.folder.name, self.step - before))

    monkeypatch.setattr(Trainer, "run", counted)
    return trained


def test_everything_is_made_once(write_config, data, tmp_path, trainings, capsys):
    config = write_config()
    assert main(["experiments", "all", "--config", str(config), *data]) == 0
    assert trainings == [("vm", 4), ("vm-2", 4), ("firework-vm", 4)]
    folder = tmp_path / "tiny"
    names = {path.name for path in folder.iterdir()}
    for name in ("table1", "fig5", "fig7"):
        assert {f"{name}.csv", f"{name}.png"} <= names
    assert {"fig6.csv", "fig6-firework-vm.png", "rows.csv", "record.json"} <= names
    rows = list(csv.DictReader((folder / "rows.csv").open()))
    assert list(rows[0]) == ["method", "pair", "K", "dice", "folded", "seconds"]
    assert len(rows) == 3 * 2 * 4 and {row["method"] for row in rows} == {"vm", "vm-2", "firework-vm"}
    assert {row["pair"] for row in rows} == {"case3 to case2", "case2 to case3"}
    results = (tmp_path / "RESULTS.md").read_text()
    assert [line for line in results.splitlines() if line.startswith("## ")] == [
        "## Table 1, Tiny", "## Fig. 5, Dice gain of every stage, Tiny",
        "## Fig. 6, refinement of case3 to case2, Tiny", "## Fig. 7, Dice against K, Tiny",
    ]  # fmt: skip
    assert "n = 2 dev pairs" in results and "4 steps of one pair (16x16x16 voxels" in results
    assert "2 pairs, too few for a test" in results and "tiny/table1.png" in results

    # Again, without the data and the weights: the rows are enough for a table.
    before = (folder / "table1.csv").read_text()
    assert main(["experiments", "table1", "--config", str(config)]) == 0
    assert len(trainings) == 3 and (folder / "table1.csv").read_text() == before
    assert (tmp_path / "RESULTS.md").read_text() == results


def test_a_stopped_training_goes_on_and_judged_pairs_stay(write_config, data, tmp_path, trainings, monkeypatch):
    config = write_config()
    command = ["experiments", "fig5", "--config", str(config), *data]
    run = Trainer.run
    monkeypatch.setattr(Trainer, "run", lambda self: (run(self, 3), 1 / 0))
    with pytest.raises(ZeroDivisionError):
        main(command)
    monkeypatch.setattr(Trainer, "run", run)
    assert main(command) == 0
    assert trainings == [("firework-vm", 3), ("firework-vm", 1)]
    path = tmp_path / "tiny" / "rows.csv"
    lines = path.read_text().splitlines()
    # The second pair is half judged: its rows are made again, those of the first stay.
    path.write_text("\n".join(lines[:-1]) + "\n")
    assert main(command) == 0
    again = path.read_text().splitlines()
    assert again[:5] == lines[:5] and len(again) == len(lines)
    assert len(trainings) == 2


def test_what_does_not_fit_together_is_refused(write_config, data, tmp_path, capsys):
    config = write_config()
    command = ["experiments", "fig5", "--config", str(config)]
    assert main(command) == 2
    assert "give their folder as --dev" in capsys.readouterr().err
    assert main([*command, *data]) == 0
    write_config(lambda content: content["training"].update(steps=5))
    assert main([*command, *data]) == 2
    assert "'firework-vm' was trained in" in (error := capsys.readouterr().err) and "another steps" in error
    write_config(lambda content: content["training"].update(learning_rate=1e-4))
    for _ in range(2):
        assert main([*command, "--output", str(tmp_path / "new"), *data[:2], "--dev", data[1]]) == 2
    assert "Dev subjects among the training subjects: case0" in capsys.readouterr().err


def test_different_budgets_are_refused_before_anything_is_trained(write_config, data, tmp_path, capsys, trainings):
    config = write_config(lambda content: content["methods"]["vm-2"]["training"].update(steps=8))
    assert main(["experiments", "table1", "--config", str(config), *data]) == 2
    assert "different steps (4 and 8); methods of different budgets" in capsys.readouterr().err
    assert not trainings
