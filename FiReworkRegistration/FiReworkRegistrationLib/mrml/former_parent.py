"""The parent that the moving volume had when it was registered, kept with the transform that takes its place."""

#: Attribute of a result transform: 16 numbers, row by row.
MOVING_TO_WORLD = "FiRework.movingToWorld"
#: The same of the fixed volume's parent, from where the transform leads.
FIXED_TO_WORLD = "FiRework.fixedToWorld"
#: Where the fixed volume's voxels lay: IJK to world, and how many there are along i, j, k.
FIXED_GRID = "FiRework.fixedGrid"
#: Node reference roles of the output volumes: what they are the result of.
PAIR_ROLES = ("FiRework.fixed", "FiRework.moving")


def setParentBack(node, parentID):
    """Under its former parent, if that is still there: one that is gone would come back as whatever gets its ID."""
    scene = node.GetScene()
    isThere = scene is not None and scene.GetNodeByID(parentID or "") is not None
    node.SetAndObserveTransformNodeID(parentID if isThere else None)


def movingToWorldText(movingToWorld):
    """What the attribute :data:`MOVING_TO_WORLD` says of a 4x4, RAS mm."""
    return " ".join(repr(float(value)) for row in movingToWorld for value in row)


def rememberedMovingToWorld(transformNode):
    """4x4 RAS mm of the moving volume's parent before the registration; identity where the node does not know."""
    import numpy as np

    found = _remembered(transformNode, MOVING_TO_WORLD)
    return np.eye(4) if found is None else found


def rememberedFixedToWorld(transformNode):
    """4x4 RAS mm of the fixed volume's parent at the registration; None where the node does not know."""
    return _remembered(transformNode, FIXED_TO_WORLD)


def gridText(volume):
    """What :func:`rememberedFixedGrid` reads, of an engine ``Volume`` in the world."""
    return " ".join(f"{value:.17g}" for value in (*volume.affine.ravel(), *volume.array.shape[::-1]))


def rememberedFixedGrid(transformNode, size):
    """4x4 IJK to world of the fixed volume when it was registered; None where the node does not know, or for an image
    of another size.

    :param size: voxels along i, j, k now.
    """
    import numpy as np

    text = transformNode.GetAttribute(FIXED_GRID)
    try:
        values = np.array(text.split(), dtype=float) if text else np.empty(0)
    except ValueError:
        return None
    return values[:16].reshape(4, 4) if len(values) == 19 and tuple(values[16:]) == tuple(size) else None


def movingWasPlaced(transformNode):
    """Whether the moving volume lay under a transform that moves it."""
    return _moves(rememberedMovingToWorld(transformNode))


def fixedWasPlaced(transformNode):
    """Whether the fixed volume lay under a transform that moves it; False where the node does not know."""
    found = rememberedFixedToWorld(transformNode)
    return found is not None and _moves(found)


def _moves(matrix):
    import numpy as np

    return not np.allclose(matrix, np.eye(4), atol=1e-6)


def _remembered(transformNode, attribute):
    import numpy as np

    text = transformNode.GetAttribute(attribute)
    try:
        return np.array(text.split(), dtype=float).reshape(4, 4) if text else None
    except ValueError:
        return None
