"""Names of the networks that can be built; training settings and model cards use them.

A name is that of a backbone, ``vm``, for plain and recursive registration, or with ``firework-``
before it, ``firework-vm``, for FiRework, and ``-diff`` after that for the diffeomorphic one.
"""

from functools import partial

from ..errors import RegistrationError
from ..texts import tr as _
from .deformer import DeformerRegistration
from .diffeomorphic import DiffeomorphicFirework
from .firework import FireworkNetwork
from .prnet import PyramidNetwork
from .recursive import RecursiveNetwork
from .transmorph import TransMorph
from .voxelmorph import VoxelMorphUNet
from .xmorpher import XMorpher

#: Each takes ``in_channels``, has ``multiple`` and gives a field of three channels in voxels.
BACKBONES = {
    "vm": VoxelMorphUNet,
    "tm": TransMorph,
    "tm-small": partial(TransMorph, embed=48, heads=(4, 4, 4, 4)),
    "tm-tiny": partial(TransMorph, embed=6, heads=(2, 2, 4, 4)),
    "prnet++": PyramidNetwork,
    "dmr": DeformerRegistration,
    "xmorpher": XMorpher,
}

NETWORKS = {
    **{f"firework-{name}": (FireworkNetwork, backbone) for name, backbone in BACKBONES.items()},
    **{f"firework-{name}-diff": (DiffeomorphicFirework, backbone) for name, backbone in BACKBONES.items()},
    **{name: (RecursiveNetwork, backbone) for name, backbone in BACKBONES.items()},
}


def build_network(name: str, settings: dict | None = None, field_scale=0.1) -> FireworkNetwork | RecursiveNetwork:
    """A network with fresh weights.

    :param name: a key of ``NETWORKS``.
    :param settings: keyword arguments of the backbone; its channels follow from the name.
    :raises RegistrationError: unknown name, or settings that the backbone does not take.
    """
    if name not in NETWORKS:
        raise RegistrationError(
            _("Unknown network '{name}'; known are {choices}.").format(name=name, choices=", ".join(sorted(NETWORKS)))
        )
    scheme, backbone = NETWORKS[name]
    try:
        return scheme(backbone(in_channels=scheme.channels, **(settings or {})), field_scale)
    except (TypeError, ValueError) as error:
        raise RegistrationError(
            _("Network '{name}' does not take these settings: {error}").format(name=name, error=error)
        ) from error


def network_multiple(name: str, settings: dict | None = None) -> int:
    """What every axis of the network's grid must be divisible by.

    :raises RegistrationError: as ``build_network``.
    """
    import torch

    # On the meta device no weights are made.
    with torch.device("meta"):
        return build_network(name, settings).multiple
