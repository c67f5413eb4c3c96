import numpy as np
import pytest
import torch

from FiReworkRegistrationLib.engine import contrast as contrasts
from FiReworkRegistrationLib.engine import registration as registration_module
from FiReworkRegistrationLib.engine.errors import Cancelled, RegistrationError
from FiReworkRegistrationLib.engine.geometry import Volume
from FiReworkRegistrationLib.engine.map_writers import taper
from FiReworkRegistrationLib.engine.presets import PolishLevel
from FiReworkRegistrationLib.engine.registration import Registration
from FiReworkRegistrationLib.engine.structures import StructureMatch
from FiReworkRegistrationLib.engine.verdict import verdict_on


@pytest.fixture
def pair(ball, affine, tiny_model):
    """The ball on a grid of another orientation, and the ball moved by 6 mm as moving volume."""
    shift = np.eye(4)
    shift[:3, 3] = (4.0, -4.0, 2.0)
    return Volume(ball.array, affine, "fixed"), Volume(ball.array, shift @ affine, "moving")


def test_the_affine_start_alone_finds_a_translation(pair):
    registration = Registration(*pair, model="tiny", device="cpu")
    dmap = registration.map(0)
    points = pair[0].grid.to_ras(np.array([[20, 18, 16], [14, 16, 12], [26, 20, 20]]))
    assert np.abs(dmap.at(points) - points - (4.0, -4.0, 2.0)).max() < 0.7


def test_the_same_volumes_come_to_the_same_field(pair):
    fields = []
    for _run in range(2):
        registration = Registration(*pair, model="tiny", device="cpu")
        list(registration.refine(2))
        fields.append(registration.polish((PolishLevel(1, 4),)).field)
    assert torch.equal(*fields)


def test_outputs_are_on_the_fixed_grid_whatever_the_orientation(pair):
    registration = Registration(*pair, model="tiny", device="cpu", spacing=2.0)
    list(registration.refine(2))
    for volume in (registration.warped(), registration.jacobian(1)):
        assert volume.array.shape == pair[0].array.shape
        assert np.array_equal(volume.affine, pair[0].affine)
        assert np.isfinite(volume.array).all()


def test_warped_volume_matches_after_alignment(pair):
    registration = Registration(*pair, model="tiny", device="cpu")
    before = np.abs(pair[0].array - pair[1].array)
    after = np.abs(pair[0].array - registration.warped(0).array)
    # Before, both arrays are equal and only their positions differ: compare in space.
    assert before.max() == 0
    assert after.mean() < 0.02


def test_affine_none_keeps_the_given_transform(pair):
    matrix = np.eye(4)
    matrix[:3, 3] = (1.0, 2.0, 3.0)
    registration = Registration(*pair, model="tiny", device="cpu", affine="none", initial_transform=matrix)
    assert np.array_equal(registration.affine, matrix)
    assert registration.agreement < 0.9 and registration.coverage > 0.9
    points = pair[0].grid.center[None]
    assert np.allclose(registration.map(0).at(points) - points, (1.0, 2.0, 3.0), atol=1e-4)


def test_goes_on_from_five_to_eight(pair):
    first = Registration(*pair, model="tiny", device="cpu", affine="none")
    list(first.refine(5))
    list(first.refine(8))
    second = Registration(*pair, model="tiny", device="cpu", affine="none")
    list(second.refine(8))
    assert np.array_equal(first.map().displacement, second.map().displacement)
    assert [i.index for i in first.iterations] == list(range(9))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"affine": "rigid"}, "Affine is 'auto' or 'none'"),
        ({"spacing": 0.1}, "Working resolution"),
        ({"spacing": 0}, "Working resolution"),
        ({"device": "tpu"}, "Unknown device|not supported"),
        ({"model": "none"}, "Unknown model"),
        ({"precision": "int8"}, "Unknown precision"),
        ({"initial_transform": np.zeros((4, 4))}, "Initial transform"),
    ],
)
def test_bad_settings_are_refused_before_any_work(pair, settings, message):
    with pytest.raises(RegistrationError, match=message):
        Registration(*pair, **{"model": "tiny", "device": "cpu", **settings})


