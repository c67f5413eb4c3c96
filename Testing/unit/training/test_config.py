import json

import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.training.config import CONFIGS, PAPER, TrainingConfig, read_config


def test_default_is_the_recipe_of_the_paper():
    assert read_config("paper") == PAPER == TrainingConfig()
    assert (PAPER.stages, PAPER.ncc_window, PAPER.label_weight, PAPER.spacing) == (2, 9, 0.0, 1.0)
    assert not (PAPER.pose_jitter or PAPER.affine_jitter or PAPER.flip or PAPER.gamma or PAPER.bias)


def test_every_named_configuration_survives_json():
    for config in CONFIGS.values():
        assert TrainingConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_settings_can_be_changed_by_words():
    config = read_config("paper-2mm", ["steps=10", "precision=bf16", "crop=[48,64,48]"])
    assert (config.steps, config.precision, config.crop) == (10, "bf16", (48, 64, 48))


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["lambda=1"], "Unknown training setting lambda"),
        (["steps"], "no NAME=VALUE"),
        (["stages=3"], "multiple of grad_stages"),
        (["precision=int8"], "precision is"),
        (["steps=2k"], "steps is a whole number, got '2k'"),
        (["learning_rate=fast"], "learning_rate is a number, got 'fast'"),
        (["shape=80"], "shape is a list of whole numbers, got 80"),
        (["random_stages=1"], "random_stages is true or false, got 1"),
        (["seed=-1"], "seed must be 0 or more"),
        (["evaluate_every=0"], "evaluate_every must be 1 or more"),
        (["evaluate_iterations=[]"], "evaluate_iterations must be 1 or more, got nothing"),
        (["ncc_window=8"], "odd number of voxels, got 8"),
        (["crop=[50,64,48]"], "crop is .*multiple of 16 for network 'firework-vm'"),
        (["crop=[48,64,64]", "network=tm-tiny"], "crop is .*multiple of 32 for network 'tm-tiny'"),
        (["network=tm-mini"], "Unknown network 'tm-mini'"),
    ],
)
def test_bad_settings(assignments, message):
    with pytest.raises(RegistrationError, match=message):
        read_config("paper", assignments)


def test_bad_files(tmp_path):
    with pytest.raises(RegistrationError, match="named are paper"):
        read_config("papre")
    with pytest.raises(RegistrationError, match="cannot be read"):
        read_config(str(tmp_path / "none.json"))
