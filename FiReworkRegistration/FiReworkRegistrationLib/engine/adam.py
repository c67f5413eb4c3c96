"""Adam for one tensor whose gradient is at hand (Kingma and Ba, ICLR 2015)."""

import torch
from torch.optim.adam import adam

#: PyTorch from this version on takes a step in one pass on the CPU too; the last one for Intel Macs is older.
FUSED_ON_CPU = 2, 4


class Adam:
    """As ``torch.optim.Adam``, whose constructor loads PyTorch's compiler: two seconds of a first look.

    :param values: changed in place.
    :param rate: of learning.
    """

    def __init__(self, values: torch.Tensor, rate: float):
        self._values, self._rate = values, rate
        self._mean, self._square = torch.zeros_like(values), torch.zeros_like(values)
        self._steps = torch.zeros((), device=values.device)
        self._fused = values.is_cuda or _torch_version() >= FUSED_ON_CPU

    @torch.no_grad()
    def step(self, gradient: torch.Tensor) -> None:
        """One step against ``gradient``, of the shape of the values."""
        adam(
            [self._values], [gradient], [self._mean], [self._square], [], [self._steps], fused=self._fused,
            foreach=False, amsgrad=False, beta1=0.9, beta2=0.999, lr=self._rate, weight_decay=0.0, eps=1e-8,
            maximize=False,
        )  # fmt: skip


def _torch_version() -> tuple[int, int]:
    major, minor, *_rest = torch.__version__.split(".")
    return int(major), int(minor)
