import json

import pytest
import torch

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.models import load_network, read_card
from FiReworkRegistrationLib.training.export import check_words, export_run
from FiReworkRegistrationLib.training.subjects import load_subjects
from FiReworkRegistrationLib.training.trainer import Trainer


def test_a_run_becomes_a_model_that_loads(tmp_path, subject_folder, tiny_config):
    subjects = load_subjects(subject_folder)
    Trainer(tiny_config, tmp_path / "run", subjects[:2], subjects[2:], report=lambda line: None).run()
    path = export_run(tmp_path / "run", tmp_path / "models", "mine", {"license": "CC0", "note": "a test"})
    card = read_card(path)
    assert (card.name, card.license, card.spacing, card.iterations) == ("mine", "CC0", 4.0, 2)
    assert sum(p.numel() for p in load_network(card).parameters()) == card.parameters
    assert set(card.dev["dice"]) == {"K=0", "K=1", "K=2"} and card.training["step"] in (3, 6)
    assert json.loads(path.read_text())["training"]["config"]["steps"] == 6

    small = read_card(export_run(tmp_path / "run", tmp_path / "models", "small", {}, half=True))
    assert small.parameters == card.parameters
    assert small.weights_path.stat().st_size < 0.75 * card.weights_path.stat().st_size
    for exact, rounded in zip(load_network(card).parameters(), load_network(small).parameters(), strict=True):
        assert rounded.dtype == torch.float32 and torch.allclose(exact, rounded, atol=1e-3)


def test_what_cannot_be_exported(tmp_path):
    with pytest.raises(RegistrationError, match=r"no best\.safetensors"):
        export_run(tmp_path, tmp_path, "mine", {})
    with pytest.raises(RegistrationError, match="has no 'author'"):
        export_run(tmp_path, tmp_path, "mine", {"author": "me"})


def test_words_are_an_object():
    with pytest.raises(RegistrationError, match="an object with title"):
        check_words(["title"])
