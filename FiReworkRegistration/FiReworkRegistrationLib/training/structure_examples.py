"""Augmented images with structure numbers, from labelled subjects. Everything random comes from one generator."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..engine.affine_table import affine_table, to_unit_box
from ..engine.filters import smooth
from ..engine.label_maps import numbered
from ..engine.preprocessing import foreground, normalize_intensity
from ..engine.structures import mirrored_numbers
from ..engine.working_grid import smoothed_for
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
    :param mirrored: for each label, the one on the other side, see ``mirrored_labels``; no example is
        mirrored if None.
    :param flip: share of examples that are mirrored.
    """

    def __init__(
        self, subjects, labels, shape, spacing: float, whole_head=0.25, device="cpu", mirrored=None, flip=0.5
    ):  # fmt: skip
        self.shape, self.spacing, self.whole_head, self.flip = tuple(shape), spacing, whole_head, flip
        self.device = torch.device(device)
        self._labels = np.array(labels)
        self._other_side = None
        if mirrored is not None:
            self._other_side = mirrored_numbers(labels, mirrored).to(self.device)
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
        flipped = False
        if generator is not None:
            whole_head = generator.random() < self.whole_head
            flipped = self._other_side is not None and generator.random() < self.flip
            if flipped:
                to_world = about(np.diag([-1.0, 1.0, 1.0, 1.0]), subject.center) @ to_world
            pose = random_affine(generator, rotation=7.0, scale=0.07, shear=0.03, shift=5.0)
            to_world = about(pose, subject.center) @ to_world
        to_voxel = to_unit_box(subject.numbers.shape) @ np.linalg.inv(subject.affine) @ to_world
        table = affine_table(to_voxel, self.shape, self.device)[None]
        if generator is not None:
            bend = self._coarse_noise(generator, 0.03, (1, 3, 6, 7, 6))
            table = table + bend.permute(0, 2, 3, 4, 1)
        numbers = _sample(subject.numbers, table, "nearest")[0, 0].long()
        if flipped:
            numbers = self._other_side[numbers]
        image = _sample(subject.head if whole_head else subject.brain, table)
        if not whole_head:
            rim = 0.5 if generator is None else generator.uniform(0.3, WIDEST_RIM)
            image = image * (_sample(subject.outside, table, padding="border") < rim)
        return (image if generator is None else self._augment(image, generator)), numbers

    def _prepare(self, subject) -> _Prepared:
        from scipy import ndimage

        numbers = numbered(subject.labels, self._labels)
        tensor = lambda array, dtype: torch.from_numpy(np.ascontiguousarray(array)).to(self.device, dtype)  # noqa: E731
        own = np.linalg.norm(subject.affine[:3, :3], axis=0)

        def gray(mask):
            image = torch.from_numpy(normalize_intensity(subject.image, mask))[None, None]
            return tensor(smoothed_for(image, own, self.spacing)[0, 0], torch.float16)

        return _Prepared(
            gray(subject.mask),
            gray(foreground(subject.image)),
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


def mirrored_labels(subjects, labels) -> list[int] | None:
    """For each of ``labels`` the one that lies where its mirror image does; itself in the midline.

    :param subjects: whose centroids tell.
    :return: None where not all labels have a partner: their structures cannot be mirrored.
    """
    places = np.full((len(subjects), len(labels), 3), np.nan)
    for row, subject in zip(places, subjects, strict=True):
        for index, label in enumerate(labels):
            if label in subject.centroids:
                row[index] = subject.centroids[label]
    # The midline of each subject goes through the mean of what it shows.
    places = np.nanmean(places - np.nanmean(places, axis=1, keepdims=True), axis=0)
    places -= places.mean(axis=0)
    distances = np.linalg.norm(places[:, None] - places * np.array([-1.0, 1.0, 1.0]), axis=2)
    partner = distances.argmin(axis=1)
    if not (partner[partner] == np.arange(len(labels))).all():
        return None
    return [labels[index] for index in partner]


def _sample(array: torch.Tensor, table: torch.Tensor, mode="bilinear", padding="zeros") -> torch.Tensor:
    image = array.float()[None, None]
    return F.grid_sample(image, table, mode=mode, padding_mode=padding, align_corners=True)
