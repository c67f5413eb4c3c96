"""The affine start of a pair: aligned as the volumes lie, and from a searched pose where that agrees badly."""

import numpy as np

from .affine import center_of_mass, prealign
from .affine_search import search_start
from .agreement import Agreement, AgreementMeter
from .geometry import Volume
from .texts import tr as _

#: Agreement below which another start is searched; chosen on hard cases of ``ixi_2mm/dev``, where one in eight
#: has less, among them all that ended in a wrong rotation.
SEARCH_BELOW = 0.86
#: Nor is it where the volumes agree as well as one of them with itself moved by this, mm: tightly cut brains reach
#: no more.
SEARCH_BEYOND_MM = 6.0


def align(
    fixed: Volume, moving: Volume, start=None, progress=None, cancelled=None
) -> tuple[np.ndarray, Agreement, AgreementMeter]:  # fmt: skip
    """Affine map of the fixed to the moving space, and how well the volumes agree under it.

    :param fixed, moving: normalized to [0, 1], background 0.
    :param start: 4x4 RAS mm, fixed to moving, where the user says that they lie over each other: no other
        one is searched then. None starts from the centers of mass.
    :param progress: called as ``progress(fraction, message)``.
    :param cancelled: asked at every step.
    :return: 4x4 RAS mm, the ``Agreement`` under it, and what measured that.
    :raises Cancelled: the flag was set.
    :raises RegistrationError: as ``prealign``.
    """
    matrix = prealign(fixed, moving, start, progress, cancelled).matrix
    meter = AgreementMeter(fixed, moving)
    agreement = meter(matrix)
    if start is None and agreement.score < SEARCH_BELOW and agreement.score < meter.misplaced(SEARCH_BEYOND_MM):
        if progress:
            progress(0.5, _("Searching for a better start"))
        begin = search_start(fixed, moving, center_of_mass(fixed), center_of_mass(moving), cancelled)
        found = prealign(fixed, moving, begin, progress, cancelled).matrix
        found_agreement = meter(found)
        if found_agreement.score > agreement.score:
            matrix, agreement = found, found_agreement
    return matrix, agreement, meter