def test_a_mask_smaller_than_a_working_voxel(pair):
    dot = np.zeros(pair[0].array.shape)
    dot[16, 18, 20] = dot[16, 18, 21] = 1
    mask = Volume(dot, pair[0].affine, "dot")
    with pytest.raises(RegistrationError, match=r"smaller than a voxel|constant inside"):
        Registration(*pair, model="tiny", device="cpu", spacing=8.0, fixed_mask=mask, affine="none")


def test_what_is_registered_lies_inside_the_fading_border(pair):
    registration = Registration(*pair, model="tiny", device="cpu", spacing=4.0, affine="none")
    weights = taper(torch.ones(1, 3, *registration.grid.shape))[:, :1]
    assert (weights[registration.mask > 0] == 1).all()


def test_iteration_that_does_not_exist(pair):
    registration = Registration(*pair, model="tiny", device="cpu", affine="none")
    with pytest.raises(RegistrationError, match="there are 0 to 0"):
        registration.map(3)


def test_cancel_while_preparing(pair):
    with pytest.raises(Cancelled):
        Registration(*pair, model="tiny", device="cpu", cancelled=lambda: True)


def test_a_polish_is_one_state_more_and_the_refiner_goes_on_from_it(pair):
    registration = Registration(*pair, model="tiny", device="cpu", affine="none")
    list(registration.refine(1))
    told = []
    state = registration.polish((PolishLevel(1, 4),), progress=lambda fraction, message: told.append(fraction))
    assert (state.index, state.polished) == (2, True) and state is registration.iterations[-1]
    assert state.local_ncc > registration.iterations[1].local_ncc + 0.01
    assert told == [0.25, 0.5, 0.75, 1.0]
    list(registration.refine(3))
    assert [state.polished for state in registration.iterations] == [False, False, True, False]


def test_folds_can_be_repaired_without_a_polish(pair):
    registration = Registration(*pair, model="tiny", device="cpu", affine="none")
    list(registration.refine(2))
    state = registration.polish((PolishLevel(1, 0, unfold=True),))
    assert state.polished and state.repair.folded_after == state.percent_folded == 0
    assert state.repair.changed < 50
    assert registration.polish((PolishLevel(1, 1),)).repair is None


def test_a_polished_field_can_be_shown_again_in_full_precision(pair):
    registration = Registration(*pair, model="tiny", device="cpu", affine="none")
    list(registration.refine(1))
    registration.polish((PolishLevel(1, 2),))
    kept = registration.map(2).displacement
    registration._refiner.fields.budget = 1
    list(registration.refine(5))
    registration.restore(2)
    assert np.array_equal(registration.map(2).displacement, kept)
    # What comes after a polish is computed again from it.
    registration.restore(4)
    assert registration.stored_error(4) == 0


def test_levels_finer_than_the_images_are_left_out(pair):
    registration = Registration(*pair, model="tiny", device="cpu", affine="none", spacing=4.0)
    told = []
    registration.polish(
        (PolishLevel(1, 1), PolishLevel(2, 1)), progress=lambda fraction, message: told.append(fraction)
    )
    finest = min(pair[0].grid.spacing.min(), pair[1].grid.spacing.min())
    assert len(told) == (2 if finest < 2.7 else 1)
    told.clear()
    registration.polish((PolishLevel(8, 1),), progress=lambda fraction, message: told.append(fraction))
    assert not told


