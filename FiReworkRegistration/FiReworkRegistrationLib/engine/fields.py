"""Algebra of displacement fields: resize, compose, Jacobian, voxels to mm.

Fields follow ``warping.py``: (B, 3, D, H, W) float32, voxels, channels k, j, i.
"""

import numpy as np
import torch
import torch.nn.functional as F

from .slabs import counted_from, slabs, wider
from .warping import warp


def resize_field(field: torch.Tensor, shape) -> torch.Tensor:
    """The same motion on a grid of another size that spans the same box of voxel centers.

    Values scale by (s' - 1) / (s - 1) along each axis, not by s' / s: the first and the last
    voxel centers of both grids coincide (align_corners). On its own grid it is the field itself.
    """
    if field.shape[2:] == tuple(shape):
        return field.float()
    ratio = [(new - 1) / max(old - 1, 1) for new, old in zip(shape, field.shape[2:], strict=True)]
    resized = F.interpolate(field.float(), size=tuple(shape), mode="trilinear", align_corners=True)
    return resized * torch.tensor(ratio, device=field.device).view(1, 3, 1, 1, 1)


def compose(outer: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
    """The field of x -> outer(inner(x)): inner(x) + outer(x + inner(x)), voxels.

    Warping by the result equals warping by ``outer`` first, then the outcome by ``inner``.
    """
    return inner + warp(outer, inner)


def exponential(velocity: torch.Tensor, squarings=7) -> torch.Tensor:
    """Displacement after unit time along a stationary velocity field, by scaling and squaring.

    Its exact counterpart never folds, and ``exponential(-velocity)`` is its inverse (Arsigny et al., MICCAI 2006).

    :param velocity: (B, 3, D, H, W) voxels per unit time.
    :return: (B, 3, D, H, W) float32 voxels.
    """
    field = velocity.float() / 2**squarings
    for _ in range(squarings):
        field = compose(field, field)
    return field


def logarithm(field: torch.Tensor, rounds=6) -> torch.Tensor:
    """A stationary velocity whose :func:`exponential` comes near a displacement field, voxels.

    By fixed-point iteration, v <- v + u - exp(v); not every field has one, so the caller keeps the rest.
    """
    velocity = field.float().clone()
    for _ in range(rounds if field.any() else 0):
        # Half a step damps the oscillation where the field is steep.
        velocity = velocity + 0.5 * (field - exponential(velocity))
    return velocity


def lengths(vectors: torch.Tensor, dim: int) -> torch.Tensor:
    """Lengths of vectors whose components lie along ``dim``.

    Many times as fast as ``Tensor.norm`` on a CPU, where the components lie far apart in memory.
    """
    return vectors.square().sum(dim=dim).sqrt_()


def percentile(values: torch.Tensor, percent: float) -> float:
    """Percentile of all values; unlike torch.quantile it takes any number of them."""
    flat = values.detach().flatten().float()
    rank = max(1, round(percent / 100.0 * flat.numel()))
    return flat.kthvalue(rank).values.item()


def jacobian_determinant(field: torch.Tensor) -> torch.Tensor:
    """det(d(x + field(x)) / dx) by central differences, one-sided at the borders.

    :param field: (B, 3, D, H, W) voxels.
    :return: (B, 1, D, H, W) float32; 1 where nothing changes, <= 0 where space folds.
    """
    size, parts = field.shape[2], []
    for rows in slabs(field.shape[2:], field.device):
        # Three planes at least, one on each side: differences are central but at the borders.
        seen = wider(rows, 1, size)
        seen = slice(min(seen.start, max(0, size - 3)), max(seen.stop, min(3, size)))
        part = field[:, :, seen].float()
        determinant = _determinant_of([derivative(part, axis) for axis in range(3)])
        parts.append(determinant[:, :, counted_from(seen, rows)])
    return torch.cat(parts, dim=2)


def forward_differences(field: torch.Tensor) -> list[torch.Tensor]:
    """Of (B, 3, D, H, W) along k, j, i, in float32; each is one shorter along its own axis."""
    field = field.float()
    return [field.diff(dim=axis) for axis in (2, 3, 4)]


def one_sided_determinant(differences, signs) -> torch.Tensor:
    """:func:`jacobian_determinant` by forward (sign 1) or backward (-1) differences along k, j, i; negative where a
    corner of a voxel's cell is turned inside out.

    :param differences: the field's :func:`forward_differences`.
    :param signs: three of 1 and -1. All eight choices see every fold of the grid (Liu et al., IJCV 2024).
    :return: (B, 1, D-2, H-2, W-2) float32, without the border.
    """
    columns = []
    for axis, (difference, sign) in enumerate(zip(differences, signs, strict=True)):
        index = [slice(1, -1)] * 3
        # The backward difference of a voxel is the forward one of the voxel before.
        index[axis] = slice(1, None) if sign > 0 else slice(0, -1)
        columns.append(difference[(..., *index)])
    return _determinant_of(columns)


def _determinant_of(columns) -> torch.Tensor:
    (a, d, g), (b, e, h), (c, f, i) = (column.unbind(1) for column in columns)
    a, e, i = a + 1, e + 1, i + 1
    # Whole volumes: every product that is no array of its own saves a way through memory.
    first = a * torch.addcmul(e * i, f, h, value=-1)
    second = torch.addcmul(first, b, torch.addcmul(f * g, d, i, value=-1))
    return torch.addcmul(second, c, torch.addcmul(d * h, e, g, value=-1)).unsqueeze(1)


def derivative(field: torch.Tensor, axis: int) -> torch.Tensor:
    """Of every channel along array axis 0, 1 or 2 (k, j, i), a voxel: central differences, one-sided at borders."""
    dim = 2 + axis
    size = field.shape[dim]
    first = field.narrow(dim, 1, 1) - field.narrow(dim, 0, 1)
    last = field.narrow(dim, size - 1, 1) - field.narrow(dim, size - 2, 1)
    middle = (field.narrow(dim, 2, size - 2) - field.narrow(dim, 0, size - 2)) / 2
    return torch.cat([first, middle, last], dim=dim)


def percent_folded(field: torch.Tensor, mask: torch.Tensor | None = None) -> float:
    """Percent of voxels (inside ``mask`` > 0) whose Jacobian determinant is <= 0."""
    folded = jacobian_determinant(field) <= 0
    if mask is not None:
        folded = folded[mask > 0]
    return 100.0 * folded.float().mean().item() if folded.numel() else 0.0


def voxels_to_ras(field: torch.Tensor, linear) -> np.ndarray:
    """Voxel field to RAS mm: (1, 3, D, H, W), channels k, j, i, to (D, H, W, 3), components x, y, z.

    :param linear: 3x3 part of the grid's IJK-to-RAS matrix.
    """
    ijk = field[0].detach().flip(0).permute(1, 2, 3, 0).cpu().numpy()
    return (ijk @ np.asarray(linear, dtype=np.float32).T).astype(np.float32)


def ras_to_voxels(displacement: np.ndarray, linear) -> torch.Tensor:
    """Inverse of :func:`voxels_to_ras`: (D, H, W, 3) mm RAS to (1, 3, D, H, W) voxels."""
    to_kji = torch.from_numpy(np.linalg.inv(linear)[::-1].astype(np.float32))
    vectors = torch.from_numpy(np.ascontiguousarray(displacement, dtype=np.float32)).view(-1, 3)
    return (to_kji @ vectors.T).view(1, 3, *displacement.shape[:3])


def bounding_box(inside: torch.Tensor, margin: int) -> tuple[slice, slice, slice]:
    """Three slices around what is True in (D, H, W), so many voxels wider; everything where nothing is."""
    # NumPy: many times as fast here as torch.
    inside, box = inside.cpu().numpy(), []
    across = inside.any(axis=2)
    for size, line in zip(inside.shape, (across.any(axis=1), across.any(axis=0), inside.any(axis=(0, 1))), strict=True):
        found = np.flatnonzero(line)
        first, last = (int(found[0]), int(found[-1])) if len(found) else (0, size - 1)
        box.append(slice(max(0, first - margin), min(size, last + 1 + margin)))
    return tuple(box)
