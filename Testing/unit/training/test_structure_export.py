import json

import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.geometry import Volume
from FiReworkRegistrationLib.engine.models import find_model, load_structures, read_card
from FiReworkRegistrationLib.engine.presets import PolishLevel
from FiReworkRegistrationLib.engine.registration import Registration
from FiReworkRegistrationLib.training.structure_export import export_structures
from FiReworkRegistrationLib.training.structure_trainer import StructureConfig, StructureTrainer
from FiReworkRegistrationLib.training.subjects import load_subjects


@pytest.fixture
def subjects(subject_folder):
    return load_subjects(subject_folder)


@pytest.fixture
def run(tmp_path, subjects):
    config = StructureConfig(
        widths=(4, 6, 8), features=6, spacing=4.0, shape=(16, 16, 16), steps=2, voxels=600, precision="fp32"
    )
    StructureTrainer(config, tmp_path / "run", subjects[:2], subjects[2:], report=lambda line: None).run()
    return tmp_path / "run"


@pytest.fixture
def labelled(run, tiny_model):
    return export_structures(run, find_model("tiny"), tiny_model, "tiny-labels", {"title": "Tiny with labels"})


def test_a_run_and_a_model_become_a_label_assisted_model(labelled, tiny_model):
    card = read_card(labelled)
    assert (card.name, card.title, card.weights, card.default) == (
        "tiny-labels",
        "Tiny with labels",
        "tiny.safetensors",
        False,
    )
    reader = load_structures(card)
    assert reader.spacing == 4.0
    assert card.structures["labels"] == [1, 2, 3, 4] and card.structures["training"]["step"] == 2
    assert "dice_brain" in card.structures["dev"]
    assert load_structures(find_model("tiny")) is None


def test_its_polish_differs_and_cancels(labelled, subjects):
    volumes = [Volume(subject.image, subject.affine, subject.name) for subject in subjects[:2]]
    fields = []
    for model in ("tiny", "tiny-labels"):
        registration = Registration(*volumes, model=model, device="cpu", affine="none")
        fields.append(registration.polish([PolishLevel(1, 3)]).field)
    assert fields[0].shape == fields[1].shape and not fields[0].equal(fields[1])


@pytest.mark.parametrize("spacing", [3.0, 8.0])
def test_it_works_on_grids_it_was_not_trained_on(labelled, subjects, spacing):
    volumes = [Volume(subject.image, subject.affine, subject.name) for subject in subjects[:2]]
    registration = Registration(*volumes, model="tiny-labels", device="cpu", affine="none", spacing=spacing)
    assert registration.polish([PolishLevel(1, 2)]).field.isfinite().all()


def test_what_is_missing_is_named(labelled, run, tmp_path, tiny_model):
    card = json.loads(labelled.read_text())
    del card["structures"]["volumes"]
    labelled.write_text(json.dumps(card))
    with pytest.raises(RegistrationError, match="too little of its structures"):
        load_structures(find_model("tiny-labels"))
    (run / "last.safetensors").unlink()
    with pytest.raises(RegistrationError, match="run train-structures first"):
        export_structures(run, find_model("tiny"), tmp_path, "x", {})


def test_the_weights_of_the_model_it_stands_on_stay(run, tiny_model, tmp_path):
    base = find_model("tiny")
    before = base.weights_path.read_bytes()
    with pytest.raises(RegistrationError, match="choose another"):
        export_structures(run, base, tiny_model, "tiny", {})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / base.weights).write_bytes(b"of somebody else")
    with pytest.raises(RegistrationError, match="other weights"):
        export_structures(run, base, tmp_path / "other", "new", {})
    assert base.weights_path.read_bytes() == before and not list((tmp_path / "other").glob("new*"))
