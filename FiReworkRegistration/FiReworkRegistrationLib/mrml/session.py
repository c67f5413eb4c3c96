"""One registration of two volume nodes: read, compute, write at the end."""

from dataclasses import dataclass, field
from typing import Any

from .outputs import INVERSE, JACOBIAN, TRANSFORM, VOLUME, Results, checkOutputs, writeOutputs
from .pair import readPair
from .transforms import followedBy, inverseMap

#: Progress fractions where preparation, iterations and the rest begin.
PREPARE, REFINE, FINISH = 0.02, 0.35, 0.80


@dataclass
class Outputs:
    """What a registration left in the scene.

    :param transform: vtkMRMLTransformNode, from parent: fixed world to moving local coordinates.
    :param volume: the moving volume resampled on the fixed volume's grid, or None.
    :param jacobian: Jacobian determinant on the fixed volume's grid, or None.
    :param inverse: vtkMRMLTransformNode of the way back, moving world to fixed local coordinates, or None.
    :param registration: engine ``Registration``, which holds the fields and can refine further.
    :param figures: list of ``Iteration``, index 0 the affine start.
    :param inverseResidual: how far the inverse misses, mm, 99th percentile, or None.
    """

    transform: Any
    volume: Any = None
    jacobian: Any = None
    inverse: Any = None
    registration: Any = None
    figures: list = field(default_factory=list)
    inverseResidual: float | None = None


def registerNodes(
    fixedNode, movingNode, *, outputTransform=None, outputVolume=None, outputJacobian=None, outputInverse=None,
    fixedMask=None, movingMask=None, fixedSegment=None, movingSegment=None, initialTransform=None, model=None,
    iterations=8, device="auto", affine="auto", spacing=None, wantVolume=True, wantJacobian=True, wantInverse=None,
    progress=None, cancelled=None, onIteration=None, registrationClass=None,
):  # fmt: skip
    """Register a moving volume node to a fixed one and put the result into the scene.

    Nothing in the scene changes before everything is computed; after an error or a cancel it is as before.

    :param fixedNode, movingNode: scalar volume nodes; linear parent transforms are respected.
    :param outputTransform, outputVolume, outputJacobian, outputInverse: nodes to overwrite; None makes new ones.
    :param fixedMask, movingMask: label map, volume or segmentation nodes; voxels > 0 are registered.
    :param fixedSegment, movingSegment: segment IDs, if the masks are segmentations; None is all segments.
    :param initialTransform: linear transform node under which the moving volume lies near the fixed one.
    :param model, device, affine, spacing: see the engine's ``Registration``.
    :param iterations: K, how often the network refines the field, 1 or more.
    :param wantVolume, wantJacobian: False leaves them out, and a given node as it is.
    :param wantInverse: None means yes if ``outputInverse`` is given.
    :param progress: called as ``progress(fraction, message)``, fraction in [0, 1].
    :param cancelled: asked between steps; True stops.
    :param onIteration: called with each engine ``Iteration`` as it is done.
    :param registrationClass: stands in for the engine's ``Registration``.
    :return: ``Outputs``.
    :raises RegistrationError: an input or a setting that cannot be used, in words for the user.
    :raises Cancelled: ``cancelled`` said so.
    """
    if registrationClass is None:
        from ..engine.registration import Registration as registrationClass
    tell = progress or (lambda fraction, message: None)
    wantInverse = outputInverse is not None if wantInverse is None else wantInverse
    wanted = {TRANSFORM: True, VOLUME: wantVolume, JACOBIAN: wantJacobian, INVERSE: wantInverse}
    given = {TRANSFORM: outputTransform, VOLUME: outputVolume, JACOBIAN: outputJacobian, INVERSE: outputInverse}
    given = {role: node if wanted[role] else None for role, node in given.items()}
    inputs = {
        "Fixed volume": fixedNode, "Moving volume": movingNode, "Fixed mask": fixedMask, "Moving mask": movingMask,
        "Initial transform": initialTransform,
    }  # fmt: skip

    tell(0.0, "Reading volumes")
    _checkSettings(inputs, iterations)
    checkOutputs(given, inputs, fixedNode.GetScene())
    pair = readPair(
        fixedNode, movingNode, fixedMask=fixedMask, movingMask=movingMask, fixedSegment=fixedSegment,
        movingSegment=movingSegment, initialTransform=initialTransform, replacedTransform=outputTransform,
    )  # fmt: skip
    registration = registrationClass(
        pair.fixed, pair.moving, model=model, device=device, fixed_mask=pair.fixedMask, moving_mask=pair.movingMask,
        initial_transform=pair.initial, affine=affine, spacing=spacing, cancelled=cancelled,
        progress=lambda fraction, message: tell(PREPARE + (REFINE - PREPARE) * fraction, message),
    )  # fmt: skip
    _refine(registration, iterations, tell, cancelled, onIteration)
    results, residual = _results(registration, pair, wanted, tell, cancelled)

    tell(0.97, "Writing nodes")
    # Last chance: from here on nothing asks or tells, so that no event comes between the nodes.
    _stopIfCancelled(cancelled)
    nodes = writeOutputs(pair, results, given)
    tell(1.0, "Done")
    return Outputs(
        nodes[TRANSFORM], nodes[VOLUME], nodes[JACOBIAN], nodes[INVERSE],
        registration, list(registration.iterations), residual,
    )  # fmt: skip


