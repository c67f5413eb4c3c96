"""Checkerboards, differences and contours of known pictures."""

import numpy as np
import pytest

from FiReworkRegistrationLib.engine import comparison

SHAPE = (20, 24, 28)


def ball(radius, inside=100.0, outside=0.0):
    """A ball with an edge one voxel wide, and the distance of each voxel to its surface."""
    k, j, i = np.indices((32, 32, 32)) - 15.5
    distance = np.sqrt(k**2 + j**2 + i**2) - radius
    return (outside + (inside - outside) * np.clip(0.5 - distance, 0, 1)).astype(np.float32), distance


@pytest.mark.parametrize("through", [0, 1, 2])
def test_squares_go_straight_through_the_volume(through):
    board = comparison.checkerboard(np.zeros(SHAPE), np.ones(SHAPE), (1, 1, 1), through, size_mm=4)
    assert (board == np.take(board, [0], axis=through)).all()
    assert board.mean() == pytest.approx(0.5, abs=0.05)


def test_squares_have_the_size_in_mm_from_the_middle():
    board = comparison.checkerboard(np.zeros(SHAPE), np.ones(SHAPE), (2, 1, 1), 0, size_mm=8)
    changes = np.flatnonzero(np.diff(board[0, 0]))
    assert list(changes) == [1, 5, 9, 13, 17, 21, 25]


def test_equal_pictures_differ_nowhere():
    picture, _ = ball(8)
    assert not comparison.difference(picture, picture).any()


def test_the_window_is_that_of_the_object():
    picture = np.zeros(SHAPE)
    picture[5:15, 5:15, 5:15] = np.linspace(50, 150, 10)[:, None, None]
    low, high = comparison.intensity_window(picture)
    assert 45 < low < 65
    assert 140 < high < 155


def test_a_constant_picture_has_a_window():
    low, high = comparison.intensity_window(np.full(SHAPE, 7))
    assert high > low


def test_scaled_cuts_off():
    assert list(comparison.scaled(np.array([0, 10, 15, 20, 99], np.int16), (10, 20))) == [0, 0, 0.5, 1, 1]


def test_levels_part_three_tissues():
    random = np.random.default_rng(0)
    picture = np.concatenate([random.normal(mean, 4, 3000) for mean in (0, 60, 110)]).reshape(10, 30, 30)
    low, high = comparison.tissue_levels(picture)
    assert 15 < low < 45
    assert 75 < high < 95


def test_distance_near_the_first_level():
    picture, true = ball(9)
    found = comparison.contour_distance(picture, (50.0, 900.0))
    assert (np.sign(found) == -np.sign(true))[np.abs(true) > 0.5].all()
    # Voxels whose value says "on the line" lie on the surface.
    assert np.abs(true)[np.abs(found) < 0.4].max() < 0.8


def test_the_second_level_is_shifted():
    picture, true = ball(9)
    found = comparison.contour_distance(picture, (-900.0, 50.0))
    line = np.abs(found - comparison.SECOND_CONTOUR) < 0.4
    assert line.any()
    assert np.abs(true)[line].max() < 0.8


def test_distances_are_in_mm():
    picture, true = ball(9)
    found = comparison.contour_distance(picture, (50.0, 150.0), (2.0, 2.0, 2.0))
    near = np.abs(true) < 0.5
    assert np.allclose(found[near], -2 * true[near], atol=1.0)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_distances_are_in_mm_whatever_the_spacing_of_other_axes(axis):
    size = (4.0, 2.0, 1.0)[axis]
    ramp = np.moveaxis(np.broadcast_to(np.arange(24) * size, (9, 9, 24)), 2, axis)
    found = comparison.contour_distance(ramp, (10 * size + 0.5, 10 * size + 6.5), (1.0, 2.0, 4.0))
    assert np.take(found, 10, axis)[4, 4] == pytest.approx(-0.5, abs=1e-2)


def test_noise_draws_next_to_nothing():
    noise = np.random.default_rng(0).normal(50, 1, (24, 24, 24))
    found = comparison.contour_distance(noise, (50.0, 100.0))
    assert (np.abs(found) < 0.4).mean() < 0.12
