"""Warping of images by a displacement field in voxels.

Conventions of every field in the engine: a tensor of shape (B, 3, D, H, W), float32,
in **voxels** of its own grid. D, H, W are the array axes k, j, i, and channel 0, 1, 2 is
the displacement along k, j, i. A warped image is ``warped(x) = moving(x + field(x))``.
"""

import torch
import torch.nn.functional as F

from .affine_table import affine_table, to_unit_box
from .slabs import slabs


def voxels_in(box, device="cpu") -> torch.Tensor:
    """Voxel coordinates in three slices of a grid, (1, 3, d, h, w) float32, channels k, j, i."""
    axes = [torch.arange(part.start, part.stop, dtype=torch.float32, device=device) for part in box]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]


def identity_grid(shape, device="cpu") -> torch.Tensor:
    """Voxel coordinates of every grid point, (1, 3, D, H, W) float32, channels k, j, i."""
    # Made anew: kept, that of a 1 mm grid would hold 200 MB of a GPU for nothing.
    return voxels_in([slice(0, size) for size in shape], device)


def sample(image: torch.Tensor, points: torch.Tensor, mode="bilinear") -> torch.Tensor:
    """Values of ``image`` at voxel coordinates.

    :param image: (B, C, D, H, W) float32.
    :param points: (B, 3, d, h, w) float32, voxel coordinates of ``image``, channels k, j, i.
    :param mode: "bilinear" (trilinear in 3D) or "nearest".
    :return: (B, C, d, h, w) float32; what lies outside the image repeats its edge.
    """
    return _at_unit_points(image, points * _to_unit(image) - 1.0, mode)


class Warper:
    """``warp`` of one image at some of its voxels, again and again: faster, for their places are scaled once.

    :param image: (1, C, D, H, W) float32.
    :param at: (1, 3, d, h, w) float32, the voxels' coordinates, channels k, j, i: a piece of ``identity_grid``.
    """

    def __init__(self, image: torch.Tensor, at: torch.Tensor):
        self._image, self._scale = image, _to_unit(image)
        self._points = at * self._scale - 1.0

    def __call__(self, field: torch.Tensor) -> torch.Tensor:
        """:param field: (1, 3, d, h, w) float32, voxels of the image.
        :return: (1, C, d, h, w) float32; what lies outside the image repeats its edge.
        """
        return _at_unit_points(self._image, torch.addcmul(self._points, field, self._scale))


def _to_unit(image: torch.Tensor) -> torch.Tensor:
    """Factors of voxel coordinates, (1, 3, 1, 1, 1): ``image`` spans 2, between voxel centers."""
    size = torch.tensor(image.shape[2:], dtype=torch.float32, device=image.device)
    return (2.0 / (size - 1).clamp(min=1)).view(1, 3, 1, 1, 1)


def _at_unit_points(image, points, mode="bilinear") -> torch.Tensor:
    # grid_sample wants coordinates in the order i, j, k. Turning the image's axes round costs nothing, turning the
    # points' a copy of them.
    grid = points.permute(0, 2, 3, 4, 1)
    return F.grid_sample(image.transpose(2, 4), grid, mode=mode, padding_mode="border", align_corners=True)


def warp(image: torch.Tensor, field: torch.Tensor, mode="bilinear") -> torch.Tensor:
    """``image(x + field(x))``: (B, C, D, H, W) and (B, 3, D, H, W) voxels to (B, C, D, H, W).

    Always float32: half precision near coordinate 128 has steps of 0.125 voxel.
    """
    with torch.autocast(image.device.type, enabled=False):
        points = identity_grid(field.shape[2:], field.device) + field.float()
        return sample(image.float(), points, mode)


def resample_affine(image: torch.Tensor, matrix, shape, mode="bilinear", padding="zeros") -> torch.Tensor:
    """``image`` on another grid that an affine map reaches.

    :param image: (1, C, D, H, W) float32.
    :param matrix: 4x4, output voxel (i, j, k, 1) to ``image`` voxel (i, j, k, 1), as composed
        from IJK-to-RAS matrices; float64.
    :param shape: (d, h, w) of the output.
    :return: (1, C, d, h, w) float32; in memory several channels come last, as in a ``DisplacementMap``.
    """
    image = bounded(image) if padding == "zeros" else image
    matrix = to_unit_box(image.shape[2:]) @ matrix
    result = torch.empty((1, *shape, image.shape[1]), device=image.device).movedim(-1, 1)
    # In slabs: the places of all voxels take three times the memory of what is read there.
    for rows in slabs(shape, image.device):
        grid = affine_table(matrix, shape, image.device, rows)[None]
        result[:, :, rows] = F.grid_sample(image, grid, mode=mode, padding_mode=padding, align_corners=True)
    # Of one channel PyTorch would take the strides for channels last, and hand them on.
    return result if image.shape[1] > 1 else result.view(1, 1, *shape)


def bounded(image: torch.Tensor) -> torch.Tensor:
    """(B, C, D, H, W) with an empty slice after an axis of one voxel, which ``grid_sample`` takes to be everywhere."""
    if 1 not in image.shape[2:]:
        return image
    return F.pad(image, [after for size in reversed(image.shape[2:]) for after in (0, int(size == 1))])
