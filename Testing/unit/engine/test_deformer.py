import torch

from FiReworkRegistrationLib.engine.networks.deformer import DeformerLayer, sinusoids


def test_sinusoids_tell_every_place_apart():
    places = sinusoids((3, 4, 5), 8, "cpu")
    assert places.shape == (60, 8) and places.abs().max() <= 1
    assert torch.cdist(places, places).fill_diagonal_(1).min() > 1e-3


def test_the_mean_over_heads_of_weighted_bases():
    torch.manual_seed(0)
    layer = DeformerLayer(4, heads=2, bases=3)
    torch.nn.init.zeros_(layer.weight.weight)
    torch.nn.init.ones_(layer.weight.bias)
    torch.nn.init.zeros_(layer.basis.weight)
    with torch.no_grad():
        layer.basis.bias.copy_(torch.tensor([1.0, 2.0, 4.0]).repeat(6))
    moved = layer(torch.rand(2, 4, 3, 2, 2), torch.rand(2, 4, 3, 2, 2))
    # Three bases a head, all weights 1.
    assert moved.shape == (2, 3, 3, 2, 2)
    assert torch.allclose(moved[0, :, 1, 0, 1], torch.tensor([3.0, 6.0, 12.0]))
