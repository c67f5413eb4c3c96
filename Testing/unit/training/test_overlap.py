import numpy as np
import pytest
import torch

from FiReworkRegistrationLib.training.overlap import soft_dice, soft_labels
from FiReworkRegistrationLib.training.pairs import Pair


def pair_of(fixed, moving):
    image = torch.zeros_like(fixed)
    return Pair(image, image, image, image, fixed, moving)


def test_soft_dice_of_equal_and_of_separate_maps():
    first = torch.zeros(1, 2, 8, 8, 8)
    first[:, :, :4] = 1
    assert soft_dice(first, first).item() == pytest.approx(1)
    assert soft_dice(first, 1 - first).item() == 0


def test_only_common_structures_of_some_size_are_drawn():
    labels = torch.zeros(1, 1, 12, 12, 12)
    labels[..., :4, :4, :4], labels[..., 8:, 8:, 8:], labels[0, 0, 0, 11, 11] = 3, 7, 9
    other = labels.clone()
    other[other == 7] = 0
    fixed, moving = soft_labels(pair_of(labels, other), 5, np.random.default_rng(0))
    assert fixed.shape == moving.shape == (1, 1, 12, 12, 12)
    assert fixed[0, 0, 1, 1, 1] == 1 and fixed[0, 0, 10, 10, 10] == 0


def test_no_common_structure_gives_none():
    assert soft_labels(pair_of(torch.ones(1, 1, 8, 8, 8), torch.zeros(1, 1, 8, 8, 8)), 4, None) is None
