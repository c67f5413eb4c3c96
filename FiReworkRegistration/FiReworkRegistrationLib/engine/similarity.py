"""Image similarity and field regularity: the terms of the FiRework loss (arXiv 2410.09595, eq. 5)."""

import torch
import torch.nn.functional as F


class _BoxMean(torch.autograd.Function):
    """Its own adjoint: the box is symmetric, and what lies outside counts as 0."""

    @staticmethod
    def forward(ctx, image, window):
        ctx.window = window
        return _box_sum(image, window, 1.0 / window**3)

    @staticmethod
    def backward(ctx, gradient):
        return _BoxMean.apply(gradient, ctx.window), None


def _box_sum(image: torch.Tensor, window: int, factor=1.0) -> torch.Tensor:
    result = torch.empty_like(image)
    # One channel at a time: what a CPU's cache holds is summed twice as fast.
    for channel, out in zip(image.split(1, dim=1), result.split(1, dim=1), strict=True):
        sums = F.pad(channel, (window // 2,) * 6)
        for axis in (2, 3, 4):
            sums = _running_sum(sums, window, axis)
        torch.mul(sums, factor, out=out)
    return result


def _running_sum(values: torch.Tensor, window: int, axis: int) -> torch.Tensor:
    """Sums of ``window`` neighbors along one axis; that many less one get lost.

    Doubled from sums of 1, 2, 4: whole-array additions, many times as fast as pooling on a CPU.
    """
    length = values.shape[axis] - window + 1
    total, start, size = None, 0, 1
    while 2 * size <= window:
        if window & size:
            part = values.narrow(axis, start, length)
            total = part if total is None else total + part
            start += size
        left = values.shape[axis] - size
        values = values.narrow(axis, 0, left) + values.narrow(axis, size, left)
        size *= 2
    last = values.narrow(axis, start, length)
    return last if total is None else last.add_(total)


def box_mean(image: torch.Tensor, window: int) -> torch.Tensor:
    """Mean over a box around every voxel, (B, C, D, H, W) to the same.

    :param window: odd width of the box in voxels. What lies outside the grid counts as 0, also in the
        divisor, as in VoxelMorph's convolution with a kernel of ones.
    :raises ValueError: an even width, which has no middle.
    """
    if window % 2 == 0:
        raise ValueError(f"A window is an odd number of voxels wide, got {window}.")
    return _BoxMean.apply(image, window)


class _SquaredCorrelation(torch.autograd.Function):
    """Of every box of a moving image with the fixed one's. Its derivative is written out: by autograd alone it takes
    twice as long, for each of its terms goes through memory several times."""

    @staticmethod
    def forward(ctx, moving, fixed, mean, variance, window, epsilon):
        parts = moving.new_empty((len(moving), 3, *moving.shape[2:]))
        own, square, product = parts.split(1, dim=1)
        own.copy_(moving)
        torch.mul(moving, moving, out=square)
        torch.mul(moving, fixed, out=product)
        sums, squares, products = _box_sum(parts, window).split(1, dim=1)
        cross = torch.addcmul(products, mean, sums, value=-1)
        # Rounding can leave a variance slightly below zero in flat regions.
        spread = torch.addcmul(squares, sums, sums, value=-1.0 / window**3).clamp_(min=0)
        ratio = cross / (variance * spread).add_(epsilon)
        ctx.save_for_backward(moving, fixed, mean, variance, sums, ratio)
        ctx.window = window
        return cross.mul_(ratio)

    @staticmethod
    def backward(ctx, gradient):
        moving, fixed, mean, variance, sums, ratio = ctx.saved_tensors
        parts = moving.new_empty((len(moving), 3, *moving.shape[2:]))
        of_sum, of_square, of_product = parts.split(1, dim=1)
        torch.mul(ratio, gradient, out=of_product).mul_(2)
        # cross^2 / (varF varM + epsilon)^2 is the square of the ratio.
        torch.mul(ratio, ratio, out=of_square).mul_(variance).mul_(gradient).neg_()
        torch.mul(of_product, mean, out=of_sum)
        of_sum.addcmul_(of_square, sums, value=2.0 / ctx.window**3).neg_()
        of_sum, of_square, of_product = _box_sum(parts, ctx.window).split(1, dim=1)
        result = torch.addcmul(of_sum, of_square, moving, value=2).addcmul_(of_product, fixed)
        return result, None, None, None, None, None


class LocalNcc:
    """Squared local normalized cross-correlation with one fixed image, whose sums are kept.

    :param fixed: (B, 1, D, H, W) float32.
    :param window: odd width of the box in voxels.
    """

    def __init__(self, fixed: torch.Tensor, window=9, epsilon=1e-5):
        self.window, self.epsilon = window, epsilon
        with torch.autocast(fixed.device.type, enabled=False):
            self._fixed = fixed.float()
            mean, square = box_mean(torch.cat([self._fixed, self._fixed**2], dim=1), window).chunk(2, dim=1)
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
            return _SquaredCorrelation.apply(
                moving.float(), self._fixed, self._mean, self._variance, self.window, self.epsilon
            )


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
