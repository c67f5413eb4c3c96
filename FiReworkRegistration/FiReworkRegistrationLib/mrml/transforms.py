"""Transform nodes: the map of a registration as a grid transform, and linear nodes as matrices."""

import slicer
import vtk

from ..engine.texts import tr as _
from .former_parent import rememberedMovingToWorld


def matrixToWorld(transformNode, name):
    """A linear transform node, with all its parents, as the 4x4 matrix from its children to the world.

    :param name: first words of a message, such as "Initial transform 'T'".
    :return: (4, 4) float64, RAS mm.
    :raises RegistrationError: a nonlinear transform on the way to the world, or a singular matrix.
    """
    from ..engine.errors import RegistrationError
    from ..engine.inputs import check_linear

    if not transformNode.IsTransformToWorldLinear():
        raise RegistrationError(
            _("{name} is not linear; choose a rigid or affine one, or harden it first.").format(name=name)
        )
    matrix = vtk.vtkMatrix4x4()
    transformNode.GetMatrixTransformToWorld(matrix)
    return check_linear(slicer.util.arrayFromVTKMatrix(matrix), name)


def linearToWorld(node):
    """4x4 matrix (RAS mm) of what a node is placed under, identity without parent; None of a nonlinear transform."""
    parent, matrix = node.GetParentTransformNode(), vtk.vtkMatrix4x4()
    if parent is not None and not parent.IsTransformToWorldLinear():
        return None
    if parent is not None:
        parent.GetMatrixTransformToWorld(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def localToWorld(node, role, replacedTransform=None):
    """4x4 matrix (RAS mm) of what a node is placed under; identity without parent.

    :param role: "Fixed volume", "Moving mask" and the like, the first words of a message.
    :param replacedTransform: transform node that a registration has written or will write; a node directly under it
        counts as placed under what the moving volume was under before, as far as that transform remembers it.
    :raises RegistrationError: a nonlinear or singular parent.
    """
    import numpy as np

    from ..engine.errors import RegistrationError

    parent = node.GetParentTransformNode()
    if parent is None:
        return np.eye(4)
    if parent is replacedTransform:
        return rememberedMovingToWorld(parent)
    if not parent.IsTransformToWorldLinear():
        raise RegistrationError(
            _(
                "{role} '{name}' is under the nonlinear transform '{parent}'; harden that transform on it first "
                "(Data module, Harden transform) or take it out of the transform."
            ).format(role=role, name=node.GetName(), parent=parent.GetName())
        )
    return matrixToWorld(
        parent,
        _("Transform '{parent}', parent of {role} '{name}',").format(
            parent=parent.GetName(), role=role.lower(), name=node.GetName()
        ),
    )


def initialMatrix(transformNode, movingToWorld):
    """4x4 RAS mm from the fixed to the moving world, from a linear initial transform node.

    The node is read as the result is: the moving volume placed under it, in the place of its parent,
    lies near the fixed one.

    :param movingToWorld: 4x4 of the moving volume's parent.
    :raises RegistrationError: not a transform node, nonlinear or singular.
    """
    import numpy as np

    from ..engine.errors import RegistrationError

    name = _("Initial transform '{name}'").format(name=transformNode.GetName())
    if not transformNode.IsA("vtkMRMLTransformNode"):
        raise RegistrationError(_("{name} is not a transform node; choose a linear transform.").format(name=name))
    return movingToWorld @ np.linalg.inv(matrixToWorld(transformNode, name))


def gridTransformFromMap(displacementMap, copy=True):
    """A ``DisplacementMap`` as vtkOrientedGridTransform (RAS mm), to be set *from parent*.

    :param copy: False lets the transform have the map's own memory: 80 MB at 1 mm need not be copied while the
        views wait. Nobody else may write there then.
    :raises RegistrationError: the lattice has skewed axes, which no file format of transforms holds.
    """
    import numpy as np
    from vtk.util.numpy_support import numpy_to_vtk

    from ..engine.errors import RegistrationError

    grid = displacementMap.grid
    if not np.allclose(grid.directions.T @ grid.directions, np.eye(3), atol=1e-4):
        raise RegistrationError(_("The displacement field's axes are not perpendicular; resample it to another grid."))
    vectors = np.ascontiguousarray(displacementMap.displacement, dtype=np.float32).reshape(-1, 3)
    image = vtk.vtkImageData()
    image.SetDimensions(*(int(size) for size in grid.shape[::-1]))
    image.SetOrigin(*(float(value) for value in grid.affine[:3, 3]))
    image.SetSpacing(*(float(value) for value in grid.spacing))
    # Displacements are read from the scalars; as VTK vectors they would silently mean identity.
    image.GetPointData().SetScalars(numpy_to_vtk(vectors, deep=copy))
    directions = np.eye(4)
    directions[:3, :3] = grid.directions
    transform = slicer.vtkOrientedGridTransform()
    transform.SetDisplacementGridData(image)
    transform.SetGridDirectionMatrix(slicer.util.vtkMatrixFromArray(directions))
    transform.SetInterpolationModeToLinear()
    return transform


def setMap(transformNode, displacementMap, copy=True):
    """Put a ``DisplacementMap`` into a transform node, from parent, replacing what it held.

    :param copy: see :func:`gridTransformFromMap`.
    """
    transformNode.SetAndObserveTransformFromParent(gridTransformFromMap(displacementMap, copy))


def mapFromTransformNode(transformNode):
    """The grid transform of a node as ``DisplacementMap`` in RAS mm, from parent.

    :raises RegistrationError: the node holds no displacement field from parent.
    """
    import numpy as np
    from vtk.util.numpy_support import vtk_to_numpy

    from ..engine.errors import RegistrationError
    from ..engine.geometry import Grid
    from ..engine.maps import DisplacementMap

    transform = transformNode.GetTransformFromParentAs("vtkOrientedGridTransform", False, True)
    if transform is None or transform.GetInverseFlag() or transform.GetDisplacementGrid() is None:
        raise RegistrationError(
            _(
                "Transform '{name}' does not hold one displacement field from parent; choose the transform of a "
                "registration."
            ).format(name=transformNode.GetName())
        )
    image = transform.GetDisplacementGrid()
    shape = tuple(reversed(image.GetDimensions()))
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(*shape, 3)
    displacement = (values * transform.GetDisplacementScale() + transform.GetDisplacementShift()).astype(np.float32)
    affine = np.eye(4)
    if transform.GetGridDirectionMatrix() is not None:
        affine = slicer.util.arrayFromVTKMatrix(transform.GetGridDirectionMatrix())
    affine[:3, :3] = affine[:3, :3] * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return DisplacementMap(Grid(shape, affine), displacement)


def followedBy(displacementMap, matrix):
    """The map x -> matrix(map(x)) on the same lattice, exact there, as the matrix is linear.

    :param matrix: 4x4 RAS mm.
    """
    import numpy as np

    from ..engine.geometry import linear_map
    from ..engine.maps import DisplacementMap

    if np.allclose(matrix, np.eye(4), atol=1e-12):
        return displacementMap
    grid = displacementMap.grid
    result = np.empty(displacementMap.displacement.shape, dtype=np.float32)
    j, i = np.meshgrid(*(np.arange(size, dtype=np.float64) for size in grid.shape[1:]), indexing="ij")
    # Slice by slice: a whole 1 mm lattice in double precision would take 0.5 GB.
    for k in range(grid.shape[0]):
        points = grid.to_ras(np.stack([i, j, np.full_like(i, k)], -1))
        result[k] = linear_map(matrix, points + displacementMap.displacement[k]) - points
    return DisplacementMap(grid, result)
