import numpy as np
import torch

from FiReworkRegistrationLib.training.pairs import PairMaker
from FiReworkRegistrationLib.training.subjects import load_subjects


def test_a_plain_pair_is_aligned_and_not_augmented(subject_folder, tiny_config):
    fixed, moving = load_subjects(subject_folder, 2)
    pair = PairMaker(tiny_config).make(fixed, moving, labels=True)
    assert pair.fixed.shape == pair.moving.shape == (1, 1, *tiny_config.shape)
    assert pair.fixed is pair.fixed_input
    same = (pair.fixed_labels == pair.moving_labels)[pair.fixed_labels > 0].float().mean()
    assert same > 0.7


def test_the_same_generator_makes_the_same_pair(subject_folder, tiny_config):
    fixed, moving = load_subjects(subject_folder, 2)
    maker = PairMaker(tiny_config)
    first, second = (maker.make(fixed, moving, np.random.default_rng(3), labels=True) for _ in range(2))
    for a, b in zip(vars(first).values(), vars(second).values(), strict=True):
        assert torch.equal(a, b)


def test_augmentation_changes_what_the_network_sees_not_what_the_loss_sees(subject_folder, tiny_config):
    fixed, moving = load_subjects(subject_folder, 2)
    pair = PairMaker(tiny_config).make(fixed, moving, np.random.default_rng(3))
    assert not torch.equal(pair.fixed, pair.fixed_input)
    assert pair.fixed.max() <= 1


def test_crops_have_their_own_shape(subject_folder, tiny_config):
    from dataclasses import replace

    fixed, moving = load_subjects(subject_folder, 2)
    config = replace(tiny_config, crop=(32, 16, 16))
    assert PairMaker(config).make(fixed, moving, np.random.default_rng(0)).fixed.shape[2:] == (32, 16, 16)
    assert PairMaker(config).make(fixed, moving).fixed.shape[2:] == tiny_config.shape
