import numpy as np
import pytest
import torch

from FiReworkRegistrationLib.engine.filters import smooth
from FiReworkRegistrationLib.engine.geometry import Grid
from FiReworkRegistrationLib.engine.polished_pair import PolishedPair
from FiReworkRegistrationLib.engine.presets import PolishLevel

SHAPE = (12, 14, 16)
SPACING = 2.0
GRID = Grid(SHAPE, np.diag([SPACING, SPACING, SPACING, 1.0]))


class Refiner:
    def mask_for(self, field):
        return torch.ones(1, 1, *field.shape[2:])

    def similarity(self, field):
        return float(field.mean())


class Structures:
    def __init__(self):
        self.shapes = []

    def coarser(self, shape):
        self.shapes.append(tuple(shape))


def images(finer):
    generator = torch.Generator().manual_seed(0)
    shape = [round(finer * (n - 1)) + 1 for n in SHAPE]
    return torch.rand(1, 1, *shape, generator=generator), torch.rand(1, 1, *shape, generator=generator)


@pytest.fixture
def structures():
    return Structures()


@pytest.fixture
def pair(structures):
    return PolishedPair(Refiner(), images, GRID, SPACING, structures)


@pytest.mark.parametrize("finer", [1, 2])
def test_a_level_works_on_its_own_grid(pair, structures, finer):
    field = torch.rand(1, 3, *SHAPE)
    polisher = pair.polisher(PolishLevel(finer, 1), field)
    shape = tuple(finer * (n - 1) + 1 for n in SHAPE)
    assert polisher.start.shape[2:] == shape and structures.shapes == [shape]
    # The same motion: twice as many voxels.
    assert torch.allclose(polisher.start[..., ::finer, ::finer, ::finer], finer * field, atol=1e-4)


def test_a_pair_without_structures_has_none_at_any_level():
    pair = PolishedPair(Refiner(), images, GRID, SPACING, None)
    polisher = pair.polisher(PolishLevel(1, 1), torch.zeros(1, 3, *SHAPE))
    assert polisher.step() < 0


def test_a_field_is_smoothed_as_widely_in_space_whatever_its_grid(pair):
    coarse, fine = torch.rand(1, 3, *SHAPE), torch.rand(1, 3, *(2 * n - 1 for n in SHAPE))
    assert torch.equal(pair.smoothed(coarse, 1.5), smooth(coarse, 1.5))
    assert torch.equal(pair.smoothed(fine, 1.5), smooth(fine, 3.0))


def test_mask_and_similarity_are_those_of_the_refiner(pair):
    field = torch.full((1, 3, 5, 6, 7), 0.25)
    assert pair.mask_for(field).shape == (1, 1, 5, 6, 7) and pair.similarity(field) == 0.25
