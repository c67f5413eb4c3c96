import numpy as np
import pytest
import SimpleITK as sitk

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.files import check_output, read_volume, write_volume
from FiReworkRegistrationLib.engine.geometry import Volume


@pytest.mark.parametrize("ending", [".nrrd", ".nii.gz", ".mha"])
def test_geometry_survives_every_format(tmp_path, affine, ending):
    volume = Volume(np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6), affine)
    write_volume(volume, tmp_path / f"a{ending}")
    back = read_volume(tmp_path / f"a{ending}")
    assert np.array_equal(back.array, volume.array)
    assert np.allclose(back.affine, affine, atol=1e-4)


def test_ras_is_lps_with_two_signs_turned(tmp_path):
    image = sitk.Image(4, 5, 6, sitk.sitkUInt8)
    image.SetOrigin((10, 20, 30))
    sitk.WriteImage(image, str(tmp_path / "a.nrrd"))
    affine = read_volume(tmp_path / "a.nrrd").affine
    assert np.allclose(affine[:3, 3], (-10, -20, 30))
    assert np.allclose(np.diag(affine), (-1, -1, 1, 1))


def test_bad_files_are_named(tmp_path):
    with pytest.raises(RegistrationError, match=r"Fixed volume.*does not exist"):
        read_volume(tmp_path / "none.nii.gz", "Fixed volume")
    with pytest.raises(RegistrationError, match="is a folder"):
        read_volume(tmp_path)
    (tmp_path / "text.nii.gz").write_text("no image")
    with pytest.raises(RegistrationError, match="cannot be read as an image"):
        read_volume(tmp_path / "text.nii.gz")
    volume = Volume(np.random.default_rng(0).random((20, 20, 20)))
    write_volume(volume, tmp_path / "half.nii.gz")
    (tmp_path / "half.nii.gz").write_bytes((tmp_path / "half.nii.gz").read_bytes()[:20000])
    with pytest.raises(RegistrationError, match=r"half.nii.gz' is cut off.*get the file again"):
        read_volume(tmp_path / "half.nii.gz")
    sitk.WriteImage(sitk.Image([4, 4, 4, 3], sitk.sitkUInt8), str(tmp_path / "time.nii.gz"))
    with pytest.raises(RegistrationError, match=r"4D.*extract one scalar"):
        read_volume(tmp_path / "time.nii.gz")
    sitk.WriteImage(sitk.Image([4, 4, 4], sitk.sitkVectorUInt8, 3), str(tmp_path / "rgb.nii.gz"))
    with pytest.raises(RegistrationError, match="3 component"):
        read_volume(tmp_path / "rgb.nii.gz")


def test_output_folder_must_exist(tmp_path):
    volume = Volume(np.zeros((3, 3, 3), np.uint8))
    with pytest.raises(RegistrationError, match="create it first"):
        write_volume(volume, tmp_path / "no" / "a.nrrd")
    with pytest.raises(RegistrationError, match=r"written as .nrrd"):
        write_volume(volume, tmp_path / "a.unknown")
    # ITK has no writer for that, and would say so when all is computed.
    with pytest.raises(RegistrationError, match="small letters"):
        write_volume(volume, tmp_path / "A.NII.GZ")


def test_skewed_axes_are_refused_instead_of_straightened(tmp_path):
    skewed = np.eye(4)
    skewed[0, 1] = 0.3
    with pytest.raises(RegistrationError, match="skewed axes"):
        write_volume(Volume(np.zeros((4, 4, 4), np.uint8), skewed), tmp_path / "a.nii.gz")


def test_what_cannot_be_written_is_found_before_the_work(tmp_path, monkeypatch):
    with pytest.raises(RegistrationError, match="is a folder; name a file"):
        check_output(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(RegistrationError, match="create it first"):
        check_output(tmp_path / "file" / "a.nrrd")
    # Root may write anywhere.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(RegistrationError, match="no permission; choose another place"):
        check_output(tmp_path / "a.nrrd")


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    """ITK writes half a NIfTI file without a word."""
    monkeypatch.setattr(sitk, "WriteImage", lambda image, path, **_: (tmp_path / "a.nii.gz").write_bytes(b""))
    with pytest.raises(RegistrationError, match="could not be written whole; check the disk space"):
        write_volume(Volume(np.zeros((4, 4, 4), np.uint8)), tmp_path / "a.nii.gz")


def test_memory_that_is_used_up_is_no_bad_file(tmp_path, monkeypatch):
    def full(path):
        raise RuntimeError("itk::ERROR: Failed to allocate memory for image.")

    (tmp_path / "a.nrrd").touch()
    monkeypatch.setattr(sitk, "ReadImage", full)
    with pytest.raises(RuntimeError, match="Failed to allocate") as raised:
        read_volume(tmp_path / "a.nrrd")
    assert not isinstance(raised.value, RegistrationError)
