"""The fields of all iterations of one pair, kept within a memory budget."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .fields import lengths

#: Bytes: nine fields of 160x192x160 in full precision.
DEFAULT_BUDGET = 512 * 2**20


@dataclass(frozen=True)
class _Kept:
    """One field as it is stored, and how far that is off at most, in voxels.

    :param values: None for a field of zeros.
    :param exact: never stored more coarsely.
    """

    values: torch.Tensor | None
    shape: torch.Size
    error: float = 0.0
    exact: bool = False


class FieldStore:
    """Fields by iteration, float32 as long as they fit, then more and more coarsely.

    When the budget is spent, the oldest fields go to float16 (half the memory, thousandths of a
    voxel), then to float16 on every second grid point (a sixteenth). Start, newest and polished
    fields stay as they are.
    Reading while another thread appends is safe.

    :param budget: bytes.
    """

    def __init__(self, budget: int = DEFAULT_BUDGET):
        self.budget = budget
        self._kept: list[_Kept] = []

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> torch.Tensor:
        """Field (1, 3, D, H, W) float32 voxels on the CPU; never write into it."""
        kept = self._kept[index]
        return _decode(kept.values, kept.shape)

    def error(self, index: int) -> float:
        """Upper bound of the length of the stored field's error, voxels; 0 in full precision."""
        return self._kept[index].error

    @property
    def nbytes(self) -> int:
        """Memory that the fields take."""
        return sum(_size(kept.values) for kept in self._kept)

    def append(self, field: torch.Tensor, exact=False) -> None:
        """Keep the field of the next iteration, (1, 3, D, H, W) voxels.

        :param exact: always in full precision, as it cannot be computed again from the one before.
        """
        self._kept.append(_exactly(field, exact))
        try:
            self._shrink({len(self) - 1})
        except BaseException:
            # For want of memory: the iteration failed, and its number will be another one's.
            self._kept.pop()
            raise

    def replace(self, index: int, field: torch.Tensor) -> None:
        """Put back in full precision what had been stored more coarsely."""
        self._kept[index] = _exactly(field)
        self._shrink({index, len(self) - 1})

    def _shrink(self, untouched: set[int]) -> None:
        for reduce in (_to_half, _to_coarse):
            for index in range(1, len(self._kept)):
                if self.nbytes <= self.budget:
                    return
                if index not in untouched and not self._kept[index].exact:
                    self._kept[index] = reduce(self._kept[index])


def _exactly(field: torch.Tensor, exact=False) -> _Kept:
    # The start is zero everywhere and needs no memory.
    return _Kept(field.detach().float().cpu() if field.any() else None, field.shape, exact=exact)


def _to_half(kept: _Kept) -> _Kept:
    if kept.values is None or kept.values.dtype == torch.float16:
        return kept
    return _reduced(kept, kept.values.half())


def _to_coarse(kept: _Kept) -> _Kept:
    if kept.values is None or kept.values.shape != kept.shape:
        return kept
    size = [(n + 1) // 2 for n in kept.shape[2:]]
    coarse = F.interpolate(kept.values.float(), size=size, mode="trilinear", align_corners=True)
    return _reduced(kept, coarse.half())


def _reduced(kept: _Kept, values: torch.Tensor) -> _Kept:
    lost = lengths(_decode(kept.values, kept.shape) - _decode(values, kept.shape), dim=1).max().item()
    return _Kept(values, kept.shape, kept.error + lost)


def _decode(values: torch.Tensor | None, shape) -> torch.Tensor:
    if values is None:
        return torch.zeros(shape)
    if values.shape == shape:
        return values.float()
    return F.interpolate(values.float(), size=shape[2:], mode="trilinear", align_corners=True)


def _size(values: torch.Tensor | None) -> int:
    return 0 if values is None else values.numel() * values.element_size()
