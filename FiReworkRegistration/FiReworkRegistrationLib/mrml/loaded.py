"""Results that come back from a scene file, made the same again as when they were saved."""

from .moving_place import takeBackLoaded

#: Every transform of a registration has it, see ``results.transformAttributes``.
ATTRIBUTE = "FiRework.iterations"


def restore(scene):
    """After a scene was loaded: fields are linear again, what was placed for a look only is back."""
    restoreLinear(scene)
    takeBackLoaded(scene)


def restoreLinear(scene):
    """Interpolate the displacement fields of registrations linearly again, after a scene was loaded.

    Slicer reads every field as cubic: between its points it would then be off by tenths of a millimeter from what
    was registered, and no longer agree with the resampled volume.

    :return: the transform nodes of registrations in the scene.
    """
    found = []
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLTransformNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLTransformNode")
        if not node.GetAttribute(ATTRIBUTE):
            continue
        found.append(node)
        grid = node.GetTransformFromParentAs("vtkOrientedGridTransform", False, False)
        if grid is not None and grid.GetInterpolationMode() != 1:
            grid.SetInterpolationModeToLinear()
            node.TransformModified()
    return found
