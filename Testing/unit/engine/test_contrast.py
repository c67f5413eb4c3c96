import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from FiReworkRegistrationLib.engine import contrast
from FiReworkRegistrationLib.engine.agreement import Agreement, AgreementMeter
from FiReworkRegistrationLib.engine.contrast import GrayValueMap, differs, match_contrast, rising_share
from FiReworkRegistrationLib.engine.geometry import Grid, Volume
from FiReworkRegistrationLib.engine.inputs import PreparedImage

#: Dark, middle and bright tissue of a T1 in a T2.
T1, T2 = (0.2, 0.55, 0.85), (1.0, 0.5, 0.3)


def tissues(seed=0, spacing=2.0):
    """Three tissues in a ball, with noise, and where the ball is."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(40, 44, 42)), 2.5)
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, n) for n in noise.shape), indexing="ij")
    inside = k**2 + j**2 + i**2 < 0.8
    kind = np.digitize(noise, np.quantile(noise[inside], (0.2, 0.6)))
    values = np.array(T1)[kind] + np.random.default_rng(seed + 1).normal(0, 0.01, kind.shape)
    return prepared(np.where(inside, values, 0), inside, spacing)


def prepared(array, inside, spacing=2.0):
    return PreparedImage(Volume(array.astype(np.float32), np.diag([spacing] * 3 + [1.0]), "ball"), inside)


def other_contrast(image):
    array = np.interp(image.volume.array, T1, T2)
    return prepared(np.where(image.content, array, 0), image.content)


def agreement(fixed, moving):
    return AgreementMeter(fixed.blanked, moving.blanked)(np.eye(4))


def tensors(*images):
    """Of the volumes, and of the first one's content."""
    arrays = [image.volume.array for image in images] + [images[0].content.astype(np.float32)]
    return [torch.from_numpy(array)[None, None] for array in arrays]


def told_apart(fixed, moving):
    return differs(agreement(fixed, moving), *tensors(fixed, moving), 2.0)


def test_only_another_contrast_differs():
    image = tissues()
    darker = prepared(image.volume.array**1.3, image.content)
    assert not told_apart(image, image)
    assert not told_apart(image, darker)
    assert told_apart(image, other_contrast(image))
    assert told_apart(other_contrast(image), image)


@pytest.mark.parametrize("points", [400, 2000])
def test_the_noise_of_few_points_is_no_contrast(points):
    # So much of it the steps of a curve explain.
    by_chance = (contrast.BINS / points) ** 0.5
    images = *tensors(tissues(), other_contrast(tissues())), 2.0
    assert not differs(Agreement(by_chance, 1.0, linear=0.0, points=points), *images)
    assert differs(Agreement(0.8, 1.0, linear=-0.7, points=points), *images) == (points > 400)


def test_the_rising_share_sees_the_sign_whatever_gain_and_bias():
    image = tissues()
    bias = np.linspace(0.5, 1.5, image.content.shape[0])[:, None, None]
    brighter = prepared(image.volume.array * bias, image.content)
    negative = prepared(np.where(image.content, 2 - image.volume.array, 0), image.content)
    assert rising_share(*tensors(image, brighter), 2.0) > 0.99
    assert rising_share(*tensors(image, negative), 2.0) < 0.3
    assert rising_share(*tensors(image, prepared(np.zeros(image.content.shape), image.content)), 2.0) == 0


def test_misplaced_images_of_one_contrast_do_not_differ():
    image = tissues()
    moved = prepared(np.roll(image.volume.array, 4, axis=1), np.roll(image.content, 4, axis=1))
    assert not told_apart(image, moved)


def test_gray_values_become_those_of_the_other_image():
    image = tissues()
    grid = Grid(image.content.shape, image.volume.affine)
    fixed, moving, changed = match_contrast(image, other_contrast(image), np.eye(4), grid)
    assert changed in ("fixed", "moving")
    a, b = fixed.array[image.content], moving.array[image.content]
    assert np.corrcoef(a, b)[0, 1] > 0.95 and abs(a.mean() - b.mean()) < 0.02 and abs(a.std() - b.std()) < 0.02
    assert not fixed.array[~image.content].any() and not moving.array[~image.content].any()


def test_the_image_that_tells_more_tissues_apart_gives_the_contrast():
    """Two of the three tissues look alike in the other: no curve brings them back there."""
    image = tissues()
    merged = np.interp(image.volume.array, T1, (1.0, 0.4, 0.4))
    noise = np.random.default_rng(5).normal(0, 0.05, merged.shape)
    merged = prepared(np.where(image.content, merged + noise, 0), image.content)
    grid = Grid(image.content.shape, image.volume.affine)
    ways = match_contrast(image, merged, np.eye(4), grid), match_contrast(merged, image, np.eye(4), grid)
    assert {ways[0][2], ways[1][2]} == {"fixed", "moving"}


