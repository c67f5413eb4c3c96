import pytest
import torch

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.networks.catalog import BACKBONES, build_network, network_multiple
from FiReworkRegistrationLib.engine.networks.transmorph import TransMorph

SMALL = {"embed": 4, "heads": [2, 2, 2, 2], "window": [2, 2, 2], "final": 4}


def count(name, **settings):
    # On the meta device only the shapes are made, not 47 million random numbers.
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in BACKBONES[name](**settings).parameters())


def test_parameter_counts_of_the_paper():
    assert count("tm", in_channels=6) == 46_777_395
    assert count("tm", in_channels=2) == 46_745_907
    assert count("tm", in_channels=2, window=(5, 6, 7)) == 46_771_251


@pytest.mark.parametrize("name, grown", [("tm", 31_488), ("tm-small", 16_608), ("tm-tiny", 3_588)])
def test_four_more_channels_grow_embedding_and_convolution_skips(name, grown):
    assert count(name, in_channels=6) - count(name, in_channels=2) == grown


def test_fresh_network_leaves_the_field_almost_alone_on_any_grid():
    network = build_network("firework-tm-tiny", {"window": [1, 2, 1]}).eval()
    assert network.multiple == 32
    for grid in [(32, 32, 32), (32, 64, 32)]:
        images = torch.rand(2, 1, 1, *grid)
        with torch.no_grad():
            error = network(*images, torch.zeros(1, 3, *grid))
        assert error.shape == (1, 3, *grid) and error.dtype == torch.float32 and error.abs().max() < 1e-2


def test_every_parameter_is_trained():
    network = TransMorph(**SMALL, drop_path=0.0)
    torch.nn.init.normal_(network.flow.weight, std=0.05)
    network(torch.rand(1, 6, 32, 64, 32)).square().mean().backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not still


def test_bf16_stays_near_fp32():
    network = TransMorph(**SMALL).eval()
    torch.nn.init.normal_(network.flow.weight, std=0.05)
    inputs = torch.rand(1, 6, 64, 32, 64)
    with torch.no_grad():
        exact = network(inputs)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(inputs)
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().max() < 0.1 * exact.abs().max()


def test_norm_over_the_content_has_the_same_weights_and_ignores_background():
    torch.manual_seed(0)
    network = TransMorph(**SMALL, norm="content").eval()
    torch.nn.init.normal_(network.flow.weight, std=0.05)
    over_the_grid = TransMorph(**SMALL).eval()
    over_the_grid.load_state_dict(network.state_dict())
    piece = torch.rand(1, 6, 32, 32, 32) + 0.1
    inside = (..., slice(8, 24), slice(8, 24), slice(8, 24))

    def change(network):
        """By so much background that it is most of the grid."""
        padded = torch.nn.functional.pad(piece, (0, 0, 0, 0, 32, 32))
        with torch.no_grad():
            near, far = network(piece), network(padded)[:, :, 32:64]
        return (near - far)[inside].abs().mean()

    assert change(network) < 0.5 * change(over_the_grid)


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="4 depths"):
        TransMorph(depths=(2, 2))
    with pytest.raises(ValueError, match="'grid' or 'content'"):
        TransMorph(**SMALL, norm="batch")
    with pytest.raises(RegistrationError, match=r"'tm-tiny' does not take these settings: .*4 depths"):
        build_network("tm-tiny", {"depths": [2, 2]})


def test_the_multiple_is_known_without_making_weights():
    assert network_multiple("firework-tm") == 32
