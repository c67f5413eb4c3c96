import json
from pathlib import Path

import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.experiments.config import check_equal_budgets, read_experiment

SHIPPED = sorted((Path(__file__).resolve().parents[2] / "experiments").glob("*.json"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_experiments_compare_equal_budgets(path):
    config = read_experiment(path)
    check_equal_budgets(list(config.methods.values()))
    assert config.name == path.stem and config.methods[config.reference].weights == config.reference


def test_there_is_a_shipped_experiment():
    assert "cpu-2mm" in [path.stem for path in SHIPPED]


def test_methods_share_what_is_shared(write_config):
    methods = read_experiment(write_config()).methods
    assert list(methods) == ["vm", "vm-recursive", "vm-2", "firework-vm"]
    assert methods["vm-recursive"].weights == "vm" and methods["vm-recursive"].training is methods["vm"].training
    assert [methods[name].training.stages for name in ("vm", "vm-2")] == [1, 2]
    assert {method.training.steps for method in methods.values()} == {4}


def test_table1_shows_all_methods_or_those_that_are_named(write_config):
    assert read_experiment(write_config()).shown["table1"] == ["vm", "vm-recursive", "vm-2", "firework-vm"]
    named = read_experiment(write_config(lambda content: content.update(table1=["vm", "firework-vm"])))
    assert named.shown["table1"] == ["vm", "firework-vm"] and "vm-2" in named.methods


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("reference"), "cannot be used"),
        (lambda c: c.update(colour="red"), "cannot be used"),
        (lambda c: c.update(reference="tm"), "names the method 'tm'"),
        (lambda c: c.update(table1=["vm"], reference="firework-vm"), "not in its table1"),
        (lambda c: c.update(fig5=["vm-3"]), "names the method 'vm-3'"),
        (lambda c: c.update(pairs=0), "must be 1 or more"),
        (lambda c: c["training"].update(lamda=1), "Unknown training setting lamda"),
        (lambda c: c["methods"]["vm"].update(iterations=9), "choose 1 to 3"),
        (lambda c: c["methods"]["vm-recursive"].update(weights="vm-2"), "cannot be used"),
    ],
)
def test_bad_experiments(write_config, change, message):
    with pytest.raises(RegistrationError, match=message):
        read_experiment(write_config(change))


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "list.json").write_text(json.dumps([1]))
    for name in ("list.json", "none.json"):
        with pytest.raises(RegistrationError, match=f"{name}' cannot be used"):
            read_experiment(tmp_path / name)


def test_only_the_method_may_differ(write_config):
    config = read_experiment(write_config(lambda c: c["methods"]["vm-2"]["training"].update(seed=5)))
    check_equal_budgets([config.methods[name] for name in ("vm", "firework-vm")])
    with pytest.raises(RegistrationError, match=r"'vm' and 'vm-2' are trained with different seed \(24 and 5\)"):
        check_equal_budgets(list(config.methods.values()))
