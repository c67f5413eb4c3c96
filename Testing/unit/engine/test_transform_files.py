import numpy as np
import pytest
import SimpleITK as sitk
import torch

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.geometry import Grid
from FiReworkRegistrationLib.engine.maps import map_of
from FiReworkRegistrationLib.engine.transform_files import read_linear, write_map

LPS = np.array([-1.0, -1.0, 1.0])


@pytest.mark.parametrize("ending", [".h5", ".tfm", ".nrrd", ".nii.gz", ".mha"])
def test_simpleitk_reads_the_same_map_from_every_ending(tmp_path, affine, field, ending):
    grid, matrix = Grid((20, 24, 28), affine), np.eye(4)
    matrix[:3, 3] = (5.0, -2.0, 1.0)
    matrix[0, 1] = 0.1
    dmap = map_of(grid, field, matrix, grid)
    path = tmp_path / f"map{ending}"
    write_map(dmap, path, grid)
    if ending in (".h5", ".tfm"):
        transform = sitk.ReadTransform(str(path))
    else:
        transform = sitk.DisplacementFieldTransform(sitk.ReadImage(str(path), sitk.sitkVectorFloat64))
    points = grid.to_ras(np.random.default_rng(0).uniform(1, 18, (40, 3)))
    read = np.array([transform.TransformPoint(point) for point in (points * LPS).tolist()]) * LPS
    assert np.abs(read - dmap.at(points)).max() < 0.01


def test_linear_transform_of_itk_comes_back_in_ras(tmp_path):
    transform = sitk.Euler3DTransform((10.0, 20.0, 30.0), 0.1, -0.2, 0.3, (4.0, 5.0, 6.0))
    sitk.WriteTransform(transform, str(tmp_path / "a.tfm"))
    matrix = read_linear(tmp_path / "a.tfm")
    point = np.array([7.0, -3.0, 11.0])
    expected = np.array(transform.TransformPoint((point * LPS).tolist())) * LPS
    assert np.allclose((matrix @ [*point, 1])[:3], expected, atol=1e-6)


def test_bad_transforms_are_named(tmp_path):
    grid = Grid((4, 4, 4), np.eye(4))
    dmap = map_of(grid, torch.zeros(1, 3, 4, 4, 4), np.eye(4), grid)
    with pytest.raises(RegistrationError, match=r"written as .h5"):
        write_map(dmap, tmp_path / "map.txt")
    with pytest.raises(RegistrationError, match="small letters"):
        write_map(dmap, tmp_path / "MAP.H5")
    with pytest.raises(RegistrationError, match="does not exist"):
        read_linear(tmp_path / "none.tfm")
    (tmp_path / "text.tfm").write_text("no transform")
    with pytest.raises(RegistrationError, match="cannot be read"):
        read_linear(tmp_path / "text.tfm")
    sitk.WriteTransform(sitk.Euler2DTransform(), str(tmp_path / "flat.tfm"))
    with pytest.raises(RegistrationError, match="is 2D"):
        read_linear(tmp_path / "flat.tfm")
    write_map(dmap, tmp_path / "map.h5")
    with pytest.raises(RegistrationError, match="not linear"):
        read_linear(tmp_path / "map.h5")


def test_a_lattice_with_skewed_axes_is_refused(tmp_path):
    skewed = np.eye(4)
    skewed[0, 1] = 0.3
    grid = Grid((4, 4, 4), skewed)
    dmap = map_of(grid, torch.zeros(1, 3, 4, 4, 4), np.eye(4), grid)
    with pytest.raises(RegistrationError, match="skewed axes"):
        write_map(dmap, tmp_path / "map.nii.gz", grid)


def test_several_transforms_that_are_not_composed_are_refused(tmp_path):
    path = tmp_path / "two.txt"
    sitk.WriteTransform(sitk.TranslationTransform(3, (1.0, 0.0, 0.0)), str(path))
    one = path.read_text()
    path.write_text(one + one.split("\n", 1)[1].replace("#Transform 0", "#Transform 1"))
    with pytest.raises(RegistrationError, match="holds 2 transforms; save them as one"):
        read_linear(path)
    composite = sitk.CompositeTransform([sitk.Euler3DTransform(), sitk.TranslationTransform(3, (1.0, 0.0, 0.0))])
    sitk.WriteTransform(composite, str(tmp_path / "composite.tfm"))
    assert np.allclose(read_linear(tmp_path / "composite.tfm")[:3, 3], (-1.0, 0.0, 0.0))