def _checkSettings(inputs, iterations):
    """What can be refused before anything is read."""
    from ..engine.errors import RegistrationError

    for role in ("Fixed volume", "Moving volume"):
        if inputs[role] is None:
            raise RegistrationError(f"{role} is missing; select a volume.")
    if iterations < 1:
        raise RegistrationError(f"Iterations (K) is {iterations}; choose 1 or more.")
    scene = inputs["Fixed volume"].GetScene()
    for role, node in inputs.items():
        if node is not None and (scene is None or node.GetScene() is not scene):
            raise RegistrationError(f"{role} '{node.GetName()}' is not in the scene (any more); select one that is.")


def _refine(registration, iterations, tell, cancelled, onIteration):
    tell(REFINE, f"Iteration 1 of {iterations}")
    for iteration in registration.refine(iterations, cancelled=cancelled):
        if onIteration:
            onIteration(iteration)
        done = iteration.index / iterations
        message = f"Iteration {min(iteration.index + 1, iterations)} of {iterations}"
        tell(REFINE + (FINISH - REFINE) * done, message)


def _results(registration, pair, wanted, tell, cancelled):
    """All outputs of the last iteration as ``Results``, and the inverse's residual in mm or None."""
    import numpy as np

    volume = jacobian = inverse = residual = None
    _stopIfCancelled(cancelled)
    worldMap = registration.map()
    # Under the node, the moving volume has no other parent: what its parent did goes into the map.
    toMoving = followedBy(worldMap, np.linalg.inv(pair.movingToWorld))
    if wanted[VOLUME]:
        tell(0.80, "Resampling the moving volume")
        volume = registration.warped().array
        _stopIfCancelled(cancelled)
    if wanted[JACOBIAN]:
        tell(0.84, "Computing the Jacobian determinant")
        jacobian = registration.jacobian().array
        _stopIfCancelled(cancelled)
    attributes = _attributes(registration)
    inverseAttributes = None
    if wanted[INVERSE]:
        tell(0.87, "Computing the inverse transform")
        worldInverse, residual = inverseMap(worldMap, pair.moving)
        inverse = followedBy(worldInverse, np.linalg.inv(pair.fixedToWorld))
        inverseAttributes = {**attributes, "FiRework.inverseResidual": f"{residual:.4f}"}
    return Results(toMoving, volume, jacobian, inverse, attributes, inverseAttributes), residual


def _attributes(registration):
    """Figures of the last iteration, kept with the transform node; percent of folded brain voxels."""
    last = registration.iterations[-1]
    return {
        "FiRework.iterations": str(last.index),
        "FiRework.model": str(registration.card.name),
        "FiRework.percentFolded": f"{last.percent_folded:.4f}",
    }


def _stopIfCancelled(cancelled):
    from ..engine.errors import Cancelled

    if cancelled and cancelled():
        raise Cancelled("Cancelled before the outputs were written.")
