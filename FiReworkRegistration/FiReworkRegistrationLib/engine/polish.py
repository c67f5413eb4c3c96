"""Instance optimization: the refined field itself is optimized for its own pair, no weights.

Warm-started from the refiner, some hundred Adam steps gain what a network trained on other
pairs leaves (as in ConvexAdam, Siebert et al. 2021, and FireANTs, Jena et al. 2024). The loss is
the refiner's own, local NCC and smoothness (arXiv 2410.09595, eq. 5), and a term that unfolds.
"""

from dataclasses import dataclass, replace
from itertools import product

import torch

from .adam import Adam
from .fields import bounding_box, forward_differences
from .map_writers import taper_weights
from .regularity import add_fold_penalty, add_steepness
from .similarity import LocalNcc, box_mean
from .slabs import counted_from, slabs, wider
from .structures import StructureMatch
from .warping import Warper, voxels_in
from .workers import Workers

#: Voxels that the similarity's window has at least.
LEAST_WINDOW = 5
#: The similarity is taken so many voxels around the fixed content, but not more than so many mm. Over half
#: of that the change fades.
MARGIN_VOXELS, MOST_MARGIN_MM = 4, 8.0
#: Signs of the one-sided differences in the order in which steps take them, each with its opposite.
_CORNERS = tuple(list(product((1, -1), repeat=3))[3 * step % 8] for step in range(8))


@dataclass(frozen=True)
class PolishSettings:
    """Chosen on ``ixi_2mm/dev`` pairs at 2 mm and on a pair of images synthesized from label maps at 1 mm; the window
    on ``oasis_1mm/unlabelled``.

    :param smoothness: weight of the mean squared gradient, per voxel of the content's box.
    :param folding: weight of the mean of max(0, ``least_determinant`` - Jacobian determinant).
    :param least_determinant: a little above 0, so that a voxel is pushed back before it folds.
    :param structures: weight of the mean squared difference of structure codes, where there are any.
    :param rate: Adam's step, voxels of the field's grid.
    :param window: of the similarity: as wide as fits in so many mm, but :data:`LEAST_WINDOW` at least.
    """

    smoothness: float = 0.5
    folding: float = 20.0
    least_determinant: float = 0.1
    structures: float = 3.0
    rate: float = 0.3
    window: float = 11.5


#: Where structures are matched too. Chosen with their weight, of 1 to 4, on four ``ixi_2mm/dev`` pairs: Dice rises
#: with that weight, and the volume that folds as well, unless folds count for more. A wider window gains nothing then.
WITH_STRUCTURES = PolishSettings(folding=40.0, window=0.0)


