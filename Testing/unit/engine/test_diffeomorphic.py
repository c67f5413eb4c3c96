import pytest
import torch

from FiReworkRegistrationLib.engine.fields import exponential, percent_folded
from FiReworkRegistrationLib.engine.networks.catalog import build_network
from FiReworkRegistrationLib.engine.refiner import Refiner
from FiReworkRegistrationLib.engine.warping import warp

SETTINGS = {"encoder": [4, 4], "decoder": [4, 4], "final": [4]}


@pytest.fixture
def network():
    torch.manual_seed(5)
    network = build_network("firework-vm-diff", SETTINGS)
    torch.nn.init.normal_(network.backbone.flow.weight, std=0.1)
    return network


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(1)
    return tuple(
        torch.nn.functional.interpolate(
            torch.rand(1, 1, 5, 5, 5, generator=generator), (16, 16, 20), mode="trilinear", align_corners=True
        )
        for _ in range(2)
    )


def test_it_takes_the_weights_of_the_plain_scheme(network):
    plain = build_network("firework-vm", SETTINGS)
    network.load_state_dict(plain.state_dict())


def test_the_velocity_is_refined_and_its_exponential_kept(network, pair):
    refiner = Refiner(network, *pair)
    list(refiner.refine(3))
    velocity = torch.zeros(1, 3, 16, 16, 20)
    with torch.no_grad():
        for iteration in refiner.iterations[1:]:
            velocity = velocity - network(*pair, velocity, warp(pair[1], exponential(velocity)))
            assert torch.allclose(iteration.field, exponential(velocity), atol=1e-5)
            assert torch.equal(network.refine(*pair, velocity), velocity - network(*pair, velocity))


def test_a_polished_field_is_kept_and_gone_on_from(network, pair):
    refiner = Refiner(network, *pair)
    list(refiner.refine(2))
    # What no stationary velocity makes.
    polished = refiner.last.field + 0.3 * torch.randn(1, 3, 16, 16, 20)
    refiner.accept(polished, 1.0)
    assert torch.equal(refiner.last.field, polished)
    with torch.no_grad():
        network.backbone.flow.weight.zero_()
    list(refiner.refine(4))
    assert torch.allclose(refiner.last.field, polished, atol=1e-5)


def test_what_was_stored_coarsely_is_computed_again(network, pair):
    size = 16 * 16 * 20 * 3 * 4
    whole, tight = Refiner(network, *pair), Refiner(network, *pair, budget=2 * size)
    for refiner in (whole, tight):
        list(refiner.refine(3))
        refiner.accept(refiner.last.field + 0.1, 1.0)
        list(refiner.refine(8))
    for index in (2, 6):
        assert tight.fields.error(index) > 0
        tight.restore(index)
        assert torch.allclose(tight.fields[index], whole.fields[index], atol=1e-5)


def test_what_was_computed_again_does_not_lead_to_the_next(network, pair):
    """A velocity is known of the start and of what was polished only."""
    with torch.no_grad():
        network.backbone.flow.weight.mul_(4)
    whole, tight = Refiner(network, *pair), Refiner(network, *pair, budget=1)
    for refiner in (whole, tight):
        list(refiner.refine(5))
    for index in (2, 3):
        tight.restore(index)
    assert torch.allclose(tight.fields[3], whole.fields[3], atol=1e-5)


def test_it_folds_less_than_the_plain_scheme_with_the_same_weights(network, pair):
    plain = build_network("firework-vm", SETTINGS)
    plain.load_state_dict(network.state_dict())
    with torch.no_grad():
        for one in (network, plain):
            one.backbone.flow.weight.mul_(12)
    folded = []
    for one in (network, plain):
        refiner = Refiner(one, *pair)
        list(refiner.refine(4))
        folded.append(percent_folded(refiner.last.field))
    assert folded[0] < 0.2 * folded[1], folded
