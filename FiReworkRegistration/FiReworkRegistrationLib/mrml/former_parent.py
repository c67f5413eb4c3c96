"""The parent that the moving volume had when it was registered, kept with the transform that takes its place."""

#: Attribute of a result transform: 16 numbers, row by row.
MOVING_TO_WORLD = "FiRework.movingToWorld"
#: Node reference roles of the output volumes: what they are the result of.
PAIR_ROLES = ("FiRework.fixed", "FiRework.moving")


def movingToWorldText(movingToWorld):
    """What the attribute :data:`MOVING_TO_WORLD` says of a 4x4, RAS mm."""
    return " ".join(repr(float(value)) for row in movingToWorld for value in row)


def rememberedMovingToWorld(transformNode):
    """4x4 RAS mm of the moving volume's parent before the registration; identity where the node does not know."""
    import numpy as np

    text = transformNode.GetAttribute(MOVING_TO_WORLD)
    try:
        return np.array(text.split(), dtype=float).reshape(4, 4) if text else np.eye(4)
    except ValueError:
        return np.eye(4)
