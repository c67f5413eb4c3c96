"""Drawing, aligning and augmenting training pairs. Everything random comes from one generator."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..engine.preprocessing import foreground, normalize_intensity
from ..engine.warping import resample_affine
from ..engine.working_grid import smoothed_for
from .subjects import Subject, centroid_affine

#: Pieces of a whole head reach this far beyond the brain's box, both sides together.
SHELL_MM = 40.0


@dataclass
class Pair:
    """One pair on the training grid; images (1, 1, D, H, W) float32 in [0, 1].

    ``fixed`` and ``moving`` are clean and enter the loss; the network sees
    ``fixed_input`` and ``moving_input``, which may be augmented.
    """

    fixed: torch.Tensor
    moving: torch.Tensor
    fixed_input: torch.Tensor
    moving_input: torch.Tensor
    fixed_labels: torch.Tensor | None = None
    moving_labels: torch.Tensor | None = None


def grid_affine(shape, spacing: float, center) -> np.ndarray:
    """IJK-to-RAS (4x4, mm) of an RAS-oriented isotropic grid of ``shape`` (k, j, i) about ``center``."""
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = np.asarray(center) - spacing * (np.array(shape[::-1]) - 1) / 2
    return affine


def random_affine(generator: np.random.Generator, rotation: float, scale: float, shear: float, shift: float):
    """A random affine about the origin, 4x4: degrees, log scale, shear and mm, each a standard deviation."""
    from scipy.spatial.transform import Rotation

    matrix = np.eye(4)
    turn = Rotation.from_rotvec(np.deg2rad(generator.normal(0, rotation, 3))).as_matrix()
    stretch = np.diag(np.exp(generator.normal(0, scale, 3)))
    skew = np.eye(3) + np.triu(generator.normal(0, shear, (3, 3)), 1)
    matrix[:3, :3] = turn @ skew @ stretch
    matrix[:3, 3] = generator.normal(0, shift, 3)
    return matrix


def about(matrix: np.ndarray, center) -> np.ndarray:
    """The same affine with ``center`` (mm) instead of the origin as its fixed point."""
    moved = matrix.copy()
    moved[:3, 3] += center - matrix[:3, :3] @ center
    return moved


class PairMaker:
    """Puts two subjects on one grid as a registration would after its affine step.

    :param affine: ``affine(fixed, moving)`` gives the 4x4 RAS mm from the fixed to the moving ``Subject``.
    """

    def __init__(self, config, device="cpu", affine=centroid_affine):
        self.config, self._affine = config, affine
        self.device = torch.device(device)
        self._normalized = {}

    def make(self, fixed: Subject, moving: Subject, generator=None, whole_head=False, labels=False) -> Pair:
        """A pair in the fixed subject's frame, the moving one brought there by ``affine``.

        :param generator: numpy generator for the augmentation; None makes the plain pair.
        :param labels: also resample the label maps (nearest).
        """
        config = self.config
        shape = config.whole_head_shape if whole_head else config.shape
        center = grid_center = fixed.center
        pose, error, flip = np.eye(4), np.eye(4), False
        if generator is not None:
            p, a = config.pose_jitter, config.affine_jitter
            pose = about(random_affine(generator, 5 * p, 0.04 * p, 0, 3 * p), center)
            error = about(random_affine(generator, 1.5 * a, 0.02 * a, 0.01 * a, 1.5 * a), center)
            flip = generator.random() < config.flip
            if config.crop:
                # A piece of the brain at full sharpness: nearly all of it is tissue, where
                # the whole grid is two thirds background. Of a whole head also its shell.
                shape = config.crop
                extent = fixed.extent + (SHELL_MM if whole_head else 0.0)
                free = extent - config.spacing * np.array(shape[::-1])
                grid_center = center + generator.uniform(-0.5, 0.5, 3) * np.maximum(free, 0)
        to_fixed = pose @ grid_affine(shape, config.spacing, grid_center)
        to_moving = self._affine(fixed, moving) @ error @ to_fixed

        def place(subject, to_world, array, mode="bilinear"):
            matrix = np.linalg.inv(subject.affine) @ to_world
            placed = resample_affine(array, matrix, shape, mode)
            return placed.flip(-1) if flip else placed

        clean_fixed = place(fixed, to_fixed, self._image(fixed, whole_head))
        clean_moving = place(moving, to_moving, self._image(moving, whole_head))
        pair = Pair(clean_fixed, clean_moving, clean_fixed, clean_moving)
        if generator is not None:
            pair.fixed_input = self._augment(clean_fixed, generator)
            pair.moving_input = self._augment(clean_moving, generator)
        if labels:
            as_tensor = lambda s: torch.from_numpy(s.labels.astype(np.float32))[None, None].to(self.device)  # noqa: E731
            pair.fixed_labels = place(fixed, to_fixed, as_tensor(fixed), "nearest")
            pair.moving_labels = place(moving, to_moving, as_tensor(moving), "nearest")
        return pair

    def _image(self, subject: Subject, whole_head: bool) -> torch.Tensor:
        key = (subject.name, whole_head)
        if key not in self._normalized:
            mask = foreground(subject.image) if whole_head else subject.mask
            image = normalize_intensity(subject.image, mask, zero_outside=not whole_head)
            image = torch.from_numpy(image)[None, None]
            image = smoothed_for(image, np.linalg.norm(subject.affine[:3, :3], axis=0), self.config.spacing)
            self._normalized[key] = image.half().to(self.device)
        return self._normalized[key].float()

    def _augment(self, image: torch.Tensor, generator) -> torch.Tensor:
        if self.config.gamma:
            image = image.clamp(min=0) ** float(np.exp(generator.normal(0, self.config.gamma)))
        if self.config.bias:
            coarse = torch.from_numpy(generator.normal(0, self.config.bias, (1, 1, 4, 4, 4)).astype(np.float32))
            field = F.interpolate(coarse.to(image.device), image.shape[2:], mode="trilinear", align_corners=True)
            image = image * field.exp()
        return image
