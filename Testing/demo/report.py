"""The picture of a registration: what went in, what came out, where they differ, how it got there."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class Report:
    """All arrays (k, j, i) on the fixed volume's grid, axes close to R, A, S.

    :param spacing: mm along i, j, k.
    :param placed: the moving volume where its header puts it.
    :param start: the moving volume after the affine alignment.
    :param jacobian: determinant of the whole map.
    :param deformation: (k, j, i, 3) mm along i, j, k: the map without its affine part.
    :param figures: the engine's iterations.
    """

    spacing: np.ndarray
    fixed: np.ndarray
    placed: np.ndarray
    start: np.ndarray
    warped: np.ndarray
    jacobian: np.ndarray
    deformation: np.ndarray
    figures: list = field(default_factory=list)

    @property
    def brain(self) -> np.ndarray:
        """Rough mask of the fixed brain."""
        return self.fixed > 0.05 * np.percentile(self.fixed, 99)


def gather(outputs) -> Report:
    """From what ``registerNodes`` returned; warped volume and Jacobian are read from their nodes."""
    from slicer.util import arrayFromVolume

    from FiReworkRegistrationLib.engine.maps import DisplacementMap
    from FiReworkRegistrationLib.engine.volume_warping import warp_volume

    registration = outputs.registration
    fixed, moving, grid = registration.fixed, registration.moving, registration.fixed.grid
    nowhere = DisplacementMap(grid, np.zeros((*grid.shape, 3), np.float32))
    return Report(
        spacing=grid.spacing,
        fixed=fixed.array.astype(np.float32),
        placed=warp_volume(moving, nowhere, fixed).array,
        start=registration.warped(0).array,
        warped=arrayFromVolume(outputs.volume).astype(np.float32),
        jacobian=arrayFromVolume(outputs.jacobian),
        deformation=deformation_alone(registration.map(), registration.affine, grid),
        figures=list(outputs.figures),
    )


def deformation_alone(dmap, affine: np.ndarray, grid) -> np.ndarray:
    """A^-1(map(x)) - x at the points of ``grid``, (k, j, i, 3) mm along its i, j and k axes.

    :param affine: 4x4 RAS mm, fixed to moving.
    """
    k, j, i = np.meshgrid(*(np.arange(size) for size in grid.shape), indexing="ij")
    points = grid.to_ras(np.stack([i, j, k], -1).reshape(-1, 3))
    back = np.linalg.inv(affine)
    moved = dmap.at(points) @ back[:3, :3].T + back[:3, 3]
    return ((moved - points) @ grid.directions).reshape(*grid.shape, 3)


def gray_match(image: np.ndarray, reference: np.ndarray, mask: np.ndarray):
    """The function that brings gray values of ``image`` to those of ``reference``; 0 stays 0.

    Monotone and piecewise linear, from the quantiles of both inside ``mask``: scans of one tissue
    differ in brightness, and a difference image should not show that.
    """
    shares = np.linspace(0.05, 0.99, 12)
    inside = mask & (image > 0)
    if inside.sum() < 100:
        return lambda values: values
    source = np.quantile(image[inside], shares)
    keep = np.concatenate([[True], np.diff(source) > 1e-6])
    target = np.quantile(reference[inside], shares)[keep]
    source = source[keep]
    top = 2 * source[-1]
    knots = np.concatenate([[0], source, [top]])
    values = np.concatenate([[0], target, [target[-1] * top / source[-1]]])
    return lambda image: np.interp(image, knots, values)


def draw(report: Report, path: Path, title: str) -> None:
    """Write the picture as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from panels import draw_curves, draw_rows

    figure = plt.figure(figsize=(22, 12.8), facecolor="white")
    figure.suptitle(title, fontsize=19, y=0.988)
    top, bottom = figure.subfigures(2, 1, height_ratios=(3.45, 1), hspace=0.0)
    draw_rows(top, report)
    draw_curves(bottom, report.figures)
    figure.savefig(path, dpi=90)
    plt.close(figure)
