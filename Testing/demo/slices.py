"""Slices of (k, j, i) arrays as Slicer shows them: patient's right on the left, front up or left."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class View:
    """:param axis: array axis the slices are cut across. :param across, up: i, j, k numbers of the plane's axes."""

    name: str
    axis: int
    across: int
    up: int
    left: str
    right: str

    def height(self, report) -> float:
        """Of a plane, as a share of its width."""
        size = np.array(report.fixed.shape[::-1]) * report.spacing
        return size[self.up] / size[self.across]


VIEWS = (
    View("Axial", 0, 0, 1, "R", "L"),
    View("Coronal", 1, 0, 2, "R", "L"),
    View("Sagittal", 2, 1, 2, "A", "P"),
)


class Slicer:
    """Cuts one plane through the brain, the same one from every volume of a report."""

    def __init__(self, view: View, report, brain: np.ndarray):
        self.view = view
        inside = np.flatnonzero(brain.any(axis=tuple(a for a in range(3) if a != view.axis)))
        # Off the middle, through ventricles and deep structures, beside the midline.
        share = 0.56 if view.axis < 2 else 0.42
        self.index = int(inside[0] + share * (inside[-1] - inside[0]))
        self.spacing = report.spacing
        self.aspect = report.spacing[view.up] / report.spacing[view.across]

    def plane(self, volume: np.ndarray) -> np.ndarray:
        """Rows from the top, columns from the viewer's left."""
        return np.take(volume, self.index, axis=self.view.axis)[::-1, ::-1]

    def draw_grid(self, axis, deformation: np.ndarray, every_mm: float) -> None:
        """Lines of a regular grid of the moving image, where the map brings them on the fixed image."""
        for number in (self.view.across, self.view.up):
            rows = np.arange(deformation.shape[2 - number]) * self.spacing[number]
            shape = [1, 1, 1]
            shape[2 - number] = -1
            position = deformation[..., number] + rows.reshape(shape)
            plane = self.plane(position)
            lines = np.arange(every_mm, plane.max(), every_mm)
            axis.contour(plane, lines, colors="#ffb000", linewidths=0.8)

    def draw_folded(self, axis, folded: np.ndarray, color: str) -> None:
        """Folded voxels as dots large enough to be seen."""
        rows, columns = np.nonzero(self.plane(folded))
        axis.plot(columns, rows, "s", color=color, markersize=3, linestyle="none")

    def label(self, axis, size: int) -> None:
        """Name of the view and its sides."""
        axis.set_ylabel(self.view.name, fontsize=size)
        style = {"color": "white", "fontsize": size, "transform": axis.transAxes, "va": "bottom"}
        axis.text(0.03, 0.02, self.view.left, ha="left", **style)
        axis.text(0.97, 0.02, self.view.right, ha="right", **style)
