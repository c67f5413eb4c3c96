import pytest
import torch

from FiReworkRegistrationLib.engine.networks.deformer import (
    DeformerLayer,
    DeformerRegistration,
    RefiningNetwork,
    sinusoids,
)


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


def test_finer_levels_look_as_far_as_coarse_ones():
    network = RefiningNetwork((8, 8, 16, 16), (4, 4, 8))
    kernels = [[layer.kernel_size[0] for layer in level[::3]] for level in network.squeeze]
    assert kernels == [[5, 5, 5], [5, 5, 3], [5, 3, 3], [3, 3, 3]]


def test_more_levels_than_the_refining_network_has_kernels_are_refused():
    with pytest.raises(ValueError, match="four levels at most"):
        DeformerRegistration(encoder=(4,) * 5)
