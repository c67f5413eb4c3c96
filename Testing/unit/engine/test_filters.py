import pytest
import torch

from FiReworkRegistrationLib.engine.filters import smooth


def test_keeps_the_mean_and_flat_images():
    image = torch.zeros(1, 2, 15, 15, 15)
    image[:, :, 7, 7, 7] = 1
    assert smooth(image, 1.0).sum().item() == pytest.approx(2, abs=1e-4)
    assert torch.allclose(smooth(torch.ones(1, 1, 6, 6, 6), 2.0), torch.tensor(1.0))


def test_axes_are_smoothed_separately():
    image = torch.zeros(1, 1, 9, 9, 9)
    image[:, :, 4, 4, 4] = 1
    spread = smooth(image, (1.0, 0.0, 0.0))
    assert (spread[0, 0, :, 4, 4] > 0).sum() > 3
    assert spread[0, 0, 4, 4, 3] == 0 and spread[0, 0, 4, 3, 4] == 0
