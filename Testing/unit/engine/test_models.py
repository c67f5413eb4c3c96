import json

import pytest
import torch

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.models import find_model, list_models, load_network, load_structures


def test_models_are_listed_and_loaded(tiny_model):
    assert "tiny" in [card.name for card in list_models()]
    network = load_network(find_model("tiny"))
    assert not network.training and not any(p.requires_grad for p in network.parameters())


def test_random_numbers_of_others_do_not_depend_on_a_model(tiny_model):
    before = torch.get_rng_state()
    load_network(find_model("tiny"))
    load_structures(find_model("FiRework-VM-Labels"))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_card_may_be_given_by_its_path(tiny_model):
    assert find_model(str(tiny_model / "tiny.json")).weights_path == tiny_model / "tiny.safetensors"


def test_unknown_model_names_the_installed_ones(tiny_model):
    with pytest.raises(RegistrationError, match=r"installed are.*tiny"):
        find_model("nothing")


def test_truncated_weights(tiny_model):
    path = tiny_model / "tiny.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RegistrationError, match="damaged"):
        load_network(find_model("tiny"))


def test_weights_of_another_network(tiny_model):
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(3)}, tiny_model / "tiny.safetensors")
    with pytest.raises(RegistrationError, match="belongs to another network"):
        load_network(find_model("tiny"))


def test_missing_weights_and_broken_card(tiny_model):
    (tiny_model / "tiny.safetensors").unlink()
    with pytest.raises(RegistrationError, match="missing; reinstall"):
        load_network(find_model("tiny"))
    (tiny_model / "tiny.json").write_text("{")
    with pytest.raises(RegistrationError, match="cannot be read"):
        list_models()


def test_pickled_weights_are_never_opened(tiny_model):
    torch.save({"weight": torch.zeros(3)}, tiny_model / "tiny.safetensors")
    with pytest.raises(RegistrationError, match="damaged"):
        load_network(find_model("tiny"))


def test_shipped_models_load_and_their_cards_are_complete():
    assert find_model().default
    for card in list_models():
        network = load_network(card)
        assert sum(p.numel() for p in network.parameters()) == card.parameters
        assert card.weights_path.stat().st_size < 20e6
        assert card.license and card.data and card.training and card.dev
        json.dumps(card.training)
        if card.structures:
            assert load_structures(card).spacing == card.spacing
            assert (card.path.parent / card.structures["weights"]).stat().st_size < 20e6
            assert len(card.structures["labels"]) == len(card.structures["volumes"])


def test_the_default_model_is_unsupervised_and_another_is_label_assisted():
    cards = list_models()
    assert not cards[0].structures
    assert any(card.structures for card in cards)


def test_the_shipped_transmorph_takes_any_grid_of_its_multiple():
    card = next(card for card in list_models() if card.network.startswith("firework-tm"))
    assert not card.default and card.network_settings["norm"] == "content"
    network = load_network(card)
    assert network.multiple == 32
    for grid in [(32, 32, 32), (32, 64, 96)]:
        fixed, moving = torch.rand(2, 1, 1, *grid)
        # Mostly background, as of a brain on a grid of whole windows.
        fixed[:, :, : grid[0] // 2] = 0
        error = network(fixed, moving, torch.zeros(1, 3, *grid))
        assert error.shape == (1, 3, *grid) and error.isfinite().all()


def test_other_json_files_beside_cards_are_passed_over(tiny_model):
    (tiny_model / "words.json").write_text('{"title": "Mine"}')
    assert "tiny" in [card.name for card in list_models()]
