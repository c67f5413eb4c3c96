import gzip

import numpy as np
import pytest
import SimpleITK as sitk

from FiReworkRegistrationLib.engine.nifti_size import is_cut_off


@pytest.fixture(params=[".nii", ".nii.gz"])
def file(request, tmp_path):
    path = tmp_path / f"image{request.param}"
    values = np.random.default_rng(0).integers(0, 1000, (20, 22, 24, 3)).astype(np.int16)
    sitk.WriteImage(sitk.GetImageFromArray(values, isVector=True), str(path), useCompression=True)
    return path


def test_a_whole_file_is_whole(file):
    assert not is_cut_off(file)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_half_a_file_is_not(file, share):
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    assert is_cut_off(file)


def test_an_image_that_ends_early_inside_a_whole_archive(tmp_path):
    path = tmp_path / "image.nii.gz"
    sitk.WriteImage(sitk.Image([20, 20, 20], sitk.sitkFloat32), str(path))
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-4]))
    assert is_cut_off(path)


def test_other_files_are_for_others_to_judge(tmp_path):
    for name, content in (("a.nrrd", b""), ("b.nii.gz", b"no archive"), ("c.nii", 600 * b"x")):
        (tmp_path / name).write_bytes(content)
        assert not is_cut_off(tmp_path / name)
