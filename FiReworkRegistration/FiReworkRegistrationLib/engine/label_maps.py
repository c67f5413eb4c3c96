"""Label maps as whole numbers, whatever kind of numbers their file holds."""

import numpy as np

from .errors import RegistrationError
from .geometry import Volume
from .texts import tr as _

#: A NIfTI file with a scale factor gives 16.9997 for 17; what is further from a whole number is no label.
MOST_OFF = 0.01


def label_map(volume: Volume, role: str, highest: int | None = None) -> Volume:
    """``volume`` with whole numbers, (k, j, i) of an integer type.

    :param role: first words of a message, such as "Fixed labels".
    :param highest: label value that is allowed; any if None.
    :raises RegistrationError: values that are not whole numbers, below 0, or above ``highest``.
    """
    array = np.asarray(volume.array)
    if not np.issubdtype(array.dtype, np.integer):
        rounded = np.rint(array)
        # Not greater, so that NaN is refused too.
        if not np.abs(array - rounded).max() <= MOST_OFF:
            raise RegistrationError(
                _("{role} '{name}' holds values that are not whole numbers; give a label map.").format(
                    role=role, name=volume.name
                )
            )
        array = rounded.astype(np.int64)
    lowest, found = int(array.min()), int(array.max())
    if lowest < 0 or (highest is not None and found > highest):
        wanted = _(" and above") if highest is None else _(" to {highest}").format(highest=highest)
        raise RegistrationError(
            _("{role} '{name}' holds label {value}; give labels of 0 (background){wanted} and no others.").format(
                role=role, name=volume.name, value=lowest if lowest < 0 else found, wanted=wanted
            )
        )
    return Volume(array, volume.affine, volume.name)


def numbered(array: np.ndarray, labels) -> np.ndarray:
    """1, 2, ... for ``labels``, which ascend, and 0 for any other value; int32 of the same shape."""
    labels = np.asarray(labels)
    if not len(labels):
        return np.zeros(array.shape, dtype=np.int32)
    place = np.searchsorted(labels, array).clip(max=len(labels) - 1)
    return np.where(labels[place] == array, place + 1, 0).astype(np.int32)
