import pytest
import torch
import torch.nn.functional as F

from FiReworkRegistrationLib.engine import polish
from FiReworkRegistrationLib.engine.fields import forward_differences, one_sided_determinant, percent_folded
from FiReworkRegistrationLib.engine.metrics import nondiffeomorphic_volume
from FiReworkRegistrationLib.engine.polish import WITH_STRUCTURES, FieldPolisher, PolishSettings
from FiReworkRegistrationLib.engine.similarity import LocalNcc, gradient_penalty, local_ncc
from FiReworkRegistrationLib.engine.structures import StructureMatch
from FiReworkRegistrationLib.engine.warping import warp
from FiReworkRegistrationLib.engine.workers import Workers

SHAPE = (16, 20, 18)


def blobs(shape, seed=0, smooth=5):
    image = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(seed))
    for _ in range(3):
        image = F.avg_pool3d(image, smooth, 1, smooth // 2, count_include_pad=False)
    return (image - image.min()) / (image.max() - image.min())


def smooth_field(shape, size, seed=1):
    field = torch.cat([blobs(shape, seed + axis, 7) for axis in range(3)], dim=1) - 0.5
    return size * field


def polished(steps, fixed, moving, mask, field, spacing=2.0, **settings):
    polisher = FieldPolisher(fixed, moving, mask, field, spacing, **settings)
    losses = [polisher.step() for _ in range(steps)]
    return polisher, losses


def test_it_finds_a_known_motion_and_leaves_the_start_as_it_is():
    moving, truth = blobs(SHAPE, smooth=3), smooth_field(SHAPE, 3.0)
    fixed, start = warp(moving, truth), torch.zeros(1, 3, *SHAPE)
    polisher, losses = polished(40, fixed, moving, torch.ones(1, 1, *SHAPE), start)
    before, after = local_ncc(fixed, moving, 5), local_ncc(fixed, warp(moving, polisher.field), 5)
    assert losses[-1] < losses[0]
    assert after > before + 0.5 * (1 - before)
    inside = (..., *[slice(4, -4)] * 3)
    assert (polisher.field - truth)[inside].norm(dim=1).mean() < 0.5 * truth[inside].norm(dim=1).mean()
    assert not start.any()


def test_a_folded_field_is_unfolded_also_where_central_differences_see_nothing():
    image, field = blobs(SHAPE), torch.zeros(1, 3, *SHAPE)
    field[:, 0, ::2] = 1.2
    inside = torch.zeros(1, 1, *SHAPE)
    inside[:, :, 1:-1] = 1
    assert percent_folded(field, inside) == 0
    assert nondiffeomorphic_volume(field) > 3
    polisher, _ = polished(60, image, image, None, field)
    assert nondiffeomorphic_volume(polisher.field, inside) < 0.05


@pytest.mark.parametrize("smoothness", [None, 0.0])
def test_the_loss_adds_up_similarity_steepness_and_folds(smoothness):
    fixed, moving, start = blobs(SHAPE, 2, 3), blobs(SHAPE, 3, 3), smooth_field(SHAPE, 9.0)
    settings = PolishSettings(smoothness=30.0, folding=2000.0)
    _, (loss,) = polished(1, fixed, moving, None, start, settings=settings, smoothness=smoothness)
    ncc = LocalNcc(fixed, 5)(warp(moving, start)).mean().item()
    steepness = gradient_penalty(start).item() * (30.0 if smoothness is None else smoothness)
    # Of two opposite corners of each cell.
    signs, differences = polish._CORNERS[0], forward_differences(start)
    folds = sum(
        (0.1 - one_sided_determinant(differences, side)).clamp(min=0).mean().item()
        for side in (signs, tuple(-sign for sign in signs))
    )
    assert loss == pytest.approx(-ncc + steepness + 1000.0 * folds, rel=1e-4)


def test_every_corner_of_the_cells_has_its_turn():
    assert len(set(polish._CORNERS)) == 8


def test_smoothness_holds_the_field_back():
    moving = blobs(SHAPE, smooth=3)
    fixed, start, mask = warp(moving, smooth_field(SHAPE, 3.0)), torch.zeros(1, 3, *SHAPE), torch.ones(1, 1, *SHAPE)
    rough, _ = polished(15, fixed, moving, mask, start, settings=PolishSettings(smoothness=0.1))
    stiff, _ = polished(15, fixed, moving, mask, start, settings=PolishSettings(smoothness=100.0))
    assert stiff.field.norm() < 0.5 * rough.field.norm()


def test_two_runs_are_equal():
    fixed, moving = blobs(SHAPE), blobs(SHAPE, 3)
    runs = [polished(5, fixed, moving, None, torch.zeros(1, 3, *SHAPE))[0].field for _ in range(2)]
    assert torch.equal(*runs)


def test_far_from_the_mask_nothing_moves():
    shape = (60, 20, 20)
    mask = torch.zeros(1, 1, *shape)
    mask[:, :, 4:10] = 1
    polisher, _ = polished(3, blobs(shape), blobs(shape, 3), mask, torch.zeros(1, 3, *shape))
    assert polisher.field[:, :, 4:10].abs().max() > 0.1
    assert not polisher.field[:, :, 30:].any()


def test_on_coarse_grids_less_moves_around_the_mask():
    shape = (40, 20, 20)
    mask = torch.zeros(1, 1, *shape)
    mask[:, :, 20:26] = 1
    field = polished(3, blobs(shape), blobs(shape, 3), mask, torch.zeros(1, 3, *shape), spacing=4.0)[0].field
    assert field[:, :, 18].any() and not field[:, :, :18].any() and not field[:, :, 28:].any()


def test_an_empty_mask_is_as_none():
    polisher, _ = polished(1, blobs(SHAPE), blobs(SHAPE, 3), torch.zeros(1, 1, *SHAPE), torch.zeros(1, 3, *SHAPE))
    assert torch.isfinite(polisher.field).all()


@pytest.mark.parametrize("voxels", [1, 700, 2500])
def test_slabs_of_any_thickness_take_the_same_way(voxels):
    fixed, moving = blobs(SHAPE, 2, 3), blobs(SHAPE, 3, 3)
    codes = torch.rand(2, 1, 24, 9, 11, 10, generator=torch.Generator().manual_seed(0))
    # Rough enough that some voxels fold.
    start, mask = smooth_field(SHAPE, 9.0), torch.zeros(1, 1, *SHAPE)
    mask[:, :, 5:11, 7:14, 6:12] = 1
    outcomes = []
    for at_once in (10**9, voxels):
        polisher, losses = polished(
            4, fixed, moving, mask, start, structures=StructureMatch(*codes), voxels_at_once=at_once
        )
        outcomes.append((polisher.field, losses))
    (whole, whole_losses), (parts, parts_losses) = outcomes
    assert parts_losses == pytest.approx(whole_losses, rel=1e-4)
    # Adam magnifies rounding where a gradient is almost 0.
    assert (whole - parts).abs().mean() < 1e-3


def test_workers_side_by_side_come_to_the_same_field():
    fixed, moving, start = blobs(SHAPE, 2, 3), blobs(SHAPE, 3, 3), smooth_field(SHAPE, 9.0)
    alone = polished(4, fixed, moving, None, start, voxels_at_once=1500)
    with Workers(3) as workers:
        together = [polished(4, fixed, moving, None, start, voxels_at_once=1500, workers=workers) for _ in range(2)]
    for polisher, losses in together:
        # Their number rounds nothing differently: sums are added up in one order.
        assert torch.equal(polisher.field, together[0][0].field)
        assert losses == pytest.approx(alone[1], rel=1e-5)
        assert torch.allclose(polisher.field, alone[0].field, atol=1e-4)


def test_structures_pull_where_images_say_nothing():
    image, axis = torch.zeros(1, 1, *SHAPE), torch.arange(SHAPE[0], dtype=torch.float32).view(1, 1, -1, 1, 1)
    fixed, moving = (torch.sigmoid(axis - middle).expand(1, 24, *SHAPE) for middle in (7.0, 8.5))
    structures = StructureMatch(fixed, moving)
    polisher, losses = polished(20, image, image, None, torch.zeros(1, 3, *SHAPE), structures=structures)
    assert losses[-1] < 0.5 * losses[0]
    assert 0.5 < polisher.field[0, 0, 7, 10, 9] < 2.5


def test_with_structures_folds_count_for_more():
    fixed, moving, start = blobs(SHAPE, 2, 3), blobs(SHAPE, 3, 3), smooth_field(SHAPE, 9.0)
    structures = StructureMatch(*torch.rand(2, 1, 24, *SHAPE, generator=torch.Generator().manual_seed(0)))
    _, chosen = polished(1, fixed, moving, None, start, structures=structures)
    _, given = polished(1, fixed, moving, None, start, settings=WITH_STRUCTURES, structures=structures)
    _, plain = polished(1, fixed, moving, None, start, settings=PolishSettings(), structures=structures)
    assert chosen == given
    assert chosen[0] > plain[0]


@pytest.mark.parametrize(("spacing", "voxels"), [(8.0, 5), (2.0, 5), (1.5, 7), (1.0, 11), (0.7, 15)])
def test_the_window_of_the_similarity_is_as_wide_on_fine_grids(monkeypatch, spacing, voxels):
    windows = []
    monkeypatch.setattr(polish, "LocalNcc", lambda image, window: windows.append(window) or LocalNcc(image, window))
    structures = StructureMatch(*torch.rand(2, 1, 24, *SHAPE, generator=torch.Generator().manual_seed(0)))
    for given in (None, structures):
        FieldPolisher(blobs(SHAPE), blobs(SHAPE, 3), None, torch.zeros(1, 3, *SHAPE), spacing, structures=given)
    assert windows == [voxels, 5]


def test_where_a_slab_shows_nothing_it_is_not_compared_and_all_the_same():
    # Two balls of different size: slabs through the smaller one leave out what is beside it.
    k, j, i = torch.meshgrid(*(torch.arange(n) for n in (40, 30, 30)), indexing="ij")
    mask = ((k - 12) ** 2 + (j - 15) ** 2 + (i - 15) ** 2 < 100) | ((k - 28) ** 2 + (j - 15) ** 2 + (i - 15) ** 2 < 16)
    mask = mask[None, None].float()
    fixed, moving = (blobs(mask.shape[2:], seed, 3) * mask for seed in (2, 3))
    start = smooth_field(mask.shape[2:], 2.0)
    fields = [
        polished(4, fixed, moving, mask, start, voxels_at_once=voxels)[0].field for voxels in (10**9, 4 * 30 * 30)
    ]
    assert (fields[0] - fields[1]).abs().mean() < 1e-3 * (fields[0] - start).abs().mean()


def test_the_order_of_a_field_in_memory_does_not_matter():
    fixed, moving, start = blobs(SHAPE, 2, 3), blobs(SHAPE, 3, 3), smooth_field(SHAPE, 9.0)
    other = start.contiguous(memory_format=torch.channels_last_3d)
    fields = [polished(2, fixed, moving, None, field)[0].field for field in (start, other)]
    assert torch.equal(*fields)


@pytest.mark.parametrize("count", [1, 2])
def test_a_caller_who_records_no_gradients_can_polish(count):
    fixed, moving = blobs(SHAPE, smooth=3), blobs(SHAPE, 1, smooth=3)
    with torch.no_grad(), Workers(count) as workers:
        _, losses = polished(2, fixed, moving, None, torch.zeros(1, 3, *SHAPE), workers=workers)
    assert losses[1] < losses[0]
