import numpy as np

from FiReworkRegistrationLib.engine.preprocessing import foreground, looks_like_ct, normalize_intensity


def test_intensities_go_to_zero_and_one_whatever_their_scale():
    image = np.random.default_rng(0).normal(1000, 200, (20, 20, 20)).astype(np.int16)
    mask = np.ones(image.shape, bool)
    first = normalize_intensity(image, mask)
    second = normalize_intensity(image.astype(np.float32) * 0.01 - 3, mask)
    assert first.min() == 0 and first.max() == 1 and first.dtype == np.float32
    assert np.abs(first - second).max() < 0.01


def test_one_bright_voxel_does_not_darken_the_rest():
    image = np.random.default_rng(0).uniform(0, 100, (20, 20, 20))
    mask = np.ones(image.shape, bool)
    plain = normalize_intensity(image, mask)
    image[0, 0, 0] = 1e6
    assert np.abs(normalize_intensity(image, mask) - plain).ravel()[1:].max() < 0.01


def test_outside_of_a_mask_can_be_blanked():
    image = np.random.default_rng(0).uniform(10, 100, (8, 8, 8))
    mask = np.zeros(image.shape, bool)
    mask[2:6] = True
    assert not normalize_intensity(image, mask, zero_outside=True)[~mask].any()


def test_foreground_of_a_stripped_and_of_a_noisy_head(ball):
    inside = ball.array > 0.5
    stripped = np.where(ball.array > 0.05, ball.array, 0)
    noisy = np.abs(ball.array + np.random.default_rng(0).normal(0, 0.01, ball.array.shape))
    for image in (stripped, noisy):
        found = foreground(image)
        assert (found & inside).sum() > 0.98 * inside.sum()
        assert found.sum() < 1.8 * inside.sum()


def test_padding_with_zeros_makes_no_object_of_noisy_air(ball):
    generator = np.random.default_rng(0)
    noise = (generator.normal(0, 0.02, ball.array.shape) for _ in range(2))
    noisy = np.hypot(ball.array + next(noise), next(noise)).astype(np.float32)
    assert foreground(np.pad(noisy, 4)).sum() < 1.05 * foreground(noisy).sum()


def test_full_range_keeps_rare_values():
    image = np.zeros((10, 10, 10), np.float32)
    image[1:] = np.random.default_rng(0).uniform(1, 2, (9, 10, 10))
    image[5, 5, 5] = 11.0
    full = normalize_intensity(image, image > 0, method="full-range")
    assert full.max() == full[5, 5, 5] == 1 and full[1:4].max() < 0.11
    assert normalize_intensity(image, image > 0)[1:4].max() > 0.9


def test_a_ct_is_told_from_an_mr_image():
    generator = np.random.default_rng(0)
    tissue, air = generator.normal(40, 20, (20, 20, 10)), np.full((20, 20, 10), -1000.0)
    ct = np.concatenate([air, tissue], axis=2)
    assert looks_like_ct(ct) and looks_like_ct(np.where(ct == -1000, -3024, ct).astype(np.int16))
    assert not looks_like_ct(ct + 1000) and not looks_like_ct(generator.normal(0, 1, ct.shape))
    for other in (tissue * 20, tissue - 340):
        assert not looks_like_ct(np.concatenate([air, other], axis=2))


def test_standardized_gray_values_have_their_background_in_the_middle():
    brain = np.zeros((20, 20, 20), np.float32)
    brain[5:15, 5:15, 5:15] = np.random.default_rng(0).normal(0, 1, (10, 10, 10))
    assert foreground(brain).sum() == 1000


def test_water_of_a_ct_is_no_background():
    ct = np.full((20, 20, 20), -1000.0)
    ct[4:16, 4:16, 4:16] = np.random.default_rng(0).normal(40, 20, (12, 12, 12))
    ct[6:14, 6:14, 4:18] = 0.0
    assert looks_like_ct(ct)
    assert foreground(ct)[6:14, 6:14, 6:14].all() and not foreground(ct)[:4].any()


def test_what_is_hardly_brighter_than_air_is_no_object():
    head = np.zeros((20, 20, 20), np.float32)
    head[5:15, 5:15, 5:15] = np.random.default_rng(0).uniform(50, 100, (10, 10, 10))
    head[4, 4:16, 4:16] = 0.5
    assert foreground(head).sum() == 1000


def test_ringing_of_a_spline_is_no_object():
    """A rotated grid has exact zeros in its corners, and a little less than 0 beside edges."""
    head = np.zeros((30, 30, 30), np.float32)
    head[5:25, 5:25, 5:25] = np.random.default_rng(0).uniform(-2, 2, (20, 20, 20))
    head[10:20, 10:20, 10:20] = np.random.default_rng(1).uniform(50, 255, (10, 10, 10))
    assert foreground(head).sum() == 1000


def test_a_single_voxel_makes_no_ct():
    head = np.random.default_rng(0).uniform(0, 255, (20, 20, 20))
    head[3, 3, 3] = -1000
    assert not looks_like_ct(head)
