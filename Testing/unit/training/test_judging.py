import pytest
import torch

from FiReworkRegistrationLib.training.judging import judge_refinement
from FiReworkRegistrationLib.training.pairs import Pair


class Step(torch.nn.Module):
    """Moves everything by one voxel along i, every iteration."""

    def refine(self, fixed, moving, field):
        return field + torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1, 1)

    def displacement(self, field):
        return field


def test_dice_rises_where_the_field_brings_labels_together():
    fixed, moving = torch.zeros(2, 1, 1, 8, 8, 16)
    fixed[..., 4:8] = 3
    moving[..., 6:10] = 3
    pair = Pair(fixed, moving, fixed, moving, fixed_labels=fixed, moving_labels=moving)
    judged = list(judge_refinement(Step(), pair, [3], (0, 2, 3)))
    assert [one.iteration for one in judged] == [0, 2, 3]
    assert [one.dice for one in judged] == pytest.approx([0.5, 1.0, 0.75])
    assert judged[1].field[0, 2].unique().tolist() == [2.0] and judged[1].folded == 0
    assert judged[0].seconds == 0 and 0 < judged[1].seconds < judged[2].seconds
