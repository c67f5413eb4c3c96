"""Whether a NIfTI file holds all of its image: ITK reads and writes half of one without a word."""

import gzip
import math
import os
import struct
from itertools import product
from pathlib import Path

#: Length of a header, of NIfTI-1 and NIfTI-2, to type and place of dim, bitpix and vox_offset in it.
LAYOUTS = {
    348: (("8h", 40), ("h", 72), ("f", 108)),
    540: (("8q", 16), ("h", 14), ("q", 168)),
}
#: Bytes read at once.
BLOCK = 1 << 24


def is_cut_off(path) -> bool:
    """Whether a .nii or .nii.gz file ends before its image does; False for files of any other kind.

    :raises OSError: it cannot be read.
    """
    path = Path(path)
    name = path.name.lower()
    if not name.endswith((".nii", ".nii.gz")):
        return False
    try:
        with gzip.open(path) if name.endswith(".gz") else path.open("rb") as file:
            header = file.read(max(LAYOUTS))
            size, wanted = len(header), _size(header)
            if wanted is None:
                # What else is wrong with a header, ITK tells.
                return size < min(LAYOUTS)
            if not name.endswith(".gz"):
                return path.stat().st_size < wanted
            if _told_size(path) == wanted % 2**32:
                return False
            while size < wanted and (block := file.read(min(BLOCK, wanted - size))):
                size += len(block)
            return size < wanted
    except EOFError:
        return True
    except gzip.BadGzipFile:
        return False


def _told_size(path: Path) -> int:
    """What a gzip file ends with: its length before it was compressed, modulo 2**32. One that is cut off ends with
    anything; only then it has to be read to its end."""
    with path.open("rb") as file:
        file.seek(-4, os.SEEK_END)
        return int.from_bytes(file.read(), "little")


def _size(header: bytes) -> int | None:
    """Bytes of header and image together, of NIfTI-1 or NIfTI-2; None of anything else."""
    for order, (length, layout) in product("<>", LAYOUTS.items()):
        if len(header) >= length and struct.unpack_from(f"{order}i", header)[0] == length:
            (dimensions, *extent), (bits,), (begin,) = (
                struct.unpack_from(order + kind, header, at) for kind, at in layout
            )
            voxels = math.prod(max(1, size) for size in extent[: max(0, dimensions)])
            return int(begin) + voxels * bits // 8
    return None
