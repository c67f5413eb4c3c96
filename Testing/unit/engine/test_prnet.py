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


def test_depths_must_agree():
    with pytest.raises(ValueError, match="equal depth"):
        PyramidNetwork(encoder=(8, 8), decoder=(8,))
