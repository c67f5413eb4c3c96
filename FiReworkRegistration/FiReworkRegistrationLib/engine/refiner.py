"""The FiRework refiner: phi(t+1) = phi(t) - N(F, M, M∘phi(t), phi(t)), phi(0) = 0 (eq. 2 to 6)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from .device import convolution_precision
from .errors import NOT_FINITE, Cancelled, RegistrationError
from .fields import lengths, percent_folded, percentile, resize_field
from .iteration_store import DEFAULT_BUDGET, FieldStore
from .networks.firework import FireworkNetwork
from .similarity import global_ncc, local_ncc
from .texts import tr as _
from .unfold import Repair
from .warping import warp


@dataclass(frozen=True)
class Iteration:
    """Where the refinement stands after ``index`` iterations; 0 is the start.

    :param fields: where the field of this and the other iterations is kept.
    :param local_ncc: mean squared local NCC inside the mask, window 9^3, in [0, 1].
    :param global_ncc: correlation inside the mask, in [-1, 1].
    :param percent_folded: percent of mask voxels of the field's grid with non-positive Jacobian determinant.
    :param mean_change, p95_change: length of this iteration's change of the field inside the
        mask, mean and 95th percentile, voxels of the working grid.
    :param seconds: time of this iteration.
    :param largest: longest displacement inside the mask, voxels of the working grid.
    :param polished: this state came from instance optimization (``polish.py``) or a repair, not from the network.
    :param repair: what a repair of folds changed, where it made this state or ended its polish.
    """

    index: int
    fields: FieldStore | None
    local_ncc: float
    global_ncc: float
    percent_folded: float
    mean_change: float
    p95_change: float
    seconds: float
    largest: float = 0.0
    polished: bool = False
    repair: Repair | None = None

    @property
    def field(self) -> torch.Tensor:
        """(1, 3, D, H, W) float32 voxels of its own grid on the CPU, channels k, j, i, as the store keeps it.

        That is the working grid; of a polished state, one that is a whole number of times as fine.
        """
        return self.fields[self.index]


class Refiner:
    """Refines the field of one pair and remembers where it stopped.

    :param network: on the device that computes.
    :param fixed, moving: (1, 1, D, H, W) float32 in [0, 1], one grid, axes divisible by
        ``network.multiple``.
    :param mask: (1, 1, D, H, W), voxels > 0 enter the figures; everything if None.
    :param precision: "fp32", "bf16" or "fp16", of the convolutions only.
    :param budget: bytes that the fields of all iterations may take.
    """

    def __init__(self, network: FireworkNetwork, fixed, moving, mask=None, precision="fp32", budget=DEFAULT_BUDGET):
        device = next(network.parameters()).device
        shape = tuple(fixed.shape[2:])
        if tuple(moving.shape[2:]) != shape:
            raise RegistrationError(
                _("Fixed and moving grids differ: {shape} and {moving}.").format(
                    shape=shape, moving=tuple(moving.shape[2:])
                )
            )
        if any(size % network.multiple for size in shape):
            raise RegistrationError(
                _("Grid {shape} must be a multiple of {multiple} along every axis.").format(
                    shape=shape, multiple=network.multiple
                )
            )
        self.network, self.precision, self.device = network.eval(), precision, device
        self.fixed, self.moving = fixed.to(device).float(), moving.to(device).float()
        self.mask = None if mask is None else mask.to(device)
        self.fields = FieldStore(budget)
        with torch.inference_mode():
            self._take(torch.zeros((1, 3, *shape), device=device))
            self._warped = warp(self.moving, self._field)
            self.iterations = [self._figures(0, torch.zeros_like(self._field), 0.0)]

    @property
    def field(self) -> torch.Tensor:
        """The newest field in full precision, (1, 3, D, H, W) voxels, on the network's device; do not write into it."""
        return self._field

    @property
    def last(self) -> Iteration:
        return self.iterations[-1]

    def refine(
        self,
        iterations: int,
        progress: Callable[[Iteration], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[Iteration]:
        """Yield each new iteration up to number ``iterations``; calling again goes on from there.

        :param progress: called with each iteration before it is yielded.
        :param cancelled: asked before each iteration.
        :raises RegistrationError: ``iterations`` < 1.
        :raises Cancelled: the flag was set; finished iterations stay in :attr:`iterations`.
        """
        if iterations < 1:
            raise RegistrationError(
                _("Iterations (K) is {iterations}; choose 1 or more.").format(iterations=iterations)
            )
        while self.last.index < iterations:
            if cancelled and cancelled():
                raise Cancelled(f"Cancelled after iteration {self.last.index}.")
            self.iterations.append(self._advance())
            if progress:
                progress(self.last)
            yield self.last

    def mask_for(self, field: torch.Tensor) -> torch.Tensor:
        """The mask on the grid of a field, (1, 1, D, H, W), > 0 inside."""
        shape, mask = field.shape[2:], self.mask
        if mask is None:
            return torch.ones((1, 1, *shape), device=self.device)
        if mask.shape[2:] == shape:
            return mask
        return F.interpolate((mask > 0).float(), size=shape, mode="trilinear", align_corners=True) >= 0.5

    @torch.inference_mode()
    def similarity(self, field: torch.Tensor) -> float:
        """``local_ncc`` of an iteration with this field, (1, 3, d, h, w) voxels of its own grid."""
        return local_ncc(self.fixed, warp(self.moving, self._coarse(field)), mask=self.mask).item()

    @torch.inference_mode()
    def accept(self, field: torch.Tensor, seconds: float, repair: Repair | None = None) -> Iteration:
        """Take a polished field as the newest state; refining goes on from what the working grid holds of it.

        :param field: (1, 3, d, h, w) voxels of its own grid: the working grid or a finer one of the same
            first and last voxel centers. It is kept as it is.
        :param repair: what a repair of its folds changed.
        """
        before = self._field
        with self._or_as_before():
            self._take(self._coarse(field.to(self.device, torch.float32)))
            self._warped = warp(self.moving, self._field)
            state = self._figures(self.last.index + 1, self._field - before, 0.0, field)
        self.iterations.append(replace(state, seconds=seconds, polished=True, repair=repair))
        return self.last

    @torch.inference_mode()
    def restore(self, index: int, cancelled: Callable[[], bool] | None = None) -> None:
        """Bring a field that the store keeps more coarsely back to full precision, by computing it again.

        It costs the iterations since the last one before it that is kept in full precision.

        :param cancelled: asked before each of them.
        :raises Cancelled: the flag was set; the store is as it was.
        """
        if self.fields.error(index) == 0:
            return
        start = max(earlier for earlier in range(index) if self._can_begin(earlier))
        field = self._coarse(self.fields[start].to(self.device))
        state, rest = self._split(field)
        for _step in range(start, index):
            if cancelled and cancelled():
                raise Cancelled(f"Cancelled while iteration {index} was computed again.")
            state = state - self._error(state, warp(self.moving, field))
            field = self._whole(state, rest)
        self.fields.replace(index, field)

    @torch.inference_mode()
    def _advance(self) -> Iteration:
        began = time.perf_counter()
        before = self._field
        with self._or_as_before():
            self._state = self._state - self._error(self._state, self._warped)
            self._field = self._whole(self._state, self._rest)
            # Always from the original image: warping a warped image would blur it every time.
            self._warped = warp(self.moving, self._field)
            return self._figures(self.last.index + 1, self._field - before, began)

    @contextmanager
    def _or_as_before(self):
        """What fails, such as for want of memory, leaves everything where the last iteration stands."""
        before = self._field, self._state, self._rest, self._warped
        try:
            yield
        except BaseException:
            self._field, self._state, self._rest, self._warped = before
            raise

    def _take(self, field: torch.Tensor) -> None:
        """Go on from a displacement field of the working grid."""
        self._field, (self._state, self._rest) = field, self._split(field)

    def _split(self, field: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The network's state for a displacement, and what is then missing; None where nothing can be."""
        state = self.network.state_of(field)
        return state, None if state is field else field - self.network.displacement(state)

    def _whole(self, state: torch.Tensor, rest: torch.Tensor | None) -> torch.Tensor:
        field = self.network.displacement(state)
        return field if rest is None else field + rest

    def _can_begin(self, index: int) -> bool:
        """Whether the iterations after ``index`` can be computed again from its stored field alone."""
        if self.fields.error(index) > 0:
            return False
        # Where the state is another one than the displacement, it is known of given displacements only.
        return index == 0 or self.iterations[index].polished or self._rest is None

    def _coarse(self, field: torch.Tensor) -> torch.Tensor:
        shape = self.fixed.shape[2:]
        return field if field.shape[2:] == shape else resize_field(field, shape)

    def _error(self, field: torch.Tensor, warped: torch.Tensor) -> torch.Tensor:
        with convolution_precision(self.device, self.precision):
            error = self.network(self.fixed, self.moving, field, warped)
        error = error.float()
        if not torch.isfinite(error).all():
            raise RegistrationError(NOT_FINITE)
        return error

    def _figures(self, index: int, change: torch.Tensor, began: float, polished=None) -> Iteration:
        kept = self._field if polished is None else polished
        inside = slice(None) if self.mask is None else (self.mask[0, 0] > 0)
        moved = lengths(change[0], dim=0)[inside]
        figures = {
            "local_ncc": local_ncc(self.fixed, self._warped, mask=self.mask).item(),
            "global_ncc": global_ncc(self.fixed, self._warped, self.mask).item(),
            "percent_folded": percent_folded(kept, self.mask_for(kept)),
            "mean_change": moved.mean().item(),
            "p95_change": percentile(moved, 95),
            "largest": lengths(self._field[0], dim=0)[inside].max().item(),
        }
        self.fields.append(kept, exact=polished is not None)
        seconds = time.perf_counter() - began if began else 0.0
        return Iteration(index, self.fields, seconds=seconds, **figures)
