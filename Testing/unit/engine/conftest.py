import numpy as np
import pytest
import torch

from FiReworkRegistrationLib.engine.geometry import Volume


def blob(shape, center, radius):
    """Smooth textured ball, (k, j, i) float32: something a metric can hold on to."""
    axes = np.meshgrid(*(np.arange(size, dtype=np.float32) for size in shape), indexing="ij")
    distance = np.sqrt(sum((axis - c) ** 2 for axis, c in zip(axes, center, strict=True)))
    texture = 1 + 0.3 * np.sin(axes[0] / 2.5) * np.cos(axes[1] / 3) + 0.2 * np.sin(axes[2] / 2)
    return (texture / (1 + np.exp((distance - radius) * 1.5))).astype(np.float32)


def rotation(degrees=(20, -15, 10)):
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()


#: Name and IJK-to-RAS of the geometries that registration meets.
def affines():
    oblique, turned = np.eye(4), np.eye(4)
    oblique[:3, :3] = rotation() @ np.diag([1.0, 1.5, 2.5])
    turned[:3, :3] = np.array([[0, 0, 1.2], [-1.0, 0, 0], [0, 1.0, 0]])
    left_handed = np.diag([-2.0, 2.0, 2.0, 1.0])
    for matrix in (oblique, turned, left_handed):
        matrix[:3, 3] = (12.0, -30.0, 7.0)
    return {"oblique": oblique, "sagittal": turned, "left-handed": left_handed}


@pytest.fixture(params=list(affines()))
def affine(request):
    return affines()[request.param]


@pytest.fixture
def ball():
    """A textured ball of 12 voxels radius in 40 x 36 x 32 voxels of 2 mm."""
    return Volume(blob((32, 36, 40), (16, 18, 20), 11), np.diag([2.0, 2.0, 2.0, 1.0]), "ball")


@pytest.fixture
def field():
    """Smooth field (1, 3, 20, 24, 28) of up to about 1.5 voxels, 0 at the borders."""
    from FiReworkRegistrationLib.engine.filters import smooth
    from FiReworkRegistrationLib.engine.map_writers import taper

    field = smooth(torch.randn(1, 3, 20, 24, 28), 2.5)
    return taper(1.5 * field / field.abs().max())
