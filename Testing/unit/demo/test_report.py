"""The demo's picture and its console output, on made-up results."""

import io
from types import SimpleNamespace

import numpy as np
import pytest

import report
from FiReworkRegistrationLib.engine.geometry import Grid
from FiReworkRegistrationLib.engine.maps import DisplacementMap
from progress import ProgressLine, iteration_table, peak_memory_gb


def an_iteration(index):
    return SimpleNamespace(
        index=index, local_ncc=0.5 + 0.1 * index, global_ncc=0.8, percent_folded=0.25, mean_change=0.5,
        p95_change=1.0, seconds=0.1, polished=False,
    )  # fmt: skip


@pytest.fixture
def a_report():
    """A ball of 20 voxels across, two folded voxels in it."""
    k, j, i = np.indices((24, 28, 26)) - np.array([12, 14, 13])[:, None, None, None]
    ball = np.clip(11 - np.sqrt(k**2 + j**2 + i**2), 0, 5).astype(np.float32)
    jacobian = np.ones_like(ball)
    jacobian[12, 14, 13:15] = -0.5
    return report.Report(
        np.array([2.0, 2.0, 3.0]), ball, np.roll(ball, 3, 0), np.roll(ball, 1, 0), ball, jacobian,
        np.zeros((*ball.shape, 3)), [an_iteration(index) for index in range(4)],
    )  # fmt: skip


def test_picture_is_drawn(a_report, tmp_path):
    path = tmp_path / "report.png"
    report.draw(a_report, path, "a title")
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert path.stat().st_size > 20_000


def test_gray_match_undoes_a_brightness_change_and_keeps_the_background():
    reference = np.random.default_rng(0).gamma(4, 20, (20, 20, 20))
    image = 0.5 * reference + 10
    match = report.gray_match(image, reference, np.ones(image.shape, bool))
    middle = np.abs(reference - np.median(reference)) < 30
    np.testing.assert_allclose(match(image)[middle], reference[middle], atol=0.5)
    assert match(np.zeros(3)).tolist() == [0, 0, 0]


def test_deformation_alone_leaves_the_affine_out():
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    grid = Grid((6, 7, 8), np.block([[turn * 2, np.array([[5.0], [6], [7]])], [np.zeros((1, 3)), np.ones((1, 1))]]))
    affine = np.diag([1.1, 0.9, 1.2, 1.0])
    affine[:3, 3] = 10, -5, 3
    k, j, i = np.indices(grid.shape)
    points = grid.to_ras(np.stack([i, j, k], -1))
    # 3 mm along the grid's i axis, then the affine.
    moved = (points + 3 * grid.directions[:, 0]) @ affine[:3, :3].T + affine[:3, 3]
    dmap = DisplacementMap(grid, (moved - points).astype(np.float32))
    alone = report.deformation_alone(dmap, affine, grid)
    np.testing.assert_allclose(alone, np.broadcast_to([3.0, 0, 0], alone.shape), atol=1e-4)


def test_table_has_a_line_for_each_iteration():
    lines = iteration_table([an_iteration(0), an_iteration(1)]).splitlines()
    assert len(lines) == 4
    assert lines[-1].split() == ["1", "0.6000", "0.8000", "0.2500", "0.5000", "1.0000", "0.10"]
    assert len({len(line) for line in lines[1:]}) == 1


def test_progress_on_a_log_is_a_line_for_each_message():
    stream = io.StringIO()
    with ProgressLine(stream) as progress:
        progress(0.1, "Aligning")
        progress(0.2, "Aligning")
        progress(1.0, "Done")
    assert stream.getvalue() == "   10 %  Aligning\n  100 %  Done\n"


def test_peak_memory_is_that_of_a_python_with_torch():
    memory = peak_memory_gb()
    assert memory is None or 0.05 < memory < 64
