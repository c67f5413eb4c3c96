"""A fresh MRML scene for every test, nodes of awkward geometry, and a registration that needs no network."""

from types import SimpleNamespace

import numpy as np
import pytest


def rotation(degrees, axis):
    """4x4 rotation around a coordinate axis."""
    angle, matrix = np.radians(degrees), np.eye(4)
    a, b = [index for index in range(3) if index != axis]
    matrix[[a, b], [a, b]] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    return matrix


def placed(directions, spacing, center, shape):
    """IJK to RAS of a grid of ``shape`` (k, j, i) around a center."""
    affine = np.array(directions, dtype=float)
    affine[:3, :3] = affine[:3, :3] * spacing
    affine[:3, 3] = np.array(center) - affine[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    return affine


SHAPE = (24, 28, 26)
GEOMETRIES = {
    "upright": placed(np.eye(4), (2, 2, 2), (3, -4, 5), SHAPE),
    "oblique": placed(rotation(20, 0) @ rotation(-15, 2), (2, 2, 2), (3, -4, 5), SHAPE),
    "anisotropic": placed(rotation(10, 1), (1.6, 1.8, 2.9), (-2, 6, 1), SHAPE),
    "left-handed": placed(rotation(12, 2) @ np.diag([-1, 1, 1, 1]), (2.1, 1.7, 2.3), (1, 2, -3), SHAPE),
    "sagittal": placed(np.eye(4)[[2, 0, 1, 3]] @ np.diag([1, 1, -1, 1]), (1.7, 2.2, 2.4), (4, 0, 2), SHAPE),
}


@pytest.fixture(autouse=True)
def scene():
    import slicer

    slicer.mrmlScene = slicer.vtkMRMLScene()
    # The application always has this logic; it makes the converters of segmentations known.
    logic = slicer.vtkSlicerSegmentationsModuleLogic()
    logic.SetMRMLScene(slicer.mrmlScene)
    yield slicer.mrmlScene
    slicer.mrmlScene.Clear(1)


@pytest.fixture(params=["oblique", "anisotropic", "left-handed", "sagittal"])
def geometry(request):
    return GEOMETRIES[request.param].copy()


def blobs(affine, shape=SHAPE, shift=(0.0, 0.0, 0.0)):
    """A smooth picture of world positions, float32 (k, j, i): the same scene on whatever grid."""
    k, j, i = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    ras = np.stack([i, j, k], -1) @ affine[:3, :3].T + affine[:3, 3] - np.array(shift)
    total = np.zeros(shape)
    for center, width, height in (((0, 0, 0), 14, 100), ((8, -6, 4), 6, 60), ((-9, 5, -6), 5, 80), ((3, 10, 8), 4, 50)):
        total += height * np.exp(-((ras - center) ** 2).sum(-1) / (2 * width**2))
    return total.astype(np.float32)


def addVolume(name, affine, array=None):
    import slicer

    from FiReworkRegistrationLib.mrml.volumes import setVolume

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    setVolume(node, blobs(affine) if array is None else array, affine)
    return node


def addLinear(name, matrix):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", name)
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.asarray(matrix, dtype=float)))
    return node


def addNonlinear(name="bent"):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", name)
    from FiReworkRegistrationLib.engine.geometry import Grid
    from FiReworkRegistrationLib.mrml.transforms import setMap

    setMap(node, knownMap(Grid(SHAPE, GEOMETRIES["upright"])))
    return node


def knownMotion(points):
    """World RAS points (..., 3), fixed to moving: a small affine motion and a smooth deformation of 2 mm."""
    points = np.asarray(points, dtype=float)
    affine = rotation(4, 2) @ np.diag([1.03, 0.98, 1.0, 1.0])
    bend = 2.0 * np.sin(points[..., [1, 2, 0]] / 15.0)
    return points @ affine[:3, :3].T + bend + (1.5, -2.0, 1.0)


def knownMap(grid):
    """``knownMotion`` tabulated on a lattice."""
    from FiReworkRegistrationLib.engine.maps import DisplacementMap, _lattice_points

    points = _lattice_points(grid)
    return DisplacementMap(grid, (knownMotion(points) - points).reshape(*grid.shape, 3).astype(np.float32))


