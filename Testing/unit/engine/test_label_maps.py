import numpy as np
import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.geometry import Volume
from FiReworkRegistrationLib.engine.label_maps import label_map, numbered


def test_what_a_scale_factor_made_of_labels_is_made_whole_again():
    """A NIfTI file with scl_slope reads as float32, a little below the whole numbers."""
    stored = np.array([[[0, 4, 17, 207]]])
    found = label_map(Volume((stored - 1e-5 * stored).astype(np.float32)), "Labels").array
    assert np.issubdtype(found.dtype, np.integer) and np.array_equal(found, stored)


@pytest.mark.parametrize(
    ("values", "highest", "message"),
    [
        ([0.0, 0.5], None, "not whole numbers"),
        ([0.0, np.nan], None, "not whole numbers"),
        ([0, -1], None, r"holds label -1; give labels of 0 \(background\) and above"),
        ([0, 65537], 32767, r"holds label 65537; give labels of 0 \(background\) to 32767"),
    ],
)
def test_what_is_no_label_map_is_refused_by_name(values, highest, message):
    with pytest.raises(RegistrationError, match=f"Labels 'seg' .*{message}"):
        label_map(Volume(np.array([[values]]), name="seg"), "Labels", highest)


def test_labels_that_are_not_asked_for_are_background():
    assert numbered(np.array([0, 3, 5, 7, 9]), [3, 7]).tolist() == [0, 1, 0, 2, 0]
