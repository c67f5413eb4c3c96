import pytest
import torch
from test_fields import linear_field

from FiReworkRegistrationLib.engine.networks.catalog import build_network
from FiReworkRegistrationLib.engine.networks.recursive import RecursiveNetwork
from FiReworkRegistrationLib.engine.refiner import Refiner
from FiReworkRegistrationLib.engine.warping import warp

GRID = (16, 16, 20)


class Constant(torch.nn.Module):
    """A backbone that always predicts one field and remembers what it read."""

    multiple = 1

    def __init__(self, field):
        super().__init__()
        self.field = field

    def forward(self, inputs):
        self.inputs = inputs
        return self.field


@pytest.fixture
def images():
    return torch.rand(2, 1, 1, *GRID)


def translation(*voxels):
    return torch.tensor(voxels, dtype=torch.float32).view(1, 3, 1, 1, 1).expand(1, 3, *GRID)


def test_reads_fixed_and_warped_moving(images):
    backbone, field = Constant(torch.zeros(1, 3, *GRID)), torch.randn(1, 3, *GRID)
    RecursiveNetwork(backbone).refine(*images, field)
    assert torch.equal(backbone.inputs, torch.cat([images[0], warp(images[1], field)], dim=1))


def test_one_stage_from_zero_is_the_plain_network(images):
    network = build_network("vm", {"encoder": [4, 4], "decoder": [4, 4], "final": [4]})
    torch.nn.init.normal_(network.backbone.flow.weight, std=0.1)
    plain = network.backbone(torch.cat(list(images), dim=1))
    assert plain.abs().max() > 0.01
    assert torch.allclose(network.refine(*images, torch.zeros(1, 3, *GRID)), plain, atol=1e-5)


def test_translations_add(images):
    network = RecursiveNetwork(Constant(translation(0.0, -2.0, 0.5)))
    field = translation(1.0, 0.0, 1.5).contiguous()
    for expected in (translation(1.0, -2.0, 2.0), translation(1.0, -4.0, 2.5)):
        field = network.refine(*images, field)
        assert torch.allclose(field, expected, atol=1e-5)


def test_rotation_after_scaling_is_their_product(images):
    """phi_new(x) = phi(x + increment(x)) + increment(x): the increment moves the point first."""
    turn = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.98, -0.199], [0.0, 0.199, 0.98]])
    shrink = torch.diag(torch.tensor([0.8, 0.9, 0.7]))
    network = RecursiveNetwork(Constant(linear_field(turn, GRID)))
    composed = network.refine(*images, linear_field(shrink, GRID))
    # Away from where the rotation leaves the grid.
    inside = (..., slice(None), slice(4, 13), slice(0, 16))
    assert torch.allclose(composed[inside], linear_field(shrink @ turn, GRID)[inside], atol=1e-4)
    assert not torch.allclose(composed[inside], linear_field(turn @ shrink, GRID)[inside], atol=0.1)


def test_the_refiner_composes(images):
    network = build_network("vm", {"encoder": [4, 4], "decoder": [4, 4], "final": [4]})
    torch.nn.init.normal_(network.backbone.flow.weight, std=0.1)
    refiner = Refiner(network, *images)
    list(refiner.refine(3))
    field = torch.zeros(1, 3, *GRID)
    with torch.no_grad():
        for _ in range(3):
            field = network.refine(*images, field)
    assert torch.allclose(refiner.field, field, atol=1e-5)
