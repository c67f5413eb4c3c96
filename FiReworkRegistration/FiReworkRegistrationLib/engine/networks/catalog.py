"""Names of the networks that can be built; training settings and model cards use them."""

from ..errors import RegistrationError
from .firework import FireworkNetwork
from .voxelmorph import VoxelMorphUNet

BACKBONES = {"firework-vm": VoxelMorphUNet}


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
