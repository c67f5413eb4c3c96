"""What one iteration of a registration gives, as values; touches no node, so any thread may run it."""

from dataclasses import dataclass
from typing import Any

from ..engine.texts import tr as _
from .former_parent import FIXED_GRID, FIXED_TO_WORLD, MOVING_TO_WORLD, gridText, movingToWorldText
from .transforms import followedBy


@dataclass(frozen=True)
class Results:
    """What a registration computed, ready to be written.

    :param transform: ``DisplacementMap`` fixed world to moving local, RAS mm.
    :param volume, jacobian: arrays (k, j, i) on the fixed volume's grid, or None.
    :param inverse: ``DisplacementMap`` moving world to fixed local, or None.
    :param attributes, inverseAttributes: of the transform nodes, name to text.
    :param inverseResidual: how far the inverse misses, mm, 99th percentile, or None.
    """

    transform: Any
    volume: Any = None
    jacobian: Any = None
    inverse: Any = None
    attributes: dict | None = None
    inverseAttributes: dict | None = None
    inverseResidual: float | None = None


def computeResults(registration, pair, iteration, *, volume, jacobian, inverse, tell, cancelled):
    """All wanted outputs of one iteration as ``Results``, in full precision.

    :param registration: engine ``Registration`` of ``pair``.
    :param iteration: index, 0 the affine start.
    :param volume, jacobian, inverse: which of them are wanted.
    :param tell: called as ``tell(fraction, message)``.
    :param cancelled: asked between steps.
    :raises Cancelled: it said so.
    """
    import numpy as np

    from ..engine.covering_inverse import covering_inverse
    from ..engine.volume_warping import warp_volume

    stopIfCancelled(cancelled)
    registration.restore(iteration, cancelled)
    worldMap = registration.map(iteration)
    results = {
        # Under the node, the moving volume has no other parent: what its parent did goes into the map.
        "transform": followedBy(worldMap, np.linalg.inv(pair.movingToWorld)),
        "attributes": transformAttributes(registration, iteration, pair.movingToWorld, pair.fixedToWorld, pair.fixed),
    }
    if volume:
        tell(0.80, _("Resampling the moving volume"))
        results["volume"] = warp_volume(registration.moving, worldMap, registration.fixed).array
        stopIfCancelled(cancelled)
    if jacobian:
        tell(0.84, _("Computing the Jacobian determinant"))
        determinant = worldMap.jacobian(registration.fixed.grid)
        # Of the moving image, as the transform leads to it: a parent may scale (an affine of another module).
        results["jacobian"] = determinant / np.float32(abs(np.linalg.det(pair.movingToWorld[:3, :3])))
        stopIfCancelled(cancelled)
    if inverse:
        tell(0.87, _("Computing the inverse transform"))
        worldInverse, residual = covering_inverse(worldMap, pair.moving)
        results["inverse"] = followedBy(worldInverse, np.linalg.inv(pair.fixedToWorld))
        results["inverseAttributes"] = {
            # Of the inverse, the fixed volume is the one that moves.
            **transformAttributes(registration, iteration, pair.fixedToWorld, pair.movingToWorld, pair.moving),
            "FiRework.inverseResidual": f"{residual:.4f}",
        }
        results["inverseResidual"] = residual
    return Results(**results)


def transformAttributes(registration, iteration, movingToWorld, fixedToWorld, fixed):
    """Figures of an iteration, kept with the transform node; percent of folded brain voxels.

    :param movingToWorld: 4x4 RAS mm of the moving volume's parent, which the transform takes the place of.
    :param fixedToWorld: of the fixed volume's parent.
    :param fixed: the fixed volume in the world, engine ``Volume``.
    """
    return {
        "FiRework.iterations": str(iteration),
        "FiRework.polished": str(any(state.polished for state in registration.iterations[: iteration + 1])).lower(),
        "FiRework.model": str(registration.card.name),
        MOVING_TO_WORLD: movingToWorldText(movingToWorld),
        FIXED_TO_WORLD: movingToWorldText(fixedToWorld),
        FIXED_GRID: gridText(fixed),
        "FiRework.percentFolded": f"{registration.iterations[iteration].percent_folded:.4f}",
    }


def stopIfCancelled(cancelled):
    """:raises Cancelled: the callback, if there is one, says so."""
    from ..engine.errors import Cancelled

    if cancelled and cancelled():
        raise Cancelled("Cancelled before the outputs were written.")
