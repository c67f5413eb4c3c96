"""One call from two volume nodes to the result in the scene."""

from .pair import checkIterations
from .session import FINISH, POLISHING, RegistrationSession


def registerNodes(
    fixedNode, movingNode, *, iterations=None, preset=None, polish=None, onIteration=None, **settings
):  # fmt: skip
    """Register a moving volume node to a fixed one and put the result into the scene.

    Nothing in the scene changes before everything is computed; after an error or a cancel it is as before.

    :param fixedNode, movingNode: scalar volume nodes; linear parent transforms are respected.
    :param preset: "fast", "balanced", "best", "plain" or "repaired"; None is the default one.
    :param iterations: K, how often the network refines the field, 1 or more; None is the preset's.
    :param polish: engine ``PolishLevel`` s of the polish at the end, () for none; None is the preset's.
    :param onIteration: called with each engine ``Iteration`` as it is done.
    :param settings: keywords of :class:`RegistrationSession`.
    :return: ``Outputs``.
    :raises RegistrationError: an input or a setting that cannot be used, in words for the user.
    :raises Cancelled: ``cancelled`` said so.
    """
    from ..engine.presets import find_preset

    session = RegistrationSession(fixedNode, movingNode, **settings)
    preset = find_preset(preset)
    iterations = preset.iterations if iterations is None else iterations
    polish = preset.polish if polish is None else polish
    onIteration = onIteration or (lambda iteration: None)
    checkIterations(iterations)
    session.prepare()
    for iteration in session.refine(iterations, end=POLISHING if polish else FINISH):
        onIteration(iteration)
    if polish:
        onIteration(session.polish(polish))
    return session.finish(session.iterations[-1].index)
