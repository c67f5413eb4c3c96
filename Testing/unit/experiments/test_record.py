from dataclasses import replace

import pytest
import torch

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.experiments.config import read_experiment
from FiReworkRegistrationLib.experiments.record import Record, machine


def test_other_subjects_are_refused(tmp_path):
    Record(tmp_path).check_subjects("dev", ["a", "b"])
    record = Record(tmp_path)
    assert record.subjects("dev") == ["a", "b"] and record.subjects("training") is None
    record.check_subjects("dev", ["a", "b"])
    for names in (["a", "c"], ["a", "c", "d"]):
        with pytest.raises(RegistrationError, match="dev subjects are not those"):
            record.check_subjects("dev", names)


def test_dev_subjects_may_grow_and_training_subjects_may_not(tmp_path):
    record = Record(tmp_path)
    for names in (["a", "b"], ["a", "b", "c"], ["a"]):
        record.check_subjects("dev", names)
    assert Record(tmp_path).subjects("dev") == ["a", "b", "c"]
    record.check_subjects("training", ["e", "f"])
    with pytest.raises(RegistrationError, match="training subjects are not those"):
        record.check_subjects("training", ["e", "f", "g"])


def test_other_settings_are_refused_once_a_training_began(write_config, tmp_path):
    config = read_experiment(write_config())
    method = config.methods["vm"]
    changed = replace(method, training=replace(method.training, steps=9, seed=1))
    Record(tmp_path).check_method(changed)
    Record(tmp_path).note(method, "trained", "an abacus")
    Record(tmp_path).check_method(method)
    with pytest.raises(RegistrationError, match="with another seed, steps"):
        Record(tmp_path).check_method(changed)


def test_every_machine_of_a_training_is_named(write_config, tmp_path):
    config, record = read_experiment(write_config()), Record(tmp_path)
    for name, where in (("vm", "an abacus"), ("vm", "a slide rule"), ("vm", "an abacus"), ("vm-2", "an abacus")):
        record.note(config.methods[name], "trained", where)
    assert record.machines(config, ["vm-2", "vm-2"], "trained") == "an abacus"
    assert record.machines(config, ["vm", "vm-recursive"], "trained") == "an abacus and a slide rule"


def test_the_machine_says_cores_and_torch():
    words = machine(torch.device("cpu"))
    assert "1 of " in words and f"torch {torch.__version__}" in words