class FieldPolisher:
    """Optimizes one field on the images of its grid.

    :param fixed, moving: (1, 1, D, H, W) float32 in [0, 1].
    :param mask: (1, 1, D, H, W), > 0 where images must match; everything if None.
    :param field: (1, 3, D, H, W) float32 voxels; stays as it is.
    :param spacing: of the grid, mm.
    :param settings: :data:`WITH_STRUCTURES` or, where there are none, the defaults, if None.
    :param structures: what else must match, or None.
    :param smoothness: weight of the field's gradient instead of that of the settings, or None.
    :param voxels_at_once: the loss is summed over slabs of about so many voxels; chosen for the device if None.
    :param workers: who compute slabs side by side; the caller alone if None.
    :ivar start: the field at the beginning.
    """

    def __init__(
        self, fixed, moving, mask, field, spacing: float, settings: PolishSettings | None = None,
        structures: StructureMatch | None = None, smoothness: float | None = None, voxels_at_once: int | None = None,
        workers: Workers | None = None,
    ):  # fmt: skip
        self._settings = settings or (WITH_STRUCTURES if structures else PolishSettings())
        if smoothness is not None:
            self._settings = replace(self._settings, smoothness=smoothness)
        self.start = field.detach()
        self._window = _odd(self._settings.window / spacing)
        # Half of a working grid is margin, where there is nothing to compare: it stays as it is.
        content = torch.ones(field.shape[2:], dtype=torch.bool) if mask is None else mask[0, 0] > 0
        margin = max(1, min(MARGIN_VOXELS, round(MOST_MARGIN_MM / spacing)))
        self._box = bounding_box(content, margin)
        self._inside = self.start[(..., *self._box)].clone(memory_format=torch.contiguous_format)
        self._fade = _fade(self._inside.shape[2:], max(1, margin // 2)).to(field.device)
        self._change, self._gradient = torch.zeros_like(self._inside), torch.zeros_like(self._inside)
        self._optimizers = [Adam(self._change[:, channel], self._settings.rate) for channel in range(3)]
        self._steps, self._workers = 0, workers or Workers()
        planes = slabs(self._inside.shape[2:], field.device, self._workers.count, voxels_at_once)
        content = content[self._box]
        self._slabs = [self._slab(part, fixed, moving, content, margin, structures) for part in planes]

    @property
    @torch.no_grad()
    def field(self) -> torch.Tensor:
        """(1, 3, D, H, W) float32 voxels, as far as it has come."""
        field = self.start.clone()
        field[(..., *self._box)] = self._inside + self._fade * box_mean(self._change, 3)
        return field

    def step(self) -> float:
        """One step of Adam.

        :return: the loss before it.
        """
        losses, parts = zip(*self._workers.map(self._share, self._slabs), strict=True)
        self._workers.map(lambda channel: self._advance(channel, parts), range(3))
        self._steps += 1
        return sum(losses)

    def _advance(self, channel: int, parts) -> None:
        """Adam's step of one channel, against the sum of the slabs' gradients."""
        gradient = self._gradient[:, channel].zero_()
        # Always in the same order, so that the sum is always rounded alike.
        for slab, part in zip(self._slabs, parts, strict=True):
            gradient[:, slab.read] += part[:, channel]
        self._optimizers[channel].step(gradient)

    def _slab(self, part: slice, fixed, moving, content, margin: int, structures) -> "_Slab":
        """``part`` of the box along k, with as many planes around it as its loss looks at."""
        seen = wider(part, self._window // 2, self._inside.shape[2])
        # The box is as wide as the content at its widest.
        shown = slice(0, seen.stop - seen.start), *bounding_box(content[seen], margin)[1:]
        rows, *others = self._box
        place = slice(rows.start + seen.start, rows.start + seen.stop), *others
        counts = slice(rows.start + part.start, rows.start + part.stop)
        return _Slab(
            part, seen, wider(seen, 1, self._inside.shape[2]), shown,
            LocalNcc(fixed[(..., *place)][(..., *shown)].contiguous(), self._window),
            Warper(moving, voxels_in(map(_within, place, shown), moving.device)),
            structures and structures.within(place, counts, self.start.shape[2:], self._box),
        )  # fmt: skip

    @torch.enable_grad()
    def _share(self, slab: "_Slab") -> tuple[float, torch.Tensor]:
        """The slab's share of the loss, and its gradient where ``slab.read`` is."""
        # Adam moves every voxel by about the same length; the average over neighbors takes away
        # the checkerboard that this leaves. Only the change is averaged: the start stays sharp.
        averaged = box_mean(self._change[:, :, slab.read], 3)
        seen, fade = counted_from(slab.read, slab.seen), self._fade[slab.seen]
        field = torch.addcmul(self._inside[:, :, slab.seen], fade, averaged[:, :, seen]).requires_grad_()
        loss = self._match(slab, field)
        loss.backward()
        irregular = self._add_irregularity(slab, field.detach(), field.grad)
        # The box is its own adjoint.
        spread = torch.zeros_like(averaged)
        torch.mul(field.grad, fade, out=spread[:, :, seen])
        return loss.item() + irregular, box_mean(spread, 3)

    def _match(self, slab: "_Slab", field) -> torch.Tensor:
        """What the slab's images and structures say."""
        ncc = slab.ncc(slab.warp(field[(..., *slab.shown)]))
        loss = -ncc[:, :, counted_from(slab.seen, slab.part)].sum() / self._inside[0, 0].numel()
        if slab.structures:
            loss = loss + self._settings.structures * slab.structures(field, self._steps)
        return loss

    def _add_irregularity(self, slab: "_Slab", field, gradient) -> float:
        """The slab's share of what is said of the field alone, whose gradient is added."""
        settings, (depth, height, width) = self._settings, self._inside.shape[2:]
        own = counted_from(slab.seen, slab.part)
        around = wider(own, 1, field.shape[2])
        field, gradient = field[:, :, around], gradient[:, :, around]
        differences = forward_differences(field)
        counts = (depth - 1) * height * width, depth * (height - 1) * width, depth * height * (width - 1)
        weights = [settings.smoothness / (9 * count) for count in counts]
        loss = add_steepness(differences, counted_from(around, own), weights, gradient)
        # Central differences miss folds that alternate from voxel to voxel. All eight one-sided
        # determinants would cost as much as the similarity: each step takes two opposite ones.
        if around.stop - around.start > 2:
            weight = settings.folding / 2 / ((depth - 2) * (height - 2) * (width - 2))
            signs = _CORNERS[self._steps % 8]
            for side in (signs, tuple(-sign for sign in signs)):
                loss += add_fold_penalty(field, differences, side, settings.least_determinant, gradient, weight)
        return loss


@dataclass(frozen=True)
class _Slab:
    """A share of the box; slices are of its planes along k.

    :param part: whose voxels the slab counts.
    :param seen: where the field is needed for them.
    :param read: where the change is needed for that.
    :param shown: three slices of what is seen: where there are images to compare.
    """

    part: slice
    seen: slice
    read: slice
    shown: tuple[slice, slice, slice]
    ncc: LocalNcc
    warp: Warper
    structures: object


def _odd(voxels: float) -> int:
    """The largest odd number of voxels that fits, but :data:`LEAST_WINDOW` at least."""
    fitting = int(voxels)
    return max(LEAST_WINDOW, fitting if fitting % 2 else fitting - 1)


def _within(outer: slice, inner: slice) -> slice:
    """``inner``, which is counted from the beginning of ``outer``, counted as that is."""
    return slice(outer.start + inner.start, outer.start + inner.stop)


def _fade(shape, width: int) -> torch.Tensor:
    """(D, H, W) factor of the change: almost 0 at the faces of the box, 1 from ``width`` voxels inwards."""
    # 0 just outside of the box.
    return taper_weights([size + 2 for size in shape], width + 1)[1:-1, 1:-1, 1:-1].contiguous()