def test_where_the_images_share_too_little_they_stay_as_they_are():
    image = tissues()
    apart = np.eye(4)
    apart[:3, 3] = 500
    grid = Grid(image.content.shape, image.volume.affine)
    fixed, moving, changed = match_contrast(image, image, apart, grid)
    assert changed == "" and fixed is image.volume and moving is image.volume


def test_a_few_places_make_no_curve():
    content = np.zeros((20, 20, 20), bool)
    content[5:10, 5:10, 5:10] = True
    image = prepared(np.random.default_rng(0).random(content.shape) * content, content)
    assert match_contrast(image, image, np.eye(4), Grid(content.shape, image.volume.affine))[2] == ""


def test_edges_where_background_mixes_in_are_no_places():
    image, shifted = tissues(), np.eye(4)
    shifted[:3, 3] = 1.0
    there = contrast._common_places(image, image, shifted)[1]
    assert len(there) > 1000
    assert contrast._gray_values(prepared(image.content, image.content), there).min() > 0.98


def test_places_and_the_lattice_of_curves_are_as_fine_along_each_axis():
    array = np.ones((6, 8, 10), np.float32)
    image = PreparedImage(Volume(array, np.diag([1.0, 2.0, 4.0, 1.0])), array > 0)
    here, _there = contrast._common_places(image, image, np.eye(4))
    assert [np.diff(np.unique(axis)).max() for axis in here.T] == [1, 1, 2]
    np.testing.assert_allclose(contrast._cells(image, np.eye(3)), np.diag([4.0, 2.0, 1.0]) / contrast.CELL_MM)


def test_the_map_follows_the_means():
    generator = np.random.default_rng(3)
    given, cells = generator.uniform(0, 1, 200_000), generator.uniform(0, 2, (200_000, 3))
    truth = np.cos(3 * given)
    matched = GrayValueMap(given, truth + generator.normal(0, 0.1, given.shape), cells)
    image = prepared(np.linspace(0.05, 0.95, 64).reshape(4, 4, 4), np.ones((4, 4, 4), bool), spacing=10.0)
    assert np.abs(matched(image).array - np.cos(3 * image.volume.array)).max() < 0.1


def test_a_gray_value_becomes_something_else_elsewhere():
    """Fat of the scalp and fluid of the brain, both bright in T2, are not both dark in T1."""
    generator = np.random.default_rng(3)
    given, cells = generator.uniform(0, 1, 200_000), generator.uniform(0, 6, (200_000, 3))
    values = np.where(cells[:, 0] < 3, given, 1 - given)
    side = contrast.CELL_MM * 6 / 7
    image = prepared(np.full((8, 8, 8), 0.9), np.ones((8, 8, 8), bool), spacing=side)
    column = GrayValueMap(given, values, cells)(image).array[:, 4, 4]
    assert column[0] > 0.8 and column[-1] < 0.2


def test_where_few_places_tell_the_curve_is_that_of_the_whole_volume():
    generator = np.random.default_rng(3)
    given, cells = generator.uniform(0, 1, 50_000), generator.uniform(0, 1, (50_000, 3))
    given, cells = np.append(given, 0.5), np.vstack([cells, [[9.0, 9.0, 9.0]]])
    image = prepared(np.full((2, 2, 2), 0.9), np.ones((2, 2, 2), bool), spacing=6 * contrast.CELL_MM)
    assert GrayValueMap(given, given, cells)(image).array[1, 1, 1] == pytest.approx(0.9, abs=0.1)


def test_blurred_means_get_their_contrast_back():
    generator = np.random.default_rng(3)
    given = generator.uniform(0, 1, 50_000)
    # Half of the places show something else.
    values = np.where(generator.random(given.shape) < 0.5, given, generator.permutation(given))
    image = prepared(np.array([[[0.02, 0.98]]]), np.ones((1, 1, 2), bool))
    low, high = GrayValueMap(given, values, np.zeros((len(given), 3)))(image).array[0, 0]
    assert low < 0.1 and high > 0.9


def test_noise_is_not_blown_up_to_a_contrast():
    generator = np.random.default_rng(3)
    given, values = generator.uniform(0, 1, 50_000), generator.uniform(0, 1, 50_000)
    image = prepared(np.linspace(0.02, 0.98, 64).reshape(4, 4, 4), np.ones((4, 4, 4), bool))
    assert GrayValueMap(given, values, np.zeros((len(given), 3)))(image).array.std() < 0.2 * values.std()


def test_one_gray_value_alone_becomes_the_mean():
    image = prepared(np.full((2, 2, 2), 0.5), np.ones((2, 2, 2), bool))
    matched = GrayValueMap(np.full(1000, 0.5), np.linspace(0, 1, 1000), np.zeros((1000, 3)))
    assert matched(image).array == pytest.approx(0.5)


def test_what_is_no_object_stays_background():
    image = tissues()
    matched = GrayValueMap(np.linspace(0, 1, 1000), np.linspace(1, 0, 1000), np.zeros((1000, 3)))
    assert not matched(image).array[~image.content].any()
