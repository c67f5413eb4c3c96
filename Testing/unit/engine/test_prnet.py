import pytest
import torch

from FiReworkRegistrationLib.engine.networks.prnet import PyramidNetwork, correlation


def test_correlation_is_highest_where_the_moving_features_went():
    fixed = torch.randn(1, 16, 10, 11, 12, generator=torch.Generator().manual_seed(0))
    moving = fixed.roll((2, -2), dims=(2, 4))
    inside = correlation(fixed, moving)[0, :, 3:-3, 3:-3, 3:-3].flatten(1).mean(dim=1)
    # Neighbors run from -2 to 2 along k, j, i: (2, 0, -2) is the 21st of 27.
    assert inside.argmax() == 2 * 9 + 1 * 3 + 0
    assert inside.max() > 0.8


def test_correlation_is_zero_outside():
    ones = torch.ones(1, 2, 6, 6, 6)
    assert correlation(ones, ones)[0, 0, 0, 0, 0] == 0
    assert correlation(ones, ones)[0, 13].eq(1).all()


def test_the_gradient_of_the_correlation_is_that_of_its_formula():
    torch.manual_seed(0)
    fixed, moving = torch.randn(2, 2, 3, 5, 6, 7)
    incoming = torch.randn(2, 27, 5, 6, 7)

    def formula(fixed, moving):
        padded = torch.nn.functional.pad(moving, (2,) * 6)
        parts = [
            (fixed * padded[:, :, i : i + 5, j : j + 6, k : k + 7]).mean(dim=1)
            for i in (0, 2, 4)
            for j in (0, 2, 4)
            for k in (0, 2, 4)
        ]
        return torch.stack(parts, dim=1)

    pairs = [[image.clone().requires_grad_() for image in (fixed, moving)] for _ in range(2)]
    for function, pair in zip((formula, correlation), pairs):
        function(*pair).backward(incoming)
    assert torch.allclose(correlation(fixed, moving), formula(fixed, moving), atol=1e-6)
    for exact, ours in zip(*pairs):
        assert torch.allclose(ours.grad, exact.grad, atol=1e-5)


def test_depths_must_agree():
    with pytest.raises(ValueError, match="equal depth"):
        PyramidNetwork(encoder=(8, 8), decoder=(8,))