def test_coarse_levels_come_first_unless_they_are_too_coarse(pair):
    told = []
    levels = (PolishLevel(1 / 4, 30, smoothness=1.0), PolishLevel(1 / 2, 30, smoothness=1.0), PolishLevel(1, 10))

    def polished(levels, spacing):
        registration = Registration(*pair, model="tiny", device="cpu", affine="none", spacing=spacing)
        told.clear()
        return registration.polish(levels, progress=lambda fraction, message: told.append(fraction))

    without, with_coarse = polished(levels[2:], 2.0), polished(levels, 2.0)
    assert with_coarse.field.shape == without.field.shape and with_coarse.local_ncc > without.local_ncc
    # A step on a coarse grid takes hardly any time.
    assert len(told) == 70 and told[59] < 0.3 and told[-1] == pytest.approx(1.0)
    polished(levels, 4.0)
    assert len(told) == 40
    polished(levels, 8.0)
    assert len(told) == 10


def test_detail_of_a_network_is_forgotten_but_not_that_of_a_polish(pair, monkeypatch):
    from FiReworkRegistrationLib.engine import polished_pair

    registration = Registration(*pair, model="tiny", device="cpu", affine="none")
    list(registration.refine(2))
    widths = []
    monkeypatch.setattr(polished_pair, "smooth", lambda field, sigma: widths.append(sigma) or field)
    levels = (PolishLevel(1, 1, forget=2.0), PolishLevel(2, 1), PolishLevel(1, 1, forget=3.0))
    registration.polish(levels)
    # On the finer grid the same length has twice as many voxels.
    assert widths == [2.0, 6.0]
    registration.polish(levels)
    # What this polish found itself is smoothed.
    assert widths == [2.0, 6.0, 6.0]


def test_with_structures_nothing_is_sought_again(pair, monkeypatch):
    registration = Registration(*pair, model="tiny", device="cpu", affine="none")
    told, levels = [], (PolishLevel(1, 2), PolishLevel(1, 5, forget=2.0, again=True))
    count = lambda fraction, message: told.append(fraction)  # noqa: E731
    registration.polish(levels, progress=count)
    assert len(told) == 7
    codes = torch.zeros(1, 24, *registration.grid.shape)
    monkeypatch.setattr(registration, "_structure_match", lambda: StructureMatch(codes, codes))
    registration.polish(levels, progress=count)
    assert len(told) == 7 + 2 and told[-1] == pytest.approx(1.0)


def test_what_was_forgotten_is_brought_back_where_time_is_too_short(pair):
    registration = Registration(*pair, model="tiny", device="cpu", affine="none")
    list(registration.refine(1))
    registration.polish((PolishLevel(1, 30),))
    list(registration.refine(3))
    state = registration.polish((PolishLevel(1, 30, forget=4.0),), seconds=1e-6)
    assert state.polished and state.local_ncc == pytest.approx(registration.iterations[3].local_ncc)
    assert torch.equal(state.field, registration.iterations[3].field)


def test_a_cancelled_polish_leaves_the_iterations(pair):
    registration = Registration(*pair, model="tiny", device="cpu", affine="none")
    steps = iter([False, False, True])
    with pytest.raises(Cancelled):
        registration.polish((PolishLevel(1, 5),), cancelled=lambda: next(steps))
    assert len(registration.iterations) == 1


def test_a_polish_ends_when_its_time_is_over(pair):
    registration = Registration(*pair, model="tiny", device="cpu", affine="none")
    told = []
    state = registration.polish((PolishLevel(1, 10_000),), 0.3, lambda fraction, message: told.append(fraction))
    assert state.polished and 0 < told[-1] < 1


def test_an_unknown_normalization_names_the_known_ones(pair):
    with pytest.raises(RegistrationError, match="robust or full-range, got 'z-score'"):
        Registration(*pair, model="tiny", device="cpu", normalization="z-score")


def test_an_unknown_contrast_names_the_known_ones(pair):
    with pytest.raises(RegistrationError, match="auto, same or different, got 'T2'"):
        Registration(*pair, model="tiny", device="cpu", contrast="T2")


def of_other_contrast(volume):
    array = np.where(volume.array > 0.05, 1.2 - volume.array, 0).astype(np.float32)
    return Volume(array, volume.affine, volume.name)


