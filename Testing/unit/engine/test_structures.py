from itertools import pairwise

import pytest
import torch

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.networks.structures import StructureNetwork
from FiReworkRegistrationLib.engine.structures import (
    CODE_LENGTH,
    GROUP,
    StructureMatch,
    StructureReader,
    mirrored_numbers,
    structure_codes,
)
from FiReworkRegistrationLib.engine.warping import warp

SHAPE = (17, 13, 15)
EVERYTHING = tuple(slice(0, size) for size in SHAPE)


@pytest.fixture
def codes():
    return torch.rand(1, CODE_LENGTH, *SHAPE, generator=torch.Generator().manual_seed(0))


def whole_match(fixed, moving, field, parts=1):
    """Mean over all groups, of the planes in so many parts."""
    match, shape = StructureMatch(fixed, moving), tuple(field.shape[2:])
    box = tuple(slice(0, size) for size in shape)
    ends = [round(part * shape[0] / parts) for part in range(parts + 1)]
    total = 0.0
    for first, last in pairwise(ends):
        seen = slice(max(0, first - 2), min(shape[0], last + 2))
        share = match.within((seen, *box[1:]), slice(first, last), shape, box)
        groups = CODE_LENGTH // GROUP
        total += sum(share(field[:, :, seen], step).item() for step in range(groups)) / groups
    return total


def test_codes_are_apart_and_small_structures_weigh_more():
    codes = structure_codes(torch.tensor([1000.0, 1000.0, 40.0]))
    assert codes.shape == (4, CODE_LENGTH)
    lengths = codes.norm(dim=1)
    assert lengths[3] > 2 * lengths[1] and torch.allclose(lengths[1], lengths[2])
    directions = codes / lengths[:, None]
    assert (directions @ directions.T - torch.eye(4)).abs().max() < 0.7
    assert torch.equal(codes, structure_codes(torch.tensor([1000.0, 1000.0, 40.0])))


def test_equal_codes_match_and_the_mean_is_that_of_all_numbers(codes):
    still = torch.zeros(1, 3, *SHAPE)
    assert whole_match(codes, codes, still) == pytest.approx(0, abs=1e-9)
    other = codes.flip(2)
    expected = (other - codes).square().sum(dim=1).mean().item()
    assert whole_match(codes, other, still) == pytest.approx(expected, rel=1e-5)


def test_the_moving_codes_are_read_where_the_field_points(codes):
    shift = torch.zeros(1, 3, *SHAPE)
    shift[:, 1] = 2.0
    assert whole_match(warp(codes, shift), codes, shift) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("shape", [(33, 25, 29), (24, 20, 22), (9, 7, 8)])
def test_a_field_on_a_finer_or_coarser_grid_means_the_same_motion(codes, shape):
    shift = torch.zeros(1, 3, *shape)
    shift[:, 2] = (shape[2] - 1) / (SHAPE[2] - 1)
    own = torch.zeros(1, 3, *SHAPE)
    own[:, 2] = 1.0
    assert whole_match(warp(codes, own), codes, shift) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("shape", [SHAPE, (33, 25, 29), (24, 20, 22), (9, 7, 8)])
def test_shares_of_slabs_sum_to_the_whole(codes, shape):
    field = torch.randn(1, 3, *shape, generator=torch.Generator().manual_seed(1))
    whole = whole_match(codes, codes.flip(3), field)
    assert whole_match(codes, codes.flip(3), field, parts=3) == pytest.approx(whole, rel=1e-4)


def test_codes_are_averaged_for_a_coarser_field_only(codes):
    match = StructureMatch(codes, codes.flip(2))
    assert match.coarser(SHAPE) is match and match.coarser((33, 25, 29)) is match
    coarse = match.coarser((5, 4, 4))
    still = torch.zeros(1, 3, 5, 4, 4)
    box = tuple(slice(0, size) for size in (5, 4, 4))
    differences = [coarse.within(box, box[0], (5, 4, 4), box)(still, step).item() for step in range(3)]
    fine = whole_match(codes, codes.flip(2), torch.zeros(1, 3, *SHAPE))
    # Noise averages out.
    assert 0 < sum(differences) / 3 < 0.5 * fine


def test_the_gradient_leads_to_the_structures():
    axis = torch.arange(SHAPE[0]).view(1, 1, -1, 1, 1).expand(1, CODE_LENGTH, *SHAPE)
    fixed, moving = torch.sigmoid(axis - 8.0), torch.sigmoid(axis - 10.0)
    field = torch.zeros(1, 3, *SHAPE, requires_grad=True)
    StructureMatch(fixed, moving).within(EVERYTHING, EVERYTHING[0], SHAPE, EVERYTHING)(field, 0).backward()
    downhill = -field.grad[0]
    assert (downhill[0, 9] > 0).all() and downhill[1:].abs().max() < 1e-8


def test_a_reader_takes_any_grid_and_gives_the_mean_code_of_each_voxel():
    torch.manual_seed(0)
    network = StructureNetwork(3, widths=(4, 6, 8), features=7).eval()
    codes = structure_codes(torch.tensor([100.0, 200.0, 300.0]))
    image = torch.rand(1, 1, *SHAPE)
    found = StructureReader(network, codes, 2.0)(image)
    assert found.shape == (1, CODE_LENGTH, *SHAPE) and found.dtype == torch.float32
    padded = torch.zeros(1, 1, 20, 16, 16)
    padded[..., :17, :13, :15] = image
    with torch.no_grad():
        scores = network.scores(network(padded)[0, :, 5, 6, 7])
    assert torch.allclose(found[0, :, 5, 6, 7], scores.softmax(dim=0) @ codes, atol=1e-5)


def test_who_reads_both_sides_finds_in_a_mirror_image_what_lies_on_the_other_side():
    torch.manual_seed(0)
    network = StructureNetwork(3, widths=(4, 6, 8), features=7).eval()
    codes = structure_codes(torch.tensor([100.0, 200.0, 300.0]))
    other_side = mirrored_numbers([11, 30, 31], [11, 31, 30])
    assert other_side.tolist() == [0, 1, 3, 2]
    image = torch.rand(1, 1, 16, 16, 16)
    found = StructureReader(network, codes, 2.0, other_side)(image)
    mirrored = StructureReader(network, codes[other_side], 2.0, other_side)(image.flip(-1))
    assert torch.allclose(found, mirrored.flip(-1), atol=1e-5)
    assert not torch.allclose(found, StructureReader(network, codes, 2.0)(image), atol=1e-3)


def test_a_content_of_a_few_voxels_can_be_read():
    network = StructureNetwork(3, widths=(4, 6, 8), features=7).eval()
    codes = structure_codes(torch.tensor([100.0, 200.0, 300.0]))
    assert StructureReader(network, codes, 2.0)(torch.rand(1, 1, 3, 4, 2)).shape == (1, CODE_LENGTH, 3, 4, 2)


def test_a_network_that_returns_nan_is_told():
    class Broken(StructureNetwork):
        def forward(self, image):
            return super().forward(image) * float("nan")

    reader = StructureReader(Broken(3, (4, 8), 6), structure_codes(torch.ones(3)), 2.0)
    with pytest.raises(RegistrationError, match="NaN or infinite values; choose precision fp32"):
        reader(torch.rand(1, 1, *SHAPE))
