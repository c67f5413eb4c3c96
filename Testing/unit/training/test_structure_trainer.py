import json
from dataclasses import replace

import pytest
import torch

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.training.structure_trainer import StructureConfig, StructureTrainer
from FiReworkRegistrationLib.training.subjects import load_subjects

CONFIG = StructureConfig(
    widths=(4, 6, 8), features=6, spacing=4.0, shape=(16, 16, 16), steps=4, voxels=600, precision="fp32",
    checkpoint_every=2, evaluate_every=2,
)  # fmt: skip


@pytest.fixture
def subjects(subject_folder):
    return load_subjects(subject_folder)


def quiet(*_):
    pass


def test_a_resumed_run_equals_an_unbroken_one(tmp_path, subjects):
    whole = StructureTrainer(CONFIG, tmp_path / "whole", subjects[:2], subjects[2:], report=quiet)
    whole.run()
    StructureTrainer(CONFIG, tmp_path / "parts", subjects[:2], subjects[2:], report=quiet).run(until=2)
    resumed = StructureTrainer(CONFIG, tmp_path / "parts", subjects[:2], subjects[2:], report=quiet)
    assert resumed.step == 2
    resumed.run()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    assert (tmp_path / "whole" / "dev.csv").read_text() == (tmp_path / "parts" / "dev.csv").read_text()


def test_a_precision_that_the_machine_only_emulates_is_not_used(monkeypatch, tmp_path, subjects):
    name = "FiReworkRegistrationLib.training.structure_trainer.choose_precision"
    monkeypatch.setattr(name, lambda name, device: "fp32")
    lines = []
    StructureTrainer(replace(CONFIG, precision="bf16"), tmp_path, subjects, report=lines.append)
    assert "This CPU only emulates bf16; training in fp32." in lines


def test_labels_and_their_volumes_are_recorded(tmp_path, subjects):
    trainer = StructureTrainer(CONFIG, tmp_path, subjects, report=quiet)
    found = json.loads((tmp_path / "labels.json").read_text())
    assert found["labels"] == trainer.labels == [1, 2, 3, 4]
    assert found["volumes"][0] == pytest.approx((subjects[0].labels == 1).sum(), rel=0.2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: (s, s[:1], None), "Dev subjects among"),
        (lambda s: (s, (), []), "no labels in common"),
    ],
)
def test_what_cannot_be_trained(tmp_path, subjects, change, message):
    training, dev, labels = change(subjects)
    with pytest.raises(RegistrationError, match=message):
        StructureTrainer(CONFIG, tmp_path, training, dev, labels, report=quiet)


def test_a_subject_without_labels_is_named(tmp_path, subjects):
    subjects[1].labels = None
    with pytest.raises(RegistrationError, match="'case1' has no label map"):
        StructureTrainer(CONFIG, tmp_path, subjects, report=quiet)


def test_it_starts_from_weights_of_the_same_labels(tmp_path, subjects):
    first = StructureTrainer(CONFIG, tmp_path / "first", subjects, report=quiet)
    initial = first.network.state_dict()
    second = StructureTrainer(
        replace(CONFIG, seed=8), tmp_path / "second", subjects, initial=initial, report=quiet
    )  # fmt: skip
    assert all(torch.equal(value, initial[key]) for key, value in second.network.state_dict().items())
    with pytest.raises(RegistrationError, match="for 2 labels"):
        StructureTrainer(CONFIG, tmp_path / "third", subjects, labels=[1, 2], initial=initial, report=quiet)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"shape": (40, 50, 40)}, r"shape is \[40, 50, 40\]; every one of three axes must be a multiple of 16"),
        ({"precision": "auto"}, "precision is fp32 or bf16, got 'auto'"),
        ({"steps": "2k"}, "steps is a whole number"),
        ({"evaluate_every": 0}, "evaluate_every must be 1 or more"),
    ],
)
def test_settings_are_checked_before_any_image_is_read(setting, message):
    with pytest.raises(RegistrationError, match=message):
        StructureConfig(**setting)


def test_a_gradient_that_is_not_finite_ends_the_run(tmp_path, subjects):
    trainer = StructureTrainer(CONFIG, tmp_path, subjects[:2], report=quiet)
    with torch.no_grad():
        trainer.network.scores.bias[0] = float("nan")
    with pytest.raises(RegistrationError, match="gradient of step 1 is not finite"):
        trainer.run()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], "different whole numbers above 0"),
        ([1, 1, 2], "different whole numbers above 0"),
        ({"labels": [1, 2]}, "different whole numbers above 0"),
        ([1, "a"], "different whole numbers above 0"),
        ([1, 999], "No training subject has label 999"),
    ],
)
def test_labels_that_cannot_be_learned(tmp_path, subjects, labels, message):
    with pytest.raises(RegistrationError, match=message):
        StructureTrainer(CONFIG, tmp_path, subjects, labels=labels, report=quiet)


def test_a_run_without_a_checkpoint_begins_anew(tmp_path, subjects):
    stopped = StructureTrainer(replace(CONFIG, checkpoint_every=9), tmp_path, subjects[:2], subjects[2:], report=quiet)
    stopped.save = lambda: None
    stopped.run(until=2)
    assert stopped.log.read("dev")
    again = StructureTrainer(CONFIG, tmp_path, subjects[:2], subjects[2:], report=quiet)
    assert again.log.read("dev") == []
    again.run(seconds=0)
    assert again.step == 0
