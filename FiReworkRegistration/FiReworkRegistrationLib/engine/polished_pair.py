"""A pair as the levels of a polish see it: its images, mask and structures on the grid of any level."""

from collections.abc import Callable

import torch

from .fields import resize_field
from .filters import smooth
from .map_writers import finer_than
from .polish import FieldPolisher
from .refiner import Refiner
from .structures import StructureMatch
from .workers import Workers


class PolishedPair:
    """
    :param refiner: of the pair.
    :param images: ``images(finer)`` gives fixed and moving on a grid so many times as fine as the working grid.
    :param grid: the working grid.
    :param spacing: of the working grid, mm.
    :param structures: what else must match, or None.
    :param workers: who compute side by side; the caller alone if None.
    """

    def __init__(
        self, refiner: Refiner, images: Callable, grid, spacing: float, structures: StructureMatch | None,
        workers: Workers | None = None,
    ):  # fmt: skip
        self._refiner, self._images, self._structures, self._workers = refiner, images, structures, workers
        self._grid, self._spacing = grid, spacing

    def polisher(self, level, field: torch.Tensor) -> FieldPolisher:
        """Of ``level``, from ``field`` on."""
        images = self._images(level.finer)
        start = resize_field(field, images[0].shape[2:])
        return FieldPolisher(
            *images, self.mask_for(start), start, self._spacing / level.finer, smoothness=level.smoothness,
            structures=self._structures and self._structures.coarser(start.shape[2:]), workers=self._workers,
        )  # fmt: skip

    def mask_for(self, field: torch.Tensor) -> torch.Tensor:
        """The mask on the grid of a field, (1, 1, D, H, W), > 0 inside."""
        return self._refiner.mask_for(field)

    def smoothed(self, field: torch.Tensor, deviation: float) -> torch.Tensor:
        """The field without its detail.

        :param deviation: voxels of the working grid.
        """
        return smooth(field, deviation * finer_than(field, self._grid))

    def similarity(self, field: torch.Tensor) -> float:
        """Of the images on the working grid, under the field."""
        return self._refiner.similarity(field)
