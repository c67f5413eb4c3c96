"""Dice of named structures, for any map between a fixed and a moving segmentation."""

from dataclasses import dataclass

import numpy as np

from .errors import RegistrationError
from .geometry import Grid, Volume
from .label_maps import numbered
from .maps import DisplacementMap
from .texts import tr as _
from .volume_warping import warp_volume
from .working_grid import bring_to_grid

#: Names listed in a message at most.
MOST_NAMES = 5


@dataclass(frozen=True)
class LabelLayer:
    """Structures that do not overlap each other.

    :param volume: whole-number labels (k, j, i), world RAS mm.
    :param names: label value to structure name; other values are background.
    """

    volume: Volume
    names: dict[int, str]


class StructureOverlap:
    """Fixed and moving structures matched by name, ready to be compared through map after map.

    Names are equal if they agree but for capitals and surrounding spaces.

    :param fixed, moving: ``LabelLayer`` s; structures of different layers may overlap.
    :param grid: where voxels are counted, the fixed volume's grid.
    :param who: names of the two segmentations in messages.
    :raises RegistrationError: a name occurs twice on a side, or no name occurs on both.
    """

    def __init__(self, fixed, moving, grid: Grid, who=("fixed segmentation", "moving segmentation")):
        places = [_places(layers, name) for layers, name in zip((fixed, moving), who, strict=True)]
        keys = [key for key in places[0] if key in places[1]]
        if not keys:
            of_fixed, of_moving = (listed(place.name for place in side.values()) for side in places)
            raise RegistrationError(
                _(
                    "'{fixed}' and '{moving}' have no structure of the same name ({fixed_names} against "
                    "{moving_names}); give corresponding structures the same name in both."
                ).format(fixed=who[0], moving=who[1], fixed_names=of_fixed, moving_names=of_moving)
            )
        self.names = [places[0][key].name for key in keys]
        #: Names of structures of one side only, which are not compared.
        self.alone = [
            place.name for side, other in (places, places[::-1]) for key, place in side.items() if key not in other
        ]
        self._places = [[side[key] for key in keys] for side in places]
        self._sizes = [[len(layer.names) + 1 for layer in layers] for layers in (fixed, moving)]
        self._grid = grid
        self._moving = [_compact(layer) for layer in moving]
        self._fixed = [_on_grid(_compact(layer), grid) for layer in fixed]

    def dice(self, dmap: DisplacementMap | None = None) -> dict[str, float]:
        """Dice of each structure, 2 |A and B| / (|A| + |B|), voxels of the fixed grid, nearest neighbor.

        :param dmap: fixed world to moving world; None compares the two where they are.
        :return: name to value in [0, 1]; NaN for a structure that is empty on both sides.
        """
        target = Volume(np.empty(self._grid.shape, dtype=np.uint8), self._grid.affine)
        seen = [
            _on_grid(layer, self._grid) if dmap is None else warp_volume(layer, dmap, target, "nearest").array
            for layer in self._moving
        ]
        joint, found = {}, {}
        for name, a, b in zip(self.names, *self._places, strict=True):
            layers = a.layer, b.layer
            if layers not in joint:
                sizes = self._sizes[0][a.layer], self._sizes[1][b.layer]
                joint[layers] = _joint_counts(self._fixed[a.layer], seen[b.layer], *sizes)
            counts = joint[layers]
            total = counts[a.index].sum() + counts[:, b.index].sum()
            found[name] = float(2.0 * counts[a.index, b.index] / total) if total else float("nan")
        return found


@dataclass(frozen=True)
class _Place:
    """Where a structure is found: which layer, and which value in its compacted labels."""

    name: str
    layer: int
    index: int


def _places(layers, who):
    """Comparable name to ``_Place``."""
    found = {}
    for number, layer in enumerate(layers):
        for index, value in enumerate(sorted(layer.names), start=1):
            name = layer.names[value]
            key = name.strip().casefold()
            if key in found:
                raise RegistrationError(
                    _("'{who}' has two structures named '{name}'; rename or merge them.").format(who=who, name=name)
                )
            found[key] = _Place(name, number, index)
    return found


def _compact(layer: LabelLayer) -> Volume:
    """Labels 1, 2, ... in the order of their values: small enough to be counted in pairs."""
    labels = numbered(np.asarray(layer.volume.array), sorted(layer.names))
    return Volume(labels, layer.volume.affine, layer.volume.name)


def _on_grid(labels: Volume, grid: Grid) -> np.ndarray:
    """Nearest neighbor, (k, j, i) int32 on ``grid``."""
    if labels.array.shape == grid.shape and np.allclose(labels.affine, grid.affine, atol=1e-3):
        return labels.array
    return bring_to_grid(labels, grid, mode="nearest")[0, 0].numpy().astype(np.int32)


def _joint_counts(first: np.ndarray, second: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """How many voxels hold each pair of labels, (rows, columns): labels of first and second."""
    pairs = first.ravel().astype(np.int64) * columns + second.ravel()
    return np.bincount(pairs, minlength=rows * columns).reshape(rows, columns)


def listed(names) -> str:
    """In quotation marks, the first few of them."""
    quoted = [f"'{name}'" for name in names]
    return ", ".join(quoted[:MOST_NAMES]) + (", …" if len(quoted) > MOST_NAMES else "")
