"""Augmented images with structure numbers, from labelled subjects. Everything random comes from one generator."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..engine.affine_table import affine_table, to_unit_box
from ..engine.filters import smooth
from ..engine.preprocessing import foreground, normalize_intensity
from .pairs import about, grid_affine, random_affine

#: A brain is cut out so many voxels outside its labels at most: skull strippers differ.
WIDEST_RIM = 2.0


@dataclass
class _Prepared:
    """One subject on its own grid, (k, j, i)."""

    brain: torch.Tensor  # image normalized within the brain, float16
    head: torch.Tensor  # image normalized within the head, float16
    outside: torch.Tensor  # distance to the brain, voxels, float16
    numbers: torch.Tensor  # structure numbers, uint8 or int16, 0 is none
    center: np.ndarray  # of the brain, RAS mm
    affine: np.ndarray


class StructureExamples:
    """Draws images of :class:`Subject` s on a common grid with the number of the structure at every voxel.

    :param subjects: with label maps.
    :param labels: label values in the order of their structure numbers, which begin at 1.
    :param shape: (k, j, i) of the grid, centered on the brain.
    :param spacing: mm.
    :param whole_head: share of examples that are not cut out.
    :param device: where images are kept and made.
    """

    def __init__(self, subjects, labels, shape, spacing: float, whole_head=0.25, device="cpu"):
        self.shape, self.spacing, self.whole_head = tuple(shape), spacing, whole_head
        self.device = torch.device(device)
        self._labels = np.array(labels)
        self._subjects = [self._prepare(subject) for subject in subjects]

    def __len__(self) -> int:
        return len(self._subjects)

    def make(self, index: int, generator=None, whole_head=False) -> tuple[torch.Tensor, torch.Tensor]:
        """:return: image (1, 1, D, H, W) float32 in [0, 1] and numbers (D, H, W) int64.

        :param generator: numpy generator that draws pose, shape, contrast and cut; None makes the plain image.
        :param whole_head: where there is no generator.
        """
        subject = self._subjects[index]
        to_world = grid_affine(self.shape, self.spacing, subject.center)
        if generator is not None:
            whole_head = generator.random() < self.whole_head
            pose = random_affine(generator, rotation=7.0, scale=0.07, shear=0.03, shift=5.0)
            to_world = about(pose, subject.center) @ to_world
        to_voxel = to_unit_box(subject.numbers.shape) @ np.linalg.inv(subject.affine) @ to_world
        table = affine_table(to_voxel, self.shape, self.device)[None]
        if generator is not None:
            bend = self._coarse_noise(generator, 0.03, (1, 3, 6, 7, 6))
            table = table + bend.permute(0, 2, 3, 4, 1)
        numbers = _sample(subject.numbers, table, "nearest")[0, 0].long()
        image = _sample(subject.head if whole_head else subject.brain, table)
        if not whole_head:
            rim = 0.5 if generator is None else generator.uniform(0.3, WIDEST_RIM)
            image = image * (_sample(subject.outside, table, padding="border") < rim)
        return (image if generator is None else self._augment(image, generator)), numbers

    def _prepare(self, subject) -> _Prepared:
        from scipy import ndimage

        position = np.searchsorted(self._labels, subject.labels).clip(max=len(self._labels) - 1)
        numbers = np.where(self._labels[position] == subject.labels, position + 1, 0)
        tensor = lambda array, dtype: torch.from_numpy(np.ascontiguousarray(array)).to(self.device, dtype)  # noqa: E731
        return _Prepared(
            tensor(normalize_intensity(subject.image, subject.mask), torch.float16),
            tensor(normalize_intensity(subject.image, foreground(subject.image)), torch.float16),
            tensor(ndimage.distance_transform_edt(~subject.mask).clip(max=100), torch.float16),
            tensor(numbers, torch.int16),
            subject.center,
            subject.affine,
        )

    def _augment(self, image: torch.Tensor, generator) -> torch.Tensor:
        if generator.random() < 0.5:
            image = smooth(image, [float(generator.uniform(0.2, 0.7))] * 3)
        image = image.clamp(0, 1) ** float(np.exp(generator.normal(0, 0.3)))
        bias = self._coarse_noise(generator, 0.15, (1, 1, 4, 4, 4)).exp()
        fine = torch.Generator(self.device).manual_seed(int(generator.integers(2**31)))
        noise = torch.randn(image.shape, generator=fine, device=self.device)
        # Noise where there is signal: a cut-out brain has none around it.
        return ((image * bias) + noise * float(generator.uniform(0, 0.04)) * (image > 0)).clamp(0, 1)

    def _coarse_noise(self, generator, deviation: float, shape) -> torch.Tensor:
        coarse = torch.from_numpy(generator.normal(0, deviation, shape).astype(np.float32)).to(self.device)
        return F.interpolate(coarse, self.shape, mode="trilinear", align_corners=True)


def _sample(array: torch.Tensor, table: torch.Tensor, mode="bilinear", padding="zeros") -> torch.Tensor:
    image = array.float()[None, None]
    return F.grid_sample(image, table, mode=mode, padding_mode=padding, align_corners=True)
