"""One pair from two volumes to a map: prepared once, refined as often as wanted."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch

from . import contrast as contrasts
from .agreement import AgreementMeter
from .alignment import align
from .coverage import coverage
from .device import choose_device, choose_precision
from .errors import Cancelled, RegistrationError
from .geometry import Volume
from .inputs import check_overlap, check_start, is_part, prepare_image
from .map_writers import TAPER_VOXELS, MapWriters, finer_than, taper
from .maps import DisplacementMap, map_lattice
from .models import find_model, load_network, load_structures
from .polish_levels import polish_levels
from .polished_pair import PolishedPair
from .preprocessing import NORMALIZATIONS, looks_like_ct
from .presets import POLISH
from .refiner import Iteration, Refiner
from .sharpening import FINER
from .structures import StructureMatch
from .texts import tr as _
from .volume_warping import warp_volume
from .workers import workers_for
from .working_grid import MARGIN_MM, MOST_VOXELS, bring_to_grid, coarser, finer_grid, resized_grid, working_grid

#: An alignment is doubtful where the volumes agree less than one of them with itself moved by so many mm. Images of
#: different contrast agree less, however well they lie.
DOUBTFUL_MM, DOUBTFUL_OTHER_CONTRAST_MM = 8.0, 20.0
#: No level of a polish is coarser, mm.
COARSEST_MM = 10.0
#: The map covers the whole fixed volume, however small the marked part: more points take 1.2 GB for a map alone.
MOST_MAPPED = 100_000_000


class Registration:
    """Checks the inputs, aligns them, and refines the field iteration by iteration.

    :param fixed, moving: volumes in RAS mm.
    :param model: name of a model or path of its card; the default model if None.
    :param device: "auto", "cpu", "cuda" or "cuda:N".
    :param fixed_mask, moving_mask: on the grids of their volumes; voxels > 0 are registered. The rest is blanked, but
        not where only one is given and marks much less than the other volume shows, see ``inputs.is_part``.
    :param initial_transform: 4x4 RAS mm, fixed to moving, where the alignment starts.
    :param affine: "auto" aligns rigidly, then affinely; "none" keeps the initial transform,
        or the volumes' positions in space.
    :param spacing: working grid in mm; the model's own if None.
    :param normalization: of intensities, a name of ``preprocessing.NORMALIZATIONS``.
    :param contrast: "same", "different", or "auto", which looks at the gray values once the volumes are aligned;
        different ones are matched, see ``contrast.py``.
    :param precision: of the convolutions: "auto", "fp32", "bf16" or "fp16"; see ``device.choose_precision``.
    :param progress: called as ``progress(fraction, message)`` while preparing.
    :param cancelled: asked now and then while preparing.
    :ivar affine: 4x4 RAS mm, fixed to moving: where the refinement starts.
    :ivar agreement: of the gray values there, see ``agreement.py``; in [0, 1].
    :ivar unused_mask: name of a moving mask that marks a part only, or "".
    :ivar least_agreement: below it the alignment is doubtful.
    :ivar matched: "fixed" or "moving", whose gray values were matched to the other's; "" if neither's.
    :ivar ct: name of a volume whose gray values are those of a CT; "" if neither's are.
    :ivar coverage: share of the fixed content that the moving volume shows there, in [0, 1].
    :raises RegistrationError: a bad input or setting, before any work.
    :raises Cancelled: the flag was set.
    """

    def __init__(
        self, fixed: Volume, moving: Volume, *, model: str | None = None, device="auto",
        fixed_mask: Volume | None = None, moving_mask: Volume | None = None, initial_transform=None,
        affine="auto", spacing: float | None = None, precision="auto", normalization="robust",
        contrast="auto", progress: Callable[[float, str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ):  # fmt: skip
        if affine not in ("auto", "none"):
            raise RegistrationError(_("Affine is 'auto' or 'none', got '{affine}'.").format(affine=affine))
        if normalization not in NORMALIZATIONS:
            raise RegistrationError(
                _("Normalization is {choices}, got '{normalization}'.").format(
                    choices=" or ".join(NORMALIZATIONS), normalization=normalization
                )
            )
        if contrast not in contrasts.CHOICES:
            raise RegistrationError(
                _("Contrast is auto, same or different, got '{contrast}'.").format(contrast=contrast)
            )
        self.card = find_model(model)
        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        self.spacing = float(self.card.spacing if spacing is None else spacing)
        if not 0.5 <= self.spacing <= 8:
            raise RegistrationError(
                _("Working resolution is {spacing:g} mm; choose one between 0.5 and 8 mm.").format(spacing=self.spacing)
            )
        _tell(progress, 0.0, _("Reading volumes"))
        self.fixed, self.moving = fixed, moving
        prepared_fixed = prepare_image(fixed, fixed_mask, _("Fixed"), normalization)
        prepared_moving = prepare_image(moving, moving_mask, _("Moving"), normalization)
        self.ct = next((volume.name for volume in (fixed, moving) if looks_like_ct(volume.array)), "")
        # The center of a hippocampus is not that of a head, and black all around it is nowhere in the other volume: a
        # mask of a part says where to register, but hides nothing.
        whole_fixed, self.unused_mask = prepared_fixed, ""
        if fixed_mask is not None and moving_mask is None and is_part(prepared_fixed, prepared_moving):
            whole_fixed = prepare_image(fixed, None, _("Fixed"), normalization)
            prepared_fixed = replace(prepared_fixed, volume=whole_fixed.volume)
        elif moving_mask is not None and fixed_mask is None and is_part(prepared_moving, prepared_fixed):
            # Of where to register only the fixed one can tell: that is where the field lives.
            prepared_moving = prepare_image(moving, None, _("Moving"), normalization)
            self.unused_mask = moving_mask.name
        start = None if initial_transform is None else check_start(initial_transform)
        check_overlap(fixed, moving, np.eye(4) if start is None else start)
        network = load_network(self.card, self.device)
        # The field fades at the border of the grid, outside of what is registered.
        margin = max(MARGIN_MM, (TAPER_VOXELS + 1) * self.spacing)
        self.grid = working_grid(fixed, prepared_fixed.content, self.spacing, network.multiple, margin)
        if self._mapped(self.grid) > MOST_MAPPED:
            raise RegistrationError(
                _(
                    "Fixed volume '{fixed}' is too large for a map of {spacing:g} mm; crop it to what is marked, or "
                    "choose a coarser working resolution."
                ).format(fixed=fixed.name, spacing=self.spacing)
            )

        began = time.perf_counter()
        images = whole_fixed.blanked, prepared_moving.blanked
        if affine == "auto":
            self.affine, agreement, meter = align(
                *images, start, lambda fraction, message: _tell(progress, 0.1 + 0.8 * fraction, message), cancelled
            )
        else:
            self.affine = np.eye(4) if start is None else start
            meter = AgreementMeter(*images)
            agreement = meter(self.affine)
        del images
        self.agreement = agreement.score
        self.coverage = coverage(prepared_fixed.content, fixed.grid, moving.grid, self.affine)
        self.affine_seconds = time.perf_counter() - began
        if cancelled and cancelled():
            raise Cancelled("Cancelled after the affine alignment.")

        _tell(progress, 0.9, _("Resampling to the working grid"))
        content = Volume(prepared_fixed.content.astype(np.float32), fixed.affine, fixed.name)
        mask = bring_to_grid(content, self.grid, mode="nearest")
        if not mask.any():
            raise RegistrationError(
                _(
                    "What is marked in fixed volume '{fixed}' is smaller than a voxel of the {spacing:g} mm "
                    "working grid; mark more, or choose a finer working resolution."
                ).format(fixed=fixed.name, spacing=self.spacing)
            )
        self._prepared, self.matched = (prepared_fixed.volume, prepared_moving.volume), ""
        on_grid = self._images_on(self.grid)
        if contrast == "different" or (
            contrast == "auto" and contrasts.differs(agreement, *on_grid, mask.to(self.device), self.spacing)
        ):
            *self._prepared, self.matched = contrasts.match_contrast(
                prepared_fixed, prepared_moving, self.affine, self.grid, mask
            )
            on_grid = self._images_on(self.grid)
        self.least_agreement = meter.misplaced(DOUBTFUL_OTHER_CONTRAST_MM if self.matched else DOUBTFUL_MM)
        self._refiner = Refiner(network, *on_grid, mask=mask, precision=self.precision)
        _tell(progress, 1.0, _("Ready"))

    @property
    def stretch(self) -> float:
        """How many times as long as the fixed object the moving one is, by the affine alignment."""
        return float(abs(np.linalg.det(self.affine[:3, :3])) ** (1 / 3))

    @property
    def mask(self) -> torch.Tensor:
        """The fixed content on the working grid, (1, 1, D, H, W), > 0 inside."""
        return self._refiner.mask

    @property
    def iterations(self) -> list[Iteration]:
        """All iterations so far; index 0 is the affine start."""
        return self._refiner.iterations

    def refine(self, iterations: int, progress=None, cancelled=None) -> Iterator[Iteration]:
        """Yield each new iteration up to number ``iterations``; see ``Refiner.refine``."""
        return self._refiner.refine(iterations, progress, cancelled)

    def polish(self, levels=POLISH, seconds: float | None = None, progress=None, cancelled=None) -> Iteration:
        """Optimize the last state's field for this pair (instance optimization) and append the outcome.

        :param levels: ``PolishLevel``s in turn; those finer than the images, or very coarse, are left out.
        :param seconds: no step begins after this time; the outcome then is as far as it came, or the field as it
            was where that agrees better.
        :param progress: called as ``progress(fraction, message)`` after each step.
        :param cancelled: asked before each step.
        :raises Cancelled: the flag was set; :attr:`iterations` stays as it was.
        """
        began = time.perf_counter()
        deadline = began + (math.inf if seconds is None else seconds)
        levels = [level for level in levels if (level.steps or level.unfold) and self._worth(level)]
        structures = self._structure_match() if any(level.steps for level in levels) else None
        if structures:
            levels = [level for level in levels if not level.again]
        before = self.iterations[-1]
        if before.polished and levels:
            levels[0] = replace(levels[0], forget=0.0)
        with workers_for(self.device) as workers:
            pair = PolishedPair(self._refiner, self._images, self.grid, self.spacing, structures, workers)
            field, repair = polish_levels(
                before.field.to(self.device), levels, pair, deadline,
                lambda fraction: _tell(progress, fraction, _("Polishing")), cancelled,
            )  # fmt: skip
        return self._refiner.accept(field, time.perf_counter() - began, repair)

    def _worth(self, level) -> bool:
        """Whether the level's grid shows what the field's own does not, and fits in memory."""
        if level.finer <= 1:
            return level.finer == 1 or self.spacing / level.finer <= COARSEST_MM
        finest = min(float(volume.grid.spacing.min()) for volume in self._prepared)
        grid = finer_grid(self.grid, level.finer)
        fits = math.prod(grid.shape) <= MOST_VOXELS and self._mapped(grid) <= MOST_MAPPED
        return self.spacing / level.finer > 0.75 * finest and fits

    def _mapped(self, grid) -> int:
        """Points of the map of a field on ``grid``."""
        return math.prod(map_lattice(grid, self.fixed.grid).shape)

    def _images(self, finer: float) -> tuple[torch.Tensor, torch.Tensor]:
        images = self._refiner.fixed, self._refiner.moving
        if finer == 1:
            return images
        grid = finer_grid(self.grid, finer)
        return self._images_on(grid) if finer > 1 else tuple(coarser(image, grid.shape) for image in images)

    def _images_on(self, grid) -> tuple[torch.Tensor, torch.Tensor]:
        fixed, moving = self._prepared
        images = bring_to_grid(fixed, grid), bring_to_grid(moving, grid, self.affine)
        return tuple(image.to(self.device) for image in images)

    def _structure_match(self) -> StructureMatch | None:
        """What a label-assisted model reads in both images; not kept, for it takes hundreds of megabytes."""
        reader = load_structures(self.card, self.device)
        if reader is None:
            return None
        # The network knows structures at the size they had in training.
        shape = tuple(max(2, round((n - 1) * self.spacing / reader.spacing) + 1) for n in self.grid.shape)
        grid = resized_grid(self.grid, shape)
        images = self._images(1) if shape == self.grid.shape else self._images_on(grid)
        fine, finer = finer_grid(grid, FINER), (None, None)
        # The voxel's mean width decides: slices a little thicker than their pixels show finer detail all the same.
        widths = [float(volume.grid.spacing.prod()) ** (1 / 3) for volume in self._prepared]
        if reader.spacing / FINER > 0.75 * max(widths) and math.prod(fine.shape) <= MOST_VOXELS:
            finer = self._images_on(fine)
        return StructureMatch(*(reader(image, self.precision, more) for image, more in zip(images, finer, strict=True)))

    def map(self, iteration: int | None = None) -> DisplacementMap:
        """The whole map fixed to moving after ``iteration`` (None: the last), covering the fixed volume.

        Its lattice is as fine as the field's grid.
        """
        field = self._at(iteration).field
        writer = self.map_writers().of(field)
        displacement = np.empty((*writer.lattice.shape, 3), dtype=np.float32)
        writer.write(field, displacement)
        return DisplacementMap(writer.lattice, displacement)

    def map_writers(self, after=None) -> MapWriters:
        """Write the whole map of any iteration's field, each on the lattice of :meth:`map`.

        :param after: 4x4 RAS mm, applied after the map; nothing if None.
        """
        return MapWriters(self.grid, self.fixed.grid, self.affine if after is None else after @ self.affine)

    def final_field(self, iteration: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """The field as the map has it, faded at the border, and the mask on its grid.

        :return: (1, 3, D, H, W) voxels of the field's own grid, and (1, 1, D, H, W), > 0 inside.
        """
        field = self._at(iteration).field
        return taper(field, finer_than(field, self.grid) * TAPER_VOXELS), self._refiner.mask_for(field).cpu()

    def stored_error(self, iteration: int) -> float:
        """How far the stored field of ``iteration`` may be off, mm; 0 where it is kept in full precision."""
        return self._refiner.fields.error(self._at(iteration).index) * self.spacing

    @property
    def stored_bytes(self) -> int:
        """Memory that the fields of all iterations take."""
        return self._refiner.fields.nbytes

    def restore(self, iteration: int, cancelled: Callable[[], bool] | None = None) -> None:
        """Bring the field of ``iteration`` back to full precision; see ``Refiner.restore``."""
        self._refiner.restore(self._at(iteration).index, cancelled)

    def warped(self, iteration: int | None = None) -> Volume:
        """The moving volume, resampled once onto the fixed volume's own grid; see ``warp_volume``."""
        return warp_volume(self.moving, self.map(iteration), self.fixed)

    def jacobian(self, iteration: int | None = None) -> Volume:
        """Jacobian determinant of the whole map (affine included) on the fixed volume's own grid."""
        array = self.map(iteration).jacobian(self.fixed.grid)
        return Volume(array, self.fixed.affine, f"{self.moving.name} Jacobian")

    def _at(self, iteration: int | None) -> Iteration:
        if iteration is None:
            return self.iterations[-1]
        if not 0 <= iteration < len(self.iterations):
            raise RegistrationError(
                _("Iteration {iteration} has not been computed; there are 0 to {last}.").format(
                    iteration=iteration, last=len(self.iterations) - 1
                )
            )
        return self.iterations[iteration]


def _tell(progress, fraction: float, message: str) -> None:
    if progress:
        progress(fraction, message)
