import pytest
import torch

from FiReworkRegistrationLib.engine.networks.structures import StructureNetwork


@pytest.fixture
def network():
    torch.manual_seed(0)
    return StructureNetwork(5, widths=(4, 6, 8), features=7)


def test_every_voxel_gets_features_that_make_the_scores(network):
    features = network(torch.rand(1, 1, 16, 20, 24))
    assert features.shape == (1, 7, 16, 20, 24) and network.multiple == 4
    assert network.scores(features.flatten(2)[0].T).shape == (16 * 20 * 24, 6)


def test_training_and_use_normalize_alike(network):
    image = torch.rand(1, 1, 8, 8, 8)
    assert torch.equal(network.train()(image), network.eval()(image))
    assert not any("running" in name for name in network.state_dict())


def test_brightness_and_contrast_of_the_whole_image_do_not_matter(network):
    image = torch.rand(1, 1, 8, 8, 8)
    # The first convolution has no bias, so a factor is normalized away.
    assert torch.allclose(network(image), network(3 * image), atol=1e-2)


def test_a_batch_is_refused(network):
    with pytest.raises(ValueError, match="One image at a time"):
        network(torch.rand(2, 1, 8, 8, 8))
