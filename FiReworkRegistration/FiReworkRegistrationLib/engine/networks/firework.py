"""One FiRework stage around any backbone (arXiv 2410.09595, eq. 2 to 6)."""

import torch
from torch import nn

from ..warping import warp


class FireworkNetwork(nn.Module):
    """Predicts the error of a field from six channels {fixed, moving, warped moving, field}.

    :param backbone: module with ``forward((B, 6, D, H, W)) -> (B, 3, D, H, W)`` in voxels
        and an int attribute ``multiple`` that every grid axis must be divisible by.
    :param field_scale: factor on the field's channels at the input. The paper does not say
        how it scales them; 0.1 brings brain displacements near the images' range [0, 1].
    """

    #: Channels that the backbone reads.
    channels = 6

    def __init__(self, backbone: nn.Module, field_scale=0.1):
        super().__init__()
        self.backbone = backbone
        self.field_scale = float(field_scale)

    @property
    def multiple(self) -> int:
        return self.backbone.multiple

    def displacement(self, field) -> torch.Tensor:
        """What the images are warped by: (B, 3, D, H, W) voxels to the same. Here the state is the displacement."""
        return field

    def state_of(self, displacement) -> torch.Tensor:
        """A state to go on from where a displacement is given; see :meth:`displacement`."""
        return displacement

    def forward(self, fixed, moving, field, warped=None) -> torch.Tensor:
        """The error e of ``field``: e = N(F, M, M∘field, field).

        :param fixed, moving: (B, 1, D, H, W) float32 in [0, 1], one grid.
        :param field: (B, 3, D, H, W) float32 voxels.
        :param warped: ``warp(moving, displacement(field))`` where the caller has it already.
        """
        if warped is None:
            warped = warp(moving, self.displacement(field))
        inputs = torch.cat([fixed, moving, warped, field * self.field_scale], dim=1)
        return self.backbone(inputs)

    def refine(self, fixed, moving, field, warped=None) -> torch.Tensor:
        """The next field, ``field - e`` (eq. 3, 4): pointwise on one grid, summed in float32."""
        return field - self(fixed, moving, field, warped).float()
