"""InstanceNorm (Ulyanov et al. 2016) with a right gradient, over the whole grid or over its content alone.

Two reasons not to take PyTorch's. On a CPU (2.13) the gradient of its InstanceNorm3d is wrong, without a word, where
the incoming gradient has the layout channels last, as convolutions hand it on. And a piece cut out of a brain is mostly
tissue, a grid that holds the whole brain mostly background: means over all of it scale the same tissue differently, and
a network trained on pieces does worse on grids.
"""

import torch
from torch.autograd.function import once_differentiable

#: Added to the variance, as in ``nn.InstanceNorm3d``.
EPSILON = 1e-5


def instance_norm(features: torch.Tensor, content: torch.Tensor | None = None) -> torch.Tensor:
    """Each channel less its mean, divided by its standard deviation.

    :param features: (B, C, D, H, W).
    :param content: (B, 1, D, H, W) float32, how much a voxel counts in both, 0 to 1; all alike if None. Voxels that do
        not count are scaled as the others are.
    :return: as ``features``, in their type, channels last in memory; computed in float32.
    """
    with torch.autocast(features.device.type, enabled=False):
        if content is None:
            content = features.new_ones((len(features), 1, *features.shape[2:]), dtype=torch.float32)
        return _InstanceNorm.apply(features, content)


class _InstanceNorm(torch.autograd.Function):
    """In rows of voxels, which are views of the convolutions' layout: autograd would copy a dozen times."""

    @staticmethod
    def forward(ctx, features, content):
        # A copy of its own, worked on in place: most of the time goes into passes over memory.
        values, weight = _rows(features).to(torch.float32, copy=True), _rows(content)
        weight = weight / weight.sum(dim=1, keepdim=True).clamp(min=1.0)
        values -= weight.transpose(1, 2) @ values
        scale = (weight.transpose(1, 2) @ values.square() + EPSILON).rsqrt()
        normalized = values.mul_(scale).to(features.dtype)
        ctx.save_for_backward(normalized, weight, scale)
        return _volume(normalized, features.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        normalized, weight, scale = ctx.saved_tensors
        shape, dtype = gradient.shape, gradient.dtype
        gradient = _rows(gradient).to(torch.float32, copy=True)
        normalized = normalized.to(torch.float32, copy=True)
        # Of the mean and of the variance, which every voxel that counts moves a little.
        of_mean = gradient.sum(dim=1, keepdim=True)
        of_variance = (gradient * normalized).sum(dim=1, keepdim=True)
        gradient -= normalized.mul_(of_variance).add_(of_mean).mul_(weight)
        gradient *= scale
        return _volume(gradient.to(dtype), shape), None


def _rows(volume: torch.Tensor) -> torch.Tensor:
    """(B, C, D, H, W) to (B, D * H * W, C); a view of volumes in the layout channels last."""
    return volume.permute(0, 2, 3, 4, 1).flatten(1, 3)


def _volume(rows: torch.Tensor, shape) -> torch.Tensor:
    """Inverse of ``_rows``."""
    batch, channels, *grid = shape
    return rows.view(batch, *grid, channels).permute(0, 4, 1, 2, 3)
