"""Names of the networks that can be built; training settings and model cards use them."""

from functools import partial

from ..errors import RegistrationError
from .firework import FireworkNetwork
from .transmorph import TransMorph
from .voxelmorph import VoxelMorphUNet

BACKBONES = {
    "firework-vm": VoxelMorphUNet,
    "firework-tm": TransMorph,
    "firework-tm-small": partial(TransMorph, embed=48, heads=(4, 4, 4, 4)),
    "firework-tm-tiny": partial(TransMorph, embed=6, heads=(2, 2, 4, 4)),
}


def build_network(name: str, settings: dict | None = None, field_scale=0.1) -> FireworkNetwork:
    """A FireworkNetwork with fresh weights.

    :param name: a key of ``BACKBONES``.
    :param settings: keyword arguments of the backbone.
    :raises RegistrationError: unknown name or settings.
    """
    if name not in BACKBONES:
        raise RegistrationError(f"Unknown network '{name}'; known are {', '.join(sorted(BACKBONES))}.")
    try:
        backbone = BACKBONES[name](**(settings or {}))
    except TypeError as error:
        raise RegistrationError(f"Network '{name}' does not take these settings: {error}") from error
    return FireworkNetwork(backbone, field_scale)