def addResult(grid):
    """The transform node of a registration that found the known motion."""
    import slicer

    from FiReworkRegistrationLib.mrml.transforms import setMap

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "result")
    setMap(node, knownMap(grid))
    return node


def addSegmentation(name, grid, arrays):
    """A segmentation node of one segment for each of ``arrays``, ID and name to (k, j, i)."""
    import slicer
    from vtk.util.numpy_support import numpy_to_vtk

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    for segment, array in arrays.items():
        image = slicer.vtkOrientedImageData()
        image.SetDimensions(*grid.shape[::-1])
        image.GetPointData().SetScalars(numpy_to_vtk(array.astype(np.uint8).ravel(), deep=True))
        image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(grid.affine))
        node.AddSegmentFromBinaryLabelmapRepresentation(image, segment, [0, 0.5, 1], segment)
    return node


def savedAndLoaded(node, path):
    """The node's scene, saved with the node's data in file ``path`` and read into another scene."""
    import slicer

    scene = node.GetScene()
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetFileName(str(path))
    assert node.GetStorageNode().WriteData(node)
    scene.SetURL(str(path.with_name("scene.mrml")))
    scene.SetRootDirectory(str(path.parent))
    assert scene.Commit()
    other = slicer.vtkMRMLScene()
    other.SetURL(scene.GetURL())
    assert other.Connect()
    return other


class KnownRegistration:
    """Stands in for the engine's Registration: the map is known, iterations cost nothing."""

    card = SimpleNamespace(name="known-map")
    spacing = 2.0
    agreement, least_agreement, coverage, matched = 0.9, 0.5, 1.0, ""
    stretch, ct, unused_mask = 1.0, "", ""

    def __init__(self, fixed, moving, *, progress=None, cancelled=None, **settings):
        self.fixed, self.moving, self.settings = fixed, moving, settings
        self.iterations = [self._iteration(0)]
        if progress:
            progress(0.5, "Aligning")

    @staticmethod
    def _iteration(index):
        from FiReworkRegistrationLib.engine.refiner import Iteration

        return Iteration(index, {index: None}, 0.5 + 0.01 * index, 0.9, 0.125, 0.1, 0.2, 0.01, 0.5 * index)

    def refine(self, iterations, progress=None, cancelled=None):
        from FiReworkRegistrationLib.engine.errors import Cancelled

        while self.iterations[-1].index < iterations:
            if cancelled and cancelled():
                raise Cancelled("stopped")
            self.iterations.append(self._iteration(len(self.iterations)))
            yield self.iterations[-1]

    def polish(self, levels, progress=None, cancelled=None):
        from dataclasses import replace

        self.iterations.append(replace(self._iteration(len(self.iterations)), polished=True))
        return self.iterations[-1]

    def map(self, iteration=None):
        from FiReworkRegistrationLib.engine.working_grid import working_grid

        return knownMap(working_grid(self.fixed, np.ones(self.fixed.array.shape, bool), 2.0, 1, margin=4.0))

    def restore(self, iteration, cancelled=None):
        """Nothing is stored here that could have lost precision."""

    def map_writers(self, after=None):
        """The known map, whatever the field."""
        from FiReworkRegistrationLib.mrml.transforms import followedBy

        known = followedBy(self.map(), np.eye(4) if after is None else after)
        write = lambda field, out: np.copyto(out, known.displacement)  # noqa: E731
        return SimpleNamespace(of=lambda field: SimpleNamespace(lattice=known.grid, write=write))

    def warped(self, iteration=None):
        from FiReworkRegistrationLib.engine.volume_warping import warp_volume

        return warp_volume(self.moving, self.map(), self.fixed)

    def jacobian(self, iteration=None):
        from FiReworkRegistrationLib.engine.geometry import Volume

        return Volume(self.map().jacobian(self.fixed.grid), self.fixed.affine)


def randomInside(grid, count=200, margin=2.0):
    """World points at least ``margin`` voxels inside a grid."""
    size = np.array(grid.shape[::-1])
    return grid.to_ras(margin + np.random.default_rng(1).random((count, 3)) * (size - 1 - 2 * margin))


def fromWorld(node, points):
    """World points through a transform node into its local coordinates, (N, 3)."""
    import vtk

    transform = vtk.vtkGeneralTransform()
    node.GetTransformFromWorld(transform)
    return np.array([transform.TransformPoint(point) for point in points])