@pytest.mark.parametrize("contrast, matched", [("auto", True), ("different", True), ("same", False)])
def test_another_contrast_is_matched_unless_it_is_said_to_be_the_same(pair, contrast, matched, monkeypatch):
    monkeypatch.setattr(contrasts, "LEAST_COMPARED", 50)
    registration = Registration(pair[0], of_other_contrast(pair[1]), model="tiny", device="cpu", contrast=contrast)
    assert (registration.matched in ("fixed", "moving")) == matched
    alike = Registration(*pair, model="tiny", device="cpu")
    assert alike.matched == "" and alike.agreement > alike.least_agreement
    if matched:
        assert registration.iterations[0].global_ncc > 0.6
    assert np.array_equal(registration.moving.array, of_other_contrast(pair[1]).array)


def test_a_finer_polish_moves_a_finer_field_and_the_map_follows(pair):
    registration = Registration(*pair, model="tiny", device="cpu", affine="none", spacing=4.0)
    list(registration.refine(1))
    state = registration.polish((PolishLevel(1, 1), PolishLevel(2, 2)))
    shape = registration.iterations[1].field.shape[2:]
    assert state.field.shape[2:] == tuple(2 * n - 1 for n in shape)
    coarse, fine = registration.map(1), registration.map(2)
    assert fine.grid.spacing == pytest.approx(coarse.grid.spacing / 2)
    field, mask = registration.final_field(2)
    assert field.shape[2:] == mask.shape[2:] == state.field.shape[2:]
    # The refiner goes on from the working grid's share of it.
    center = registration.grid.to_ras(np.array([[n // 2 for n in shape[::-1]]]))
    list(registration.refine(3))
    assert registration.iterations[3].field.shape[2:] == shape
    assert np.isfinite(fine.at(center)).all()
    # A coarse level on top takes no detail away.
    again = registration.polish((PolishLevel(2, 1),)).field
    assert torch.equal(registration.polish((PolishLevel(1, 0), PolishLevel(2, 0))).field, again)
    assert registration.stored_error(2) == 0


@pytest.mark.parametrize("side", ["fixed", "moving"])
def test_a_mask_of_a_part_hides_nothing(pair, side):
    """All of both volumes is aligned, for the center of what is marked is not that of the head."""
    fixed, moving = pair
    whole = Registration(fixed, moving, device="cpu")
    part = np.zeros(fixed.array.shape, np.uint8)
    k, j, i = (int(np.median(axis)) for axis in np.nonzero(fixed.array > 0.5))
    part[k + 3 : k + 7, j - 2 : j + 2, i - 2 : i + 2] = 1
    mask = Volume(part, (fixed if side == "fixed" else moving).affine, "part")
    masked = Registration(fixed, moving, **{f"{side}_mask": mask}, device="cpu")
    np.testing.assert_allclose(masked.affine, whole.affine, atol=1e-6)
    assert masked.agreement == whole.agreement and masked.stretch == pytest.approx(1, abs=0.05) and masked.ct == ""
    marked = float(masked.mask.sum()) * masked.spacing**3 / (part.sum() * fixed.grid.spacing.prod())
    assert marked == pytest.approx(1, rel=0.5) if side == "fixed" else marked > 5
    assert (masked._refiner.fixed > 0.05).sum() > 3 * 64 and (masked._refiner.moving > 0.05).sum() > 3 * 64
    assert masked.unused_mask == ("part" if side == "moving" else "")
    assert ("Moving mask 'part'" in verdict_on(masked).text) == (side == "moving")


def test_a_map_that_takes_gigabytes_is_refused(pair, monkeypatch):
    """However small what is marked: the map covers the whole fixed volume."""
    fixed, moving = pair
    coarse = Registration(fixed, moving, spacing=2.0, device="cpu")
    monkeypatch.setattr(registration_module, "MOST_MAPPED", coarse.map(0).displacement[..., 0].size)
    with pytest.raises(RegistrationError, match="too large for a map of 1 mm; crop it"):
        Registration(fixed, moving, spacing=1.0, device="cpu")
    coarse.polish((PolishLevel(2, 1),))
    assert coarse.iterations[1].field.shape[2:] == coarse.grid.shape
