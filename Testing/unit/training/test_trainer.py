import csv
from dataclasses import replace

import pytest
import torch

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.weights import read_weights
from FiReworkRegistrationLib.training import trainer as module
from FiReworkRegistrationLib.training.subjects import load_subjects
from FiReworkRegistrationLib.training.trainer import Trainer, learning_rate


@pytest.fixture
def subjects(subject_folder):
    subjects = load_subjects(subject_folder)
    return subjects[:2], subjects[2:]


def quiet(*_):
    pass


def test_a_resumed_run_equals_an_unbroken_one(tmp_path, subjects, tiny_config):
    whole = Trainer(tiny_config, tmp_path / "whole", *subjects, report=quiet)
    whole.run()
    Trainer(tiny_config, tmp_path / "parts", *subjects, report=quiet).run(until=4)
    resumed = Trainer(tiny_config, tmp_path / "parts", *subjects, report=quiet)
    assert resumed.step == 4
    resumed.run()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    rows = [list(csv.DictReader((tmp_path / run / "log.csv").open())) for run in ("whole", "parts")]
    assert [(r["step"], r["loss"]) for r in rows[0]] == [(r["step"], r["loss"]) for r in rows[1]]
    dev = [(tmp_path / run / "dev.csv").read_text() for run in ("whole", "parts")]
    assert dev[0] == dev[1] and len(dev[0].splitlines()) == 3


def test_a_resumed_run_drops_the_same_paths(tmp_path, subjects, tiny_config):
    settings = {"embed": 4, "heads": (2, 2, 2, 2), "window": (1, 1, 1), "final": 4, "drop_path": 0.9}
    config = replace(
        tiny_config, network="tm-tiny", network_settings=settings, shape=(32, 32, 32), whole_head_shape=(32, 32, 32),
        stages=1, grad_stages=1, random_stages=False, steps=3,
    )  # fmt: skip
    whole = Trainer(config, tmp_path / "whole", subjects[0], report=quiet)
    whole.run()
    Trainer(config, tmp_path / "parts", subjects[0], report=quiet).run(until=1)
    resumed = Trainer(config, tmp_path / "parts", subjects[0], report=quiet)
    resumed.run()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


def test_a_resumed_run_keeps_better_weights_and_forgets_lost_steps(tmp_path, subjects, tiny_config):
    killed = Trainer(tiny_config, tmp_path, *subjects, report=quiet)
    killed.run(until=4)
    killed.log.add(5, seconds=1.0, rate=0.1, loss=9.0, ncc=0.1, smoothness=0.1, overlap=0.1)
    killed.log.flush()
    resumed = Trainer(tiny_config, tmp_path, *subjects, report=quiet)
    assert resumed.best == killed.best > 0
    assert [row["step"] for row in resumed.log.rows["log"]] == [1, 2, 3, 4]


def test_a_run_leaves_its_records(tmp_path, subjects, tiny_config):
    Trainer(tiny_config, tmp_path, *subjects, report=quiet).run()
    names = {path.name for path in tmp_path.iterdir()}
    assert {"config.json", "log.csv", "dev.csv", "checkpoint.pt", "best.safetensors", "curve.png"} <= names
    assert "backbone.flow.weight" in read_weights(tmp_path / "best.safetensors")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"random_stages": False},
        {"label_weight": 0.0},
        {"precision": "bf16"},
        {"gradient_clip": 1.0},
        {"folding": 5.0},
        {"crop": (16, 16, 16)},
        {"network": "firework-vm-diff", "folding": 5.0},
    ],
)
def test_every_kind_of_step_moves_the_weights(tmp_path, subjects, tiny_config, changes):
    config = replace(tiny_config, steps=2, **changes)
    trainer = Trainer(config, tmp_path, subjects[0], report=quiet)
    before = trainer.network.backbone.flow.weight.clone()
    trainer.run()
    assert not torch.equal(before, trainer.network.backbone.flow.weight)
    assert torch.isfinite(trainer.network.backbone.flow.weight).all()


def test_a_precision_that_the_machine_only_emulates_is_not_used(monkeypatch, tmp_path, subjects, tiny_config):
    monkeypatch.setattr("FiReworkRegistrationLib.training.trainer.choose_precision", lambda name, device: "fp32")
    lines, config = [], replace(tiny_config, steps=1, precision="bf16")
    emulated = Trainer(config, tmp_path / "bf16", subjects[0], report=lines.append)
    assert lines == ["This CPU only emulates bf16; training in fp32."]
    plain = Trainer(replace(config, precision="fp32"), tmp_path / "fp32", subjects[0], report=lines.append)
    for trainer in (emulated, plain):
        trainer.run()
    assert len(lines) == 1
    assert torch.equal(emulated.network.backbone.flow.weight, plain.network.backbone.flow.weight)


