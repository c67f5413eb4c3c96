from types import SimpleNamespace

import numpy as np
import pytest
import torch

from FiReworkRegistrationLib.training.structure_examples import StructureExamples, mirrored_labels
from FiReworkRegistrationLib.training.subjects import load_subjects


@pytest.fixture
def examples(subject_folder):
    return StructureExamples(load_subjects(subject_folder)[:2], [1, 2, 4], (24, 24, 24), 4.0, whole_head=0.0)


def test_numbers_follow_the_order_of_the_labels_and_others_are_background(examples):
    image, numbers = examples.make(0)
    assert image.shape == (1, 1, 24, 24, 24) and image.dtype == torch.float32
    assert image.min() >= 0 and image.max() <= 1
    assert set(numbers.unique().tolist()) == {0, 1, 2, 3}
    # Label 2 has the second darkest gray; label 3 is not learned.
    means = [image[0, 0][numbers == number].mean() for number in (1, 2, 3)]
    assert means[0] < means[1] < means[2]


def test_the_same_generator_draws_the_same_example(examples):
    draws = [examples.make(1, np.random.default_rng(3)) for _ in range(2)]
    assert torch.equal(draws[0][0], draws[1][0]) and torch.equal(draws[0][1], draws[1][1])
    other, _ = examples.make(1, np.random.default_rng(4))
    assert not torch.equal(draws[0][0], other)


def test_nothing_is_left_around_a_cut_out_brain(examples):
    image, numbers = examples.make(0, np.random.default_rng(0))
    assert image[0, 0][numbers > 0].mean() > 0.1
    assert not image[0, 0, 0].any()


def test_labels_find_their_other_side_and_the_midline_itself():
    places = {4: [-1, 5, 0], 23: [20, -3, 4], 30: [-21, -3, 5], 7: [0, 9, 9]}
    subjects = [
        SimpleNamespace(centroids={label: np.array(place) + shift for label, place in places.items()})
        for shift in ([60, 0, 0], [-7, 3, 1])
    ]
    del subjects[1].centroids[7]
    assert mirrored_labels(subjects, [4, 7, 23, 30]) == [4, 7, 30, 23]
    subjects[0].centroids[30][1] = subjects[1].centroids[30][1] = 300
    assert mirrored_labels(subjects, [4, 7, 23, 30]) is None


def test_a_mirrored_example_shows_the_labels_of_the_other_side(subject_folder):
    subjects = load_subjects(subject_folder)[:2]

    def draw(mirrored):
        examples = StructureExamples(subjects, [1, 2, 4], (24, 24, 24), 4.0, 0.0, mirrored=mirrored, flip=1.0)
        return examples.make(0, np.random.default_rng(3))

    image, numbers = draw([2, 1, 4])
    same_image, same_side = draw([1, 2, 4])
    assert torch.equal(image, same_image)
    assert torch.equal(numbers, torch.tensor([0, 2, 1, 3])[same_side])
    plain, there = StructureExamples(subjects, [1, 2, 4], (24, 24, 24), 4.0, 0.0, flip=1.0).make(0)
    # Bent and turned a little, but the other way round.
    assert (same_side.flip(2) == there).float().mean() > (same_side == there).float().mean()
    assert plain.shape == image.shape
