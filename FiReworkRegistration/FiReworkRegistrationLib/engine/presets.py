"""Presets named for people: how many iterations, and how the outcome is polished."""

from dataclasses import dataclass, replace

from .errors import RegistrationError
from .texts import tr as _


@dataclass(frozen=True)
class PolishLevel:
    """Steps of instance optimization on one grid; see ``polish.py``.

    :param finer: images and field lie on a grid so many times as fine as the working grid, of 1/2 half as fine.
        Levels finer than the images themselves are left out, and those much coarser than structures.
    :param steps: of Adam.
    :param unfold: repair the folds that are left after them, see ``unfold.py``.
    :param smoothness: weight of the field's gradient; that of ``PolishSettings`` if None.
    :param forget: detail of the field is smoothed away before: standard deviation in voxels of the working grid. At
        the first level that is done to a network's field only, not to a polished one.
    :param again: left out where structures are matched: with them it finds nothing more.
    """

    finer: float
    steps: int
    unfold: bool = False
    smoothness: float | None = None
    forget: float = 0.0
    again: bool = False

    @property
    def cost(self) -> float:
        """Of all its steps; 1 is one step on the working grid."""
        return self.steps * self.finer**3


@dataclass(frozen=True)
class Preset:
    """
    :param iterations: K of the refiner.
    :param polish: levels afterwards; empty is none.
    """

    name: str
    title: str
    description: str
    iterations: int
    polish: tuple[PolishLevel, ...] = ()


#: Detail that lies well is found again from the smoothed field, what had caught on the wrong fold of cortex is freed.
AGAIN = PolishLevel(1 / 2, 60, smoothness=1.0, forget=2.0, again=True)
#: How a polish begins. The network's field is right at large and uncertain in detail: that is smoothed away.
#: Coarse grids then bring over each other what lies too far apart for a window of 5 fine voxels.
COARSE = (PolishLevel(1 / 4, 80, smoothness=1.0, forget=2.0), PolishLevel(1 / 2, 80, smoothness=1.0), AGAIN, AGAIN)
#: The same with fewer steps, which costs "Fast" less than a thousandth of Dice.
COARSE_FAST = tuple(replace(level, steps=steps) for level, steps in zip(COARSE, (60, 60, 30, 30), strict=True))
#: Two such rounds that go on to the working grid.
TWICE = (AGAIN, PolishLevel(1, 30, again=True)) * 2

PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "fast", _("Fast"), _("Two iterations and a short polish: a first look in seconds."),
            2, (*COARSE_FAST, PolishLevel(1, 20)),
        ),
        Preset(
            "balanced", _("Balanced"),
            _("Four iterations and a polish from coarse to fine, the last steps on a grid twice as fine."),
            4, (*COARSE, PolishLevel(1, 30), PolishLevel(2, 10)),
        ),
        Preset(
            "best", _("Best"), _("Eight iterations and a long polish: the most accurate, one to two minutes on a CPU."),
            8, (*COARSE, PolishLevel(1, 30), *TWICE, PolishLevel(2, 30)),
        ),
        Preset(
            "plain", _("Network only"),
            _("Eight iterations of the network, the method of the paper; no polish."),
            8,
        ),
        Preset(
            "repaired", _("Network, folds repaired"),
            _("Eight iterations of the network; then folds are removed, with as little change as possible."),
            8, (PolishLevel(1, 0, unfold=True),),
        ),
    )
}  # fmt: skip
DEFAULT_PRESET = "balanced"
#: What "Polish" does to a result that is there already.
POLISH = PRESETS["best"].polish


def find_preset(name: str | None = None) -> Preset:
    """A preset by name; the default one if None.

    :raises RegistrationError: no such preset.
    """
    name = DEFAULT_PRESET if name is None else name
    if name not in PRESETS:
        raise RegistrationError(
            _("Unknown preset '{name}'; choose {choices}.").format(name=name, choices=", ".join(PRESETS))
        )
    return PRESETS[name]
