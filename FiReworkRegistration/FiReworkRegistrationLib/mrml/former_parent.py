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
    return _text(value for row in movingToWorld for value in row)


def gridText(volume):
    """What the attribute :data:`FIXED_GRID` says of an engine ``Volume`` in the world."""
    return _text((*volume.affine.ravel(), *volume.array.shape[::-1]))


def rememberedMovingToWorld(transformNode):
    """4x4 RAS mm of the moving volume's parent before the registration; identity where the node does not know."""
    return _matrix(_numbers(transformNode, MOVING_TO_WORLD, 16))


def rememberedFixedGrid(transformNode, size):
    """4x4 IJK to world of the fixed volume when it was registered; None where the node does not know, or for an image
    of another size.

    :param size: voxels along i, j, k now.
    """
    numbers = _numbers(transformNode, FIXED_GRID, 19)
    return _matrix(numbers[:16]) if numbers and numbers[16:] == list(size) else None


def movingWasPlaced(transformNode):
    """Whether the moving volume lay under a transform that moves it; False where the node does not know."""
    return _moves(transformNode, MOVING_TO_WORLD)


def fixedWasPlaced(transformNode):
    """The same of the fixed volume."""
    return _moves(transformNode, FIXED_TO_WORLD)


def _moves(transformNode, attribute):
    import numpy as np

    return not np.allclose(_matrix(_numbers(transformNode, attribute, 16)), np.eye(4), atol=1e-6)


def _text(numbers):
    return " ".join(repr(float(number)) for number in numbers)


def _numbers(transformNode, attribute, count):
    """What :func:`_text` wrote; [] where there is nothing, or something else."""
    try:
        numbers = [float(word) for word in (transformNode.GetAttribute(attribute) or "").split()]
    except ValueError:
        return []
    return numbers if len(numbers) == count else []


def _matrix(numbers):
    """4x4 of 16 numbers; of none the identity."""
    import numpy as np

    return np.reshape(numbers, (4, 4)) if numbers else np.eye(4)
