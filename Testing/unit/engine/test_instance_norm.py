import torch
from torch.nn import functional as F

from FiReworkRegistrationLib.engine.networks.instance_norm import instance_norm


def plain(features, weight):
    """The same by autograd, in the plain layout."""
    total = weight.sum(dim=(2, 3, 4), keepdim=True)
    centered = features - (features * weight).sum(dim=(2, 3, 4), keepdim=True) / total
    variance = (centered.square() * weight).sum(dim=(2, 3, 4), keepdim=True) / total
    return centered * (variance + 1e-5).rsqrt()


def gradients(function, features, incoming):
    features = features.clone(memory_format=torch.preserve_format).requires_grad_()
    function(features).backward(incoming)
    return features.grad


def test_the_gradient_is_right_in_every_layout():
    torch.manual_seed(0)
    features, incoming = 3 * torch.randn(2, 2, 4, 5, 6, 7) + 1
    ones = torch.ones(2, 1, 5, 6, 7)
    exact = gradients(lambda x: plain(x, ones), features[:, :3], incoming[:, :3])
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        for incoming_layout in (torch.contiguous_format, torch.channels_last_3d):
            ours = gradients(
                instance_norm,
                features[:, :3].contiguous(memory_format=layout),
                incoming[:, :3].contiguous(memory_format=incoming_layout),
            )
            assert torch.allclose(ours, exact, atol=1e-5)


def test_without_content_it_is_instance_norm():
    features = torch.rand(2, 3, 4, 5, 6)
    assert torch.allclose(instance_norm(features), F.instance_norm(features), atol=1e-5)
    half = instance_norm(features.bfloat16())
    assert half.dtype == torch.bfloat16
    assert torch.allclose(half.float(), F.instance_norm(features), atol=0.05)


def test_background_around_the_content_changes_nothing():
    torch.manual_seed(0)
    piece, content = torch.rand(1, 3, 4, 4, 4), (torch.rand(1, 1, 4, 4, 4) > 0.3).float()
    around = (1, 2, 3, 0, 2, 2)
    whole = instance_norm(F.pad(piece, around, value=7.0), F.pad(content, around))
    assert torch.allclose(whole[:, :, 2:6, 3:7, 1:5], instance_norm(piece, content), atol=1e-5)
    incoming = torch.rand_like(piece)
    exact = gradients(lambda x: plain(x, content), piece, incoming)
    assert torch.allclose(gradients(lambda x: instance_norm(x, content), piece, incoming), exact, atol=1e-5)


def test_nothing_but_background_gives_finite_values():
    features = torch.rand(1, 2, 4, 4, 4).requires_grad_()
    normalized = instance_norm(features, torch.zeros(1, 1, 4, 4, 4))
    normalized.sum().backward()
    assert normalized.isfinite().all() and features.grad.isfinite().all()
