"""FiRework that refines a stationary velocity field: what it makes does not fold."""

import torch

from ..fields import exponential, logarithm
from .firework import FireworkNetwork


class DiffeomorphicFirework(FireworkNetwork):
    """v(t+1) = v(t) - N(F, M, M∘exp(v(t)), v(t)): the scheme of the paper (eq. 2 to 4) with a velocity as its state.

    The weights have the names and shapes of :class:`FireworkNetwork`, so that either can start from the other.
    """

    def displacement(self, field) -> torch.Tensor:
        """``exp(field)``, (B, 3, D, H, W) voxels."""
        return exponential(field)

    def state_of(self, displacement) -> torch.Tensor:
        """A velocity whose exponential comes near ``displacement``."""
        return logarithm(displacement)
