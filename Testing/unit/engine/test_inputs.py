import numpy as np
import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.geometry import Volume
from FiReworkRegistrationLib.engine.inputs import (
    PreparedImage,
    check_linear,
    check_overlap,
    check_start,
    is_part,
    prepare_image,
)


def mask_of(volume, array):
    return Volume(array, volume.affine, "my mask")


def test_mask_blanks_what_lies_outside(ball):
    half = np.zeros(ball.array.shape, bool)
    half[:16] = True
    prepared = prepare_image(ball, mask_of(ball, half.astype(np.uint8)), "Fixed")
    assert ball.array[~half].max() > 0.9 and not prepared.volume.array[~half].any()
    assert np.array_equal(prepared.content, half)


def test_bad_masks_are_named(ball):
    with pytest.raises(RegistrationError, match="Fixed mask 'my mask' is empty"):
        prepare_image(ball, mask_of(ball, np.zeros(ball.array.shape)), "Fixed")
    with pytest.raises(RegistrationError, match="Moving mask 'my mask' is not on the grid of 'ball'"):
        prepare_image(ball, Volume(np.ones((3, 3, 3)), ball.affine, "my mask"), "Moving")
    flat = Volume(np.where(ball.array > 0.5, 1.0, ball.array), ball.affine, "flat")
    with pytest.raises(RegistrationError, match="one gray value only inside 'my mask'"):
        prepare_image(flat, mask_of(flat, flat.array == 1.0), "Fixed")


def test_volumes_that_show_nothing():
    almost_flat = np.full((20, 20, 20), 100, np.int16)
    almost_flat[0, 0, 0] = 0
    with pytest.raises(RegistrationError, match=r"one gray value only|shows no object"):
        prepare_image(Volume(almost_flat, np.eye(4), "flat"), None, "Fixed")


def test_a_binary_volume_is_taken_as_numbers(ball):
    binary = Volume(ball.array > 0.5, ball.affine, "binary")
    with pytest.raises(RegistrationError, match="one gray value only; choose another volume"):
        prepare_image(binary, None, "Fixed")


def test_volumes_apart_are_refused_unless_a_transform_brings_them_together(ball):
    matrix = np.eye(4)
    matrix[:3, 3] = (500.0, 0, 0)
    far = Volume(ball.array, matrix @ ball.affine, "far")
    with pytest.raises(RegistrationError, match=r"'ball' and moving volume 'far' do not overlap.*500 mm.*initial"):
        check_overlap(ball, far, np.eye(4))
    check_overlap(ball, far, matrix)


@pytest.mark.parametrize("matrix", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(3)])
def test_unusable_linear_transforms(matrix):
    with pytest.raises(RegistrationError, match="Initial transform is not an invertible"):
        check_linear(matrix)


def test_a_mask_of_a_part_is_told_from_that_of_a_brain(ball):
    whole = prepare_image(ball, None, "Moving")
    marked = [whole.content & (np.arange(ball.array.shape[0]) % step == 0)[:, None, None] for step in (2, 8)]
    brain, part = (prepare_image(ball, mask_of(ball, mask), "Fixed") for mask in marked)
    assert is_part(part, whole) and not is_part(brain, whole) and not is_part(whole, part)


def test_parts_are_told_by_mm_and_not_by_voxels():
    content = np.zeros((10, 10, 10), bool)
    content[2:8, 2:8, 2:8] = True
    fine, coarse = (
        PreparedImage(Volume(content.astype(np.float32), np.diag([mm, mm, mm, 1.0])), content) for mm in (1.0, 3.0)
    )
    assert is_part(fine, coarse) and not is_part(coarse, fine)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.diag([-1.0, 1, 1, 1]), "Initial transform mirrors"),
        (np.diag([0.01, 0.01, 0.02, 1]), r"scales by 0.01 to 0.02"),
        (np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0.1, 1]]), "rigid or affine"),
    ],
)
def test_a_start_that_no_two_heads_have_between_them(matrix, message):
    with pytest.raises(RegistrationError, match=message):
        check_start(matrix)
    assert check_start(np.diag([0.8, 1, 1.2, 1])) is not None
