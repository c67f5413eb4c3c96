"""Image similarity and field regularity: the terms of the FiRework loss (arXiv 2410.09595, eq. 5)."""

import torch
import torch.nn.functional as F


def _box_mean(image: torch.Tensor, window: int) -> torch.Tensor:
    # Three 1D passes cost 3 w additions a voxel where a dense window costs w^3. Zero padding
    # counts in the divisor, as in VoxelMorph's convolution with a kernel of ones.
    half = window // 2
    for kernel in ((window, 1, 1), (1, window, 1), (1, 1, window)):
        padding = tuple(half if size > 1 else 0 for size in kernel)
        image = F.avg_pool3d(image, kernel, stride=1, padding=padding)
    return image


class LocalNcc:
    """Squared local normalized cross-correlation with one fixed image, whose sums are kept.

    :param fixed: (B, 1, D, H, W) float32.
    :param window: odd width of the box in voxels.
    """

    def __init__(self, fixed: torch.Tensor, window=9, epsilon=1e-5):
        self.window, self.epsilon = window, epsilon
        with torch.autocast(fixed.device.type, enabled=False):
            self._fixed = fixed.float()
            mean, square = _box_mean(torch.cat([self._fixed, self._fixed**2], dim=1), window).chunk(2, dim=1)
        self._mean = mean
        # Rounding can leave a variance slightly below zero in flat regions.
        self._variance = (square - mean * mean).clamp(min=0) * float(window) ** 3

    def __call__(self, moving: torch.Tensor) -> torch.Tensor:
        """``cross^2 / (varF varM + epsilon)`` of every voxel, in [0, 1], over a box with zero padding.

        VoxelMorph (Balakrishnan 2019), eq. 4; the sums, not the means, enter.

        :param moving: (B, 1, D, H, W) float32.
        :return: (B, 1, D, H, W) float32.
        """
        with torch.autocast(moving.device.type, enabled=False):
            m, volume = moving.float(), float(self.window) ** 3
            mean, mm, fm = _box_mean(torch.cat([m, m * m, self._fixed * m], dim=1), self.window).chunk(3, dim=1)
            cross = (fm - self._mean * mean) * volume
            variance = (mm - mean * mean).clamp(min=0) * volume
            return cross * cross / (self._variance * variance + self.epsilon)


def local_ncc_map(fixed: torch.Tensor, moving: torch.Tensor, window=9, epsilon=1e-5) -> torch.Tensor:
    """:class:`LocalNcc` of two images, (B, 1, D, H, W) float32 in [0, 1]."""
    return LocalNcc(fixed, window, epsilon)(moving)


def local_ncc(fixed, moving, window=9, mask=None) -> torch.Tensor:
    """Mean of :func:`local_ncc_map` over the grid, or over ``mask`` > 0, a scalar in [0, 1]."""
    ncc = local_ncc_map(fixed, moving, window)
    if mask is None:
        return ncc.mean()
    weight = (mask > 0).float()
    return (ncc * weight).sum() / weight.sum().clamp(min=1)


def global_ncc(fixed, moving, mask=None) -> torch.Tensor:
    """Pearson correlation of the two images, over ``mask`` > 0 where given; a scalar in [-1, 1]."""
    f, m = fixed.double(), moving.double()
    if mask is not None:
        f, m = f[mask > 0], m[mask > 0]
    f, m = f - f.mean(), m - m.mean()
    return (f * m).sum() / (f.square().sum() * m.square().sum()).sqrt().clamp(min=1e-12)


def gradient_penalty(field: torch.Tensor) -> torch.Tensor:
    """Mean squared forward difference of a voxel field, averaged over the three axes (scalar)."""
    return sum(field.float().diff(dim=axis).square().mean() for axis in (2, 3, 4)) / 3.0
