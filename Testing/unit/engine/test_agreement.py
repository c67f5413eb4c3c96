import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from FiReworkRegistrationLib.engine.agreement import Agreement, AgreementMeter, _smoothed
from FiReworkRegistrationLib.engine.geometry import Volume


def head(seed=0):
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(40, 44, 42)), 3)
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, n) for n in noise.shape), indexing="ij")
    inside = k**2 + j**2 + i**2 < 0.7
    array = np.where(inside, 0.55 + 0.4 * noise / np.abs(noise).max(), 0).astype(np.float32)
    return Volume(array, np.diag([3.0, 3.0, 3.0, 1.0]), "head")


def shift(*mm):
    matrix = np.eye(4)
    matrix[:3, 3] = mm
    return matrix


def test_the_same_image_agrees_and_the_further_off_the_less():
    meter = AgreementMeter(head(), head())
    scores = [meter(shift(mm, 0, 0)).score for mm in (0, 6, 20, 60)]
    assert scores[0] > 0.95
    assert scores == sorted(scores, reverse=True) and scores[-1] < 0.5 * scores[0]


def test_any_contrast_agrees():
    volume = head()
    turned = Volume(np.where(volume.array > 0, 1.2 - volume.array, 0).astype(np.float32), volume.affine, "T2")
    # Not quite as well: the smoothed edge to the background is another one.
    assert AgreementMeter(volume, turned)(np.eye(4)).correlation > 0.75


def test_it_does_not_matter_which_image_foretells_the_other():
    """One gray value of the folded contrast is two of the other, but not the other way round."""
    volume = head()
    folded = np.where(volume.array > 0, np.abs(volume.array - 0.55) * 2 + 0.1, 0).astype(np.float32)
    folded = Volume(folded, volume.affine, "folded")
    one, other = (AgreementMeter(*pair)(np.eye(4)).correlation for pair in ((volume, folded), (folded, volume)))
    assert one == pytest.approx(other, abs=0.02)


def test_another_image_agrees_less():
    # The outline is the same: what it has in common with any head.
    assert AgreementMeter(head(0), head(7))(np.eye(4)).correlation < 0.8


def test_a_part_that_lies_inside_overlaps_wholly():
    volume = head()
    part = Volume(volume.array[:24].copy(), volume.affine, "part")
    there = AgreementMeter(volume, part)(np.eye(4))
    assert there.overlap == pytest.approx(1, abs=0.05) and there.correlation > 0.95


def test_a_brain_and_its_head_overlap_wholly():
    whole = head()
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, n) for n in whole.array.shape), indexing="ij")
    brain = Volume(np.where(k**2 + j**2 + i**2 < 0.3, whole.array, 0), whole.affine, "brain")
    for pair in ((whole, brain), (brain, whole)):
        assert AgreementMeter(*pair)(np.eye(4)).overlap > 0.95


def test_the_score_is_the_correlation_unless_little_overlaps():
    assert Agreement(0.9, 1.0).score == 0.9
    assert Agreement(0.9, 0.4).score == pytest.approx(0.45)


def test_a_few_points_say_nothing():
    array = np.zeros((12, 12, 12), np.float32)
    array[4:7, 5:7, 5:7] = np.random.default_rng(0).uniform(0.1, 1, (3, 2, 2))
    few = Volume(array, np.diag([4.0, 4.0, 4.0, 1.0]))
    assert AgreementMeter(few, few)(np.eye(4)).score == 0


def test_nothing_in_common_is_zero():
    found = AgreementMeter(head(), head())(shift(500, 0, 0))
    assert (found.correlation, found.overlap, found.score) == (0, 0, 0)


def test_a_line_foretells_another_contrast_badly():
    volume = head()
    turned = Volume(np.where(volume.array > 0, 1.2 - volume.array, 0).astype(np.float32), volume.affine, "T2")
    same, other = (AgreementMeter(volume, moving)(np.eye(4)) for moving in (volume, turned))
    assert abs(same.linear - same.correlation) < 0.05 and other.linear < other.correlation - 0.2


def test_agreement_with_itself_falls_with_the_distance():
    scores = [AgreementMeter(head(), head()).misplaced(mm) for mm in (0, 3, 6, 12)]
    assert scores == sorted(scores, reverse=True) and scores[0] > 0.95


def test_a_slab_agrees_with_itself_alike_whichever_way_it_lies():
    slab = Volume(head().array[12:26], head().affine)
    turned = Volume(np.ascontiguousarray(slab.array.T), slab.affine)
    scores = [AgreementMeter(volume, volume).misplaced(6.0) for volume in (slab, turned)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


def test_images_are_smoothed_by_as_many_mm_along_each_axis():
    array = np.zeros((11, 13, 15), np.float32)
    array[5, 6, 7] = 1
    spread = np.argwhere(_smoothed(Volume(array, np.diag([1.0, 2.0, 4.0, 1.0]))) > 1e-6)
    assert np.ptp(spread, axis=0).tolist() == [2, 4, 6]


def test_air_around_changes_nothing():
    """A volume may be mostly air: what is left out of the computation there must not be missed."""
    generator = np.random.default_rng(0)
    small = np.zeros((20, 22, 24), np.float32)
    small[4:16, 4:18, 4:20] = generator.uniform(0.1, 1, (12, 14, 16))
    padded = np.pad(small, ((8, 12), (16, 4), (4, 20)))
    grid = np.diag([2.0, 2.0, 2.0, 1.0])
    shifted = grid.copy()
    shifted[:3, 3] = -2.0 * np.array([4, 16, 8])
    moved = np.eye(4)
    moved[:3, 3] = (3.0, -5.0, 2.0)
    plain, wide = Volume(small, grid), Volume(padded, shifted)
    assert AgreementMeter(wide, wide)(moved).score == pytest.approx(AgreementMeter(plain, plain)(moved).score, abs=0.02)
    assert AgreementMeter(plain, wide)(moved).correlation == pytest.approx(
        AgreementMeter(plain, plain)(moved).correlation, abs=1e-6
    )