def test_training_lowers_the_loss(tmp_path, subjects, tiny_config):
    config = replace(
        tiny_config, steps=25, learning_rate=4e-3, stages=2, random_stages=False, whole_head=0.0,
        pose_jitter=0.0, affine_jitter=0.0, flip=0.0, gamma=0.0, bias=0.0, label_weight=0.0, smoothness=0.1,
    )  # fmt: skip
    trainer = Trainer(config, tmp_path, subjects[0], report=quiet)
    trainer.run()
    losses = [row["loss"] for row in trainer.log.rows["log"]]
    assert sum(losses[-6:]) / 6 < sum(losses[:6]) / 6


def test_training_goes_on_after_an_evaluation(tmp_path, subjects, tiny_config):
    trainer = Trainer(tiny_config, tmp_path, *subjects, report=quiet)
    trainer._evaluate()
    assert trainer.network.training


def test_the_network_sees_the_augmented_image_warped_too(tmp_path, subjects, tiny_config):
    trainer = Trainer(replace(tiny_config, gamma=0.5, bias=0.5), tmp_path, subjects[0], report=quiet)
    seen = []
    trainer.network.register_forward_pre_hook(lambda module, given: seen.append(given))
    trainer._train_step()
    _fixed, moving, _field, warped = next(given for given in seen if not given[2].any())
    assert torch.allclose(warped, moving, atol=1e-6)


def test_the_loss_is_the_sum_over_the_stages(tmp_path, subjects, tiny_config, monkeypatch):
    monkeypatch.setattr(module, "local_ncc", lambda *images: torch.tensor(0.25))
    monkeypatch.setattr(module, "gradient_penalty", lambda field: 0 * field.sum())
    config = replace(tiny_config, stages=3, grad_stages=3, random_stages=False, folding=0.0, label_weight=0.0)
    assert Trainer(config, tmp_path, subjects[0], report=quiet)._train_step()["loss"] == pytest.approx(-0.75)


def test_learning_rate_falls_as_in_the_paper(tiny_config):
    config = replace(tiny_config, steps=100, learning_rate=1.0)
    assert learning_rate(config, 0) == 1.0
    assert learning_rate(config, 50) == pytest.approx(0.5**0.9)


def test_dev_subjects_are_never_trained_on(tmp_path, subjects, tiny_config):
    with pytest.raises(RegistrationError, match="Dev subjects among the training subjects: case1"):
        Trainer(tiny_config, tmp_path, subjects[0], subjects[0][1:], report=quiet)
    with pytest.raises(RegistrationError, match="at least two subjects"):
        Trainer(tiny_config, tmp_path, subjects[0][:1], report=quiet)


@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_a_gradient_that_is_not_finite_ends_the_run_and_spares_the_checkpoint(tmp_path, subjects, tiny_config, clip):
    trainer = Trainer(replace(tiny_config, checkpoint_every=1, gradient_clip=clip), tmp_path, subjects[0], report=quiet)
    trainer.run(1)
    trainer.network.backbone.flow.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(RegistrationError, match="gradient of step 2 is not finite"):
        trainer.run()
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 1 and all(value.isfinite().all() for value in state["network"].values())


def test_a_run_does_not_go_on_with_another_network(tmp_path, subjects, tiny_config):
    Trainer(tiny_config, tmp_path, subjects[0], report=quiet).run(until=1)
    with pytest.raises(RegistrationError, match="field_scale was"):
        Trainer(replace(tiny_config, field_scale=0.7), tmp_path, subjects[0], report=quiet)
    with pytest.raises(RegistrationError, match="not of this network"):
        Trainer(tiny_config, tmp_path / "new", subjects[0], initial={"a": torch.zeros(1)}, report=quiet)


def test_a_run_without_a_checkpoint_begins_anew(tmp_path, subjects, tiny_config):
    """What is known of the run that was stopped there is not its own."""
    stopped = Trainer(replace(tiny_config, evaluate_every=1, checkpoint_every=100), tmp_path, *subjects, report=quiet)
    stopped.save = lambda: None
    stopped.run(until=2)
    assert len(stopped.log.read("dev")) == 2 and (tmp_path / "best.safetensors").exists()
    again = Trainer(replace(tiny_config, evaluate_every=3), tmp_path, *subjects, report=quiet)
    assert not (tmp_path / "best.safetensors").exists()
    again.run(until=3)
    assert [row["step"] for row in again.log.read("dev")] == [3]


def test_no_time_is_no_step(tmp_path, subjects, tiny_config):
    trainer = Trainer(tiny_config, tmp_path, *subjects, report=quiet)
    trainer.run(seconds=0)
    assert trainer.step == 0
