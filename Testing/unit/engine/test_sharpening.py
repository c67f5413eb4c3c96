import pytest
import torch

from FiReworkRegistrationLib.engine.networks.structures import StructureNetwork
from FiReworkRegistrationLib.engine.sharpening import halved, sharpened_codes
from FiReworkRegistrationLib.engine.structures import StructureReader, structure_codes

COARSE, FINE = (9, 8, 10), (17, 15, 19)


def logits(shares):
    """Features that :func:`torch.nn.Identity` as scores turns into these shares, (classes, D, H, W)."""
    return shares.clamp(min=1e-6).log()[None]


def slab_scene(boundary: float):
    """Two structures whose boundary lies at ``boundary`` on the fine grid; the network knows it to 2 coarse voxels."""
    at = torch.arange(FINE[0]).view(-1, 1, 1).expand(FINE).float()
    image = (torch.where(at < boundary, 0.3, 0.8) + 0.01 * torch.randn(FINE, generator=seeded()))[None, None]
    coarse = torch.arange(COARSE[0]).view(-1, 1, 1).expand(COARSE).float()
    second = torch.sigmoid((coarse - 4.0) / 1.5)
    return image, logits(torch.stack([torch.zeros(COARSE), 1 - second, second]))


def seeded():
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("boundary", [6.5, 8.5, 10.5])
def test_gray_values_place_the_boundary(boundary):
    image, features = slab_scene(boundary)
    found = sharpened_codes(features, torch.nn.Identity(), torch.eye(3), image)
    assert found.shape == (1, 3, *COARSE)
    truth = halved((torch.arange(FINE[0]).view(1, 1, -1, 1, 1).expand(1, 1, *FINE) > boundary).float())
    assert (found[0, 2] - truth[0, 0]).abs().max() < 0.1
    unsharpened = features.softmax(dim=1)[0, 2]
    assert (unsharpened - truth[0, 0]).abs().max() > 0.3


def test_where_gray_values_say_nothing_the_network_decides():
    _image, features = slab_scene(8.5)
    found = sharpened_codes(features, torch.nn.Identity(), torch.eye(3), torch.full((1, 1, *FINE), 0.5))
    inner = (found - features.softmax(dim=1)).abs()[0, :, 1:-1]
    assert inner.max() < 0.02


def test_elsewhere_is_the_code_of_no_structure():
    image, features = slab_scene(8.5)
    nothing = torch.zeros(1, 3, *COARSE)
    nothing[:, 0] = 20.0
    codes = structure_codes(torch.tensor([100.0, 300.0]))
    found = sharpened_codes(nothing, torch.nn.Identity(), codes, image)
    assert torch.allclose(found, codes[0].view(1, -1, 1, 1, 1).expand_as(found))
    features[..., :3] = nothing[..., :3]
    found = sharpened_codes(features, torch.nn.Identity(), codes, image)
    assert torch.allclose(found[..., 0], codes[0].view(1, -1, 1, 1).expand_as(found[..., 0]), atol=1e-3)


def test_halving_keeps_what_is_even_and_where_it_is():
    ramp = torch.arange(17.0).view(1, 1, -1, 1, 1).expand(1, 2, 17, 15, 19)
    assert torch.allclose(halved(ramp)[0, 0, 1:-1, 0, 0], torch.arange(2.0, 16.0, 2))
    assert torch.allclose(halved(torch.full((1, 2, *FINE), 0.7)), torch.full((1, 2, *COARSE), 0.7))


def test_a_reader_sharpens_by_a_finer_image():
    torch.manual_seed(0)
    network = StructureNetwork(3, widths=(4, 6, 8), features=7).eval()
    reader = StructureReader(network, structure_codes(torch.tensor([100.0, 200.0, 300.0])), 2.0)
    image, finer = torch.rand(1, 1, *COARSE), torch.rand(1, 1, *FINE)
    sharpened = reader(image, finer=finer)
    assert sharpened.shape == reader(image).shape and sharpened.isfinite().all()
    assert not torch.allclose(sharpened, reader(image), atol=1e-3)
