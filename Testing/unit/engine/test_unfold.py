import pytest
import torch

from FiReworkRegistrationLib.engine import unfold as module
from FiReworkRegistrationLib.engine.errors import Cancelled
from FiReworkRegistrationLib.engine.fields import percent_folded
from FiReworkRegistrationLib.engine.metrics import nondiffeomorphic_volume
from FiReworkRegistrationLib.engine.unfold import unfold


def folded_field(size=24):
    """A gentle field, and in its middle a place where neighbors pass each other."""
    field = torch.zeros(1, 3, size, size, size)
    field[:, 2] = 0.3 * torch.sin(torch.arange(size) / 4.0)
    field[:, 0, 10:13, 10:13, 10:13] = 2.5
    field[:, 1, 14, 14, 14] = -1.6
    return field


def test_folds_are_opened_and_nothing_else_moves():
    field = folded_field()
    before = field.clone()
    repaired, report = unfold(field)
    assert torch.equal(field, before)
    assert report.folded_before == percent_folded(field) > 0
    assert report.folded_after == percent_folded(repaired) == 0
    assert nondiffeomorphic_volume(repaired) <= 0.01 < nondiffeomorphic_volume(field)
    far = torch.ones(24, 24, 24, dtype=torch.bool)
    far[4:20, 4:20, 4:20] = False
    assert torch.equal(repaired[0][:, far], field[0][:, far])
    assert 0 < report.changed < 10
    assert 0 < report.mean_change <= report.largest_change
    assert report.largest_change == pytest.approx((repaired - field).norm(dim=1).max().item())


def test_what_does_not_fold_stays_as_it_is():
    field = folded_field()
    field[:, :2] = 0
    repaired, report = unfold(field)
    assert torch.equal(repaired, field)
    assert report.changed == report.mean_change == report.largest_change == report.folded_before == 0


def test_folds_outside_the_mask_are_left_alone():
    field = folded_field()
    mask = torch.zeros(1, 1, 24, 24, 24)
    mask[..., 1:7, 1:7, 1:7] = 1
    repaired, report = unfold(field, mask)
    assert torch.equal(repaired, field) and report.folded_before == 0


def test_folds_beside_the_mask_are_opened_from_both_sides():
    field, mask = torch.zeros(1, 3, 24, 24, 24), torch.zeros(1, 1, 24, 24, 24)
    field[:, 0, 10, 12, 12] = 2.5
    mask[..., 4:10, 8:16, 8:16] = 1
    repaired, _ = unfold(field, mask)
    assert (repaired - field)[0, :, 10, 12, 12].abs().max() > 0.5


def test_voxels_that_moved_are_counted_in_the_mask():
    field, mask = folded_field(), torch.zeros(1, 1, 24, 24, 24)
    mask[..., 11:13, 8:14, 8:14] = 1
    repaired, report = unfold(field, mask)
    moved = (repaired - field).norm(dim=1, keepdim=True) > 0.01
    inside = moved & (mask > 0)
    assert report.changed == pytest.approx(100 * inside.sum().item() / mask.sum().item()) and moved.sum() > inside.sum()


def test_no_round_moves_a_voxel_far(monkeypatch):
    monkeypatch.setattr(module, "ROUNDS", 1)
    assert unfold(4 * folded_field())[1].largest_change <= 2 * module.STEP * 3**0.5 + 1e-5


def test_it_takes_what_the_network_makes_in_inference_mode():
    with torch.inference_mode():
        field = folded_field()
        repaired, _ = unfold(field)
    assert percent_folded(repaired) == 0


def test_it_can_be_cancelled():
    with pytest.raises(Cancelled):
        unfold(folded_field(), cancelled=lambda: True)


def test_the_order_of_a_field_in_memory_does_not_matter():
    field = folded_field()
    other = field.contiguous(memory_format=torch.channels_last_3d)
    assert torch.equal(unfold(field)[0], unfold(other)[0])
