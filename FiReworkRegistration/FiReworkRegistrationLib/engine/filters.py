"""Gaussian smoothing of torch volumes."""

import torch
import torch.nn.functional as F


def smooth(image: torch.Tensor, sigma) -> torch.Tensor:
    """Gaussian smoothing of (B, C, D, H, W), edges repeated.

    :param sigma: standard deviation in voxels, one number or three in order k, j, i; an axis
        with 0 is left as it is.
    """
    sigmas = (sigma,) * 3 if isinstance(sigma, int | float) else tuple(sigma)
    channels = image.shape[1]
    for axis, width in enumerate(sigmas):
        if width <= 0:
            continue
        radius = max(1, int(3 * width + 0.5))
        offsets = torch.arange(-radius, radius + 1, dtype=torch.float32, device=image.device)
        kernel = torch.exp(-0.5 * (offsets / width) ** 2)
        shape, pad = [1, 1, 1, 1, 1], [0] * 6
        shape[2 + axis] = -1
        # F.pad counts axes from the last one.
        pad[2 * (2 - axis)] = pad[2 * (2 - axis) + 1] = radius
        weight = (kernel / kernel.sum()).view(shape).expand(channels, *(-1,) * 4)
        image = F.conv3d(F.pad(image, pad, mode="replicate"), weight, groups=channels)
    return image
