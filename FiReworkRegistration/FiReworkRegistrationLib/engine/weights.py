"""Reading safetensors files with torch alone: Slicer brings no ``safetensors`` package.

The format (github.com/huggingface/safetensors): the length of a JSON header as eight bytes,
the header with type, shape and byte range of every tensor, the numbers. Nothing in it can run.
"""

import json
import math
from pathlib import Path

import torch

from .errors import RegistrationError
from .texts import tr as _

_TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}
#: As in the reference implementation: a longer header is an attack or a damaged file.
_LONGEST_HEADER = 100_000_000


def read_weights(path) -> dict[str, torch.Tensor]:
    """Tensors by name, on the CPU.

    :raises RegistrationError: missing, truncated or no safetensors file.
    """
    try:
        return _parse(bytearray(Path(path).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RegistrationError(
            _("Weights file '{path}' is damaged or no safetensors file ({error}); get it again.").format(
                path=path, error=error
            )
        ) from error


def _parse(content: bytearray) -> dict[str, torch.Tensor]:
    length = int.from_bytes(content[:8], "little")
    if not 2 <= length <= min(_LONGEST_HEADER, len(content) - 8):
        raise ValueError("its header is longer than the file")
    header = json.loads(content[8 : 8 + length].decode("utf-8"))
    header.pop("__metadata__", None)
    data = memoryview(content)[8 + length :]
    if max((entry["data_offsets"][1] for entry in header.values()), default=0) != len(data):
        raise ValueError("it does not end where its header says")
    return {name: _tensor(name, entry, data) for name, entry in header.items()}


def _tensor(name: str, entry: dict, data: memoryview) -> torch.Tensor:
    dtype, shape, (begin, end) = _TYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
    if begin < 0 or min(shape, default=0) < 0 or end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"tensor '{name}' has not the length of its shape")
    if begin == end:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(data[begin:end], dtype=dtype).reshape(shape).clone()
