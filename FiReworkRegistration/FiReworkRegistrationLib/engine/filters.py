"""Gaussian smoothing of torch volumes."""

import torch
import torch.nn.functional as F


def smooth(image: torch.Tensor, sigma) -> torch.Tensor:
    """Gaussian smoothing of (B, C, D, H, W), edges repeated.

    :param sigma: standard deviation in voxels, one number or three in order k, j, i; an axis
        with 0 is left as it is.
    """
    sigmas = (sigma,) * 3 if isinstance(sigma, int | float) else tuple(sigma)
    for axis, width in enumerate(sigmas):
        if width > 0:
            image = _smooth_axis(image, 2 + axis, width)
    return image


def _smooth_axis(image: torch.Tensor, axis: int, sigma: float) -> torch.Tensor:
    radius = max(1, int(3 * sigma + 0.5))
    kernel = torch.exp(-0.5 * (torch.arange(radius + 1, dtype=torch.float32) / sigma) ** 2)
    center, *others = (kernel / (2 * kernel.sum() - kernel[0])).tolist()
    pad = [0] * 6
    # F.pad counts axes from the last one.
    pad[2 * (4 - axis)] = pad[2 * (4 - axis) + 1] = radius
    padded, length = F.pad(image, pad, mode="replicate"), image.shape[axis]
    # Additions of the shifted whole: on a CPU several times as fast as a convolution with one channel.
    smoothed = image * center
    for offset, weight in enumerate(others, 1):
        for start in (radius - offset, radius + offset):
            smoothed.add_(padded.narrow(axis, start, length), alpha=weight)
    return smoothed
