"""Where a node lies when the result transform of a registration is left out of account."""

from .transforms import localToWorld

#: Attribute of a result transform: the 16 numbers of the moving volume's former parent, row by row.
MOVING_TO_WORLD = "FiRework.movingToWorld"


def movingToWorldText(movingToWorld):
    """What the attribute :data:`MOVING_TO_WORLD` says of a 4x4, RAS mm."""
    return " ".join(repr(float(value)) for row in movingToWorld for value in row)


def rememberedMovingToWorld(transformNode):
    """4x4 RAS mm of the moving volume's parent before the registration; None where the node does not know."""
    import numpy as np

    text = transformNode.GetAttribute(MOVING_TO_WORLD)
    try:
        return np.array(text.split(), dtype=float).reshape(4, 4) if text else None
    except ValueError:
        return None


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
