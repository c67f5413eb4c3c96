"""One-shot registration and its recursion around any backbone: the baselines of arXiv 2410.09595, eq. 1."""

import torch
from torch import nn

from ..fields import compose
from ..warping import warp


class RecursiveNetwork(nn.Module):
    """Reads {fixed, moving as the present field warps it} and composes the predicted increment with that field.

    From a zero field one stage is the plain network. More stages at test time are the plain network run
    recursively; unrolled in training, they are the recursive cascade (VM-2: two stages).

    :param backbone: module with ``forward((B, 2, D, H, W)) -> (B, 3, D, H, W)`` in voxels
        and an int attribute ``multiple`` that every grid axis must be divisible by.
    :param field_scale: not used, as the field is no input; taken so that all schemes are built alike.
    """

    #: Channels that the backbone reads.
    channels = 2

    def __init__(self, backbone: nn.Module, field_scale=0.1):
        super().__init__()
        self.backbone = backbone

    @property
    def multiple(self) -> int:
        return self.backbone.multiple

    def displacement(self, field) -> torch.Tensor:
        """The state is the displacement."""
        return field

    def state_of(self, displacement) -> torch.Tensor:
        """The state is the displacement."""
        return displacement

    def forward(self, fixed, moving, field, warped=None) -> torch.Tensor:
        """``field`` minus the next field, so that what subtracts FiRework's error takes this as well.

        :param fixed, moving: (B, 1, D, H, W) float32 in [0, 1], one grid.
        :param field: (B, 3, D, H, W) float32 voxels.
        :param warped: ``warp(moving, field)`` where the caller has it already.
        """
        return field - self.refine(fixed, moving, field, warped)

    def refine(self, fixed, moving, field, warped=None) -> torch.Tensor:
        """The next field, x -> field(x + increment(x)) + increment(x), float32.

        The moving image is warped once, by the whole field, however many stages there were.
        """
        if warped is None:
            warped = warp(moving, field)
        increment = self.backbone(torch.cat([fixed, warped], dim=1))
        return compose(field, increment.float())
