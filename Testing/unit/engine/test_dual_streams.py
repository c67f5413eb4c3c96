"""What every dual-stream backbone must do, PR++, DMR and XMorpher."""

import pytest
import torch

from FiReworkRegistrationLib.engine.networks.catalog import build_network
from FiReworkRegistrationLib.engine.networks.deformer import DeformerRegistration
from FiReworkRegistrationLib.engine.networks.prnet import PyramidNetwork
from FiReworkRegistrationLib.engine.networks.streams import Stems
from FiReworkRegistrationLib.engine.networks.xmorpher import XMorpher
from FiReworkRegistrationLib.engine.similarity import local_ncc
from FiReworkRegistrationLib.engine.warping import warp

SMALL = {
    PyramidNetwork: {"encoder": (4, 8, 8), "decoder": (8, 8, 4)},
    DeformerRegistration: {"encoder": (8, 8, 16), "heads": 2, "bases": 8, "refining": (8, 8, 16)},
    XMorpher: {"embed": 12, "depths": (1, 1), "heads": (3, 3)},
}


@pytest.fixture(params=SMALL, ids=lambda network: network.__name__)
def make(request):
    torch.manual_seed(0)
    return lambda **settings: request.param(**{**SMALL[request.param], **settings})


def blobs(shape, seed):
    image = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(seed))
    for _ in range(3):
        image = torch.nn.functional.avg_pool3d(image, 5, 1, 2, count_include_pad=False)
    return (image - image.min()) / (image.max() - image.min())


@pytest.mark.parametrize(
    ("name", "two", "six"),
    [("prnet++", 1_228_325, 1_229_413), ("dmr", 7_976_611, 7_981_779), ("xmorpher", 14_795_715, 14_811_123)],
)
def test_parameters_at_the_published_settings(name, two, six):
    count = lambda network: sum(parameter.numel() for parameter in network.parameters())  # noqa: E731
    assert (count(build_network(name)), count(build_network(f"firework-{name}"))) == (two, six)


@pytest.mark.parametrize("channels", [2, 6])
def test_a_field_as_large_as_the_images_and_a_gradient_for_every_weight(make, channels):
    network = make(in_channels=channels)
    shape = [network.multiple, 2 * network.multiple, 3 * network.multiple]
    with torch.autocast("cpu", torch.bfloat16):
        field = network(torch.rand(2, channels, *shape))
    assert field.shape == (2, 3, *shape) and field.dtype == torch.float32
    # A start far from no displacement would fold before it learns.
    assert field.abs().max() < 0.1
    field.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_it_learns_a_pair(make):
    network = make()
    shape = [max(16, network.multiple)] * 3
    moving = blobs(shape, 3)
    fixed = moving.roll(1, dims=3)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for _ in range(25):
        loss = -local_ncc(fixed, warp(moving, network(torch.cat([fixed, moving], dim=1))), 5)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.02


def test_two_channels_share_everything_six_have_stems_of_their_own():
    layer = lambda channels: torch.nn.Conv3d(channels, 4, 1)  # noqa: E731
    shared, apart = Stems(2, layer), Stems(6, layer)
    assert shared.fixed is shared.moving and apart.fixed is not apart.moving
    image = torch.rand(1, 1, 4, 4, 4)
    first, second = shared(torch.cat([image, image], dim=1))
    assert torch.equal(first, second)
    with pytest.raises(ValueError, match="2 channels or more, got 1"):
        Stems(1, layer)