def contents(scene):
    """Everything a user could miss or see changed: node IDs, and each node's own text and modification state."""
    import slicer

    found = {}
    for index in range(scene.GetNumberOfNodes()):
        node = scene.GetNthNode(index)
        values = [node.GetName(), sorted((name, node.GetAttribute(name)) for name in node.GetAttributeNames())]
        if hasattr(node, "GetTransformNodeID"):
            values.append(node.GetTransformNodeID())
        if node.IsA("vtkMRMLVolumeNode"):
            from FiReworkRegistrationLib.mrml.volumes import ijkToRAS

            image = node.GetImageData()
            values += [ijkToRAS(node).tolist(), node.GetDisplayNodeID()]
            if image is not None:
                values += [image.GetAddressAsString("vtkImageData"), float(slicer.util.arrayFromVolume(node).sum())]
        if node.IsA("vtkMRMLDisplayNode"):
            values.append(node.GetColorNodeID())
        if node.IsA("vtkMRMLScalarVolumeDisplayNode"):
            values += [node.GetAutoWindowLevel(), node.GetWindow(), node.GetLevel(), node.GetInterpolate()]
        if node.IsA("vtkMRMLTransformNode"):
            values.append(np.round(fromWorld(node, [(0, 0, 0), (10, -5, 3), (-7, 8, 9)]), 6).tolist())
            roles = (node.GetFixedNodeReferenceRole(), node.GetMovingNodeReferenceRole())
            values += [node.GetNodeReferenceID(role) for role in roles]
        found[node.GetID()] = values
    return found


@pytest.fixture
def tools():
    """The helpers above under one name, whatever pytest's import mode."""
    return SimpleNamespace(
        rotation=rotation, placed=placed, blobs=blobs, addVolume=addVolume, addLinear=addLinear, SHAPE=SHAPE,
        addNonlinear=addNonlinear, knownMotion=knownMotion, knownMap=knownMap, GEOMETRIES=GEOMETRIES,
        KnownRegistration=KnownRegistration, randomInside=randomInside, fromWorld=fromWorld, contents=contents,
        addResult=addResult, addSegmentation=addSegmentation, savedAndLoaded=savedAndLoaded,
    )  # fmt: skip


@pytest.fixture
def fixed(tools):
    return tools.addVolume("fixed", tools.GEOMETRIES["oblique"])


@pytest.fixture
def result(tools, fixed):
    from FiReworkRegistrationLib.mrml.volumes import volumeFromNode

    return tools.addResult(volumeFromNode(fixed).grid)


@pytest.fixture
def anyFixed(tools, geometry):
    """The fixed volume in each awkward geometry."""
    return tools.addVolume("fixed", geometry)


@pytest.fixture
def moving(tools):
    return tools.addVolume("moving", tools.GEOMETRIES["left-handed"])


@pytest.fixture
def register(tools):
    """``registerNodes`` with the known registration."""
    from FiReworkRegistrationLib.mrml.registering import registerNodes

    def run(*nodes, **settings):
        defaults = {"registrationClass": tools.KnownRegistration, "iterations": 8, "polish": ()}
        return registerNodes(*nodes, **{**defaults, **settings})

    return run


@pytest.fixture
def tinyModel(monkeypatch):
    """The real engine with a small untrained network."""
    import torch

    from FiReworkRegistrationLib.engine import registration
    from FiReworkRegistrationLib.engine.networks.catalog import build_network

    network = build_network("firework-vm", {"encoder": [4, 4], "decoder": [4, 4], "final": [4]})
    torch.nn.init.normal_(network.backbone.flow.weight, std=0.1)
    monkeypatch.setattr(registration, "find_model", lambda name: SimpleNamespace(name="tiny", spacing=4.0))
    monkeypatch.setattr(registration, "load_network", lambda card, device: network)


@pytest.fixture
def session(tinyModel, fixed, moving):
    """Of the real engine, prepared."""
    from FiReworkRegistrationLib.mrml.session import RegistrationSession

    session = RegistrationSession(fixed, moving, device="cpu", affine="none", precision="fp32")
    session.prepare()
    return session
