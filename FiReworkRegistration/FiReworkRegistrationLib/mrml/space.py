"""Where a node lies when the result transform of a registration is left out of account."""

from .transforms import localToWorld


def localToOriginalWorld(node, role, resultTransform=None, movingToWorld=None):
    """4x4 RAS mm from a node's coordinates to the world in which the moving volume was registered.

    :param role: "Moving landmarks" and the like, the first words of a message.
    :param resultTransform: transform node of the registration. A node directly under it lies in the
        coordinates of the moving volume, whose parent the result took the place of.
    :param movingToWorld: 4x4 of that former parent; identity if None.
    :raises RegistrationError: under any other nonlinear transform.
    """
    import numpy as np

    if resultTransform is not None and node.GetParentTransformNode() is resultTransform:
        return np.eye(4) if movingToWorld is None else np.asarray(movingToWorld, dtype=float)
    return localToWorld(node, role)
