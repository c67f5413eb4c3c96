import pytest
import torch

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.networks.catalog import build_network
from FiReworkRegistrationLib.engine.networks.voxelmorph import VoxelMorphUNet


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameter_counts_of_voxelmorph_and_firework():
    assert count(VoxelMorphUNet(in_channels=2)) == 327_331
    assert count(VoxelMorphUNet(in_channels=6)) == 329_059
    assert count(build_network("firework-vm")) == 329_059
    assert count(build_network("vm")) == 327_331


def test_fresh_network_leaves_the_field_almost_alone():
    network = build_network("firework-vm")
    images = torch.rand(2, 1, 1, 16, 16, 32)
    error = network(*images, torch.zeros(1, 3, 16, 16, 32))
    assert error.shape == (1, 3, 16, 16, 32) and error.abs().max() < 1e-3


def test_input_is_fixed_moving_warped_and_scaled_field():
    from FiReworkRegistrationLib.engine.networks.firework import FireworkNetwork
    from FiReworkRegistrationLib.engine.warping import warp

    class Recorder(torch.nn.Module):
        multiple = 1

        def forward(self, inputs):
            self.inputs = inputs
            return inputs[:, 3:]

    recorder = Recorder()
    network = FireworkNetwork(recorder, field_scale=0.25)
    fixed, moving = torch.rand(2, 1, 1, 6, 6, 6)
    field = torch.randn(1, 3, 6, 6, 6)
    refined = network.refine(fixed, moving, field)
    assert torch.equal(recorder.inputs[:, :1], fixed)
    assert torch.equal(recorder.inputs[:, 1:2], moving)
    assert torch.equal(recorder.inputs[:, 2:3], warp(moving, field))
    assert torch.allclose(recorder.inputs[:, 3:], 0.25 * field)
    assert torch.allclose(refined, field - 0.25 * field)


def test_bf16_convolutions_stay_near_fp32():
    network = build_network("firework-vm")
    torch.nn.init.normal_(network.backbone.flow.weight, std=0.05)
    images, field = torch.rand(2, 1, 1, 16, 16, 16), torch.randn(1, 3, 16, 16, 16)
    with torch.no_grad():
        exact = network(*images, field)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(*images, field)
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().max() < 0.05 * exact.abs().max()


def test_unknown_names_and_settings_are_refused():
    with pytest.raises(RegistrationError, match=r"known are dmr, firework-dmr, .*firework-vm"):
        build_network("voxelmorf")
    with pytest.raises(RegistrationError, match="does not take"):
        build_network("firework-vm", {"depth": 3})
    with pytest.raises(RegistrationError, match="does not take"):
        build_network("vm", {"in_channels": 6})
