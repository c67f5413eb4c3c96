"""What people call the states of a registration: iterations are counted, a polish is none."""

from collections.abc import Sequence

from .texts import Text
from .texts import tr as _


def state_name(states: Sequence, index: int) -> Text | str:
    """ "0" for the affine start, "1" and so on for iterations of the network, "polished" for what a polish made,
    "repaired" where that only opened folds.

    :param states: all so far, index 0 the affine start.
    """
    if states[index].polished:
        return _("polished") if states[index].repair is None else _("repaired")
    return str(iterations_up_to(states, index))


def iterations_up_to(states: Sequence, index: int) -> int:
    """How many iterations of the network made the state."""
    return index - sum(state.polished for state in states[: index + 1])
