import json

import pytest
import torch
from safetensors.torch import save, save_file

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.weights import read_weights


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64])
def test_reads_what_the_reference_library_writes(tmp_path, dtype):
    tensors = {
        "a": torch.randn(3, 4, 5).to(dtype),
        "b.c": torch.arange(7).to(dtype),
        "scalar": torch.tensor(2).to(dtype),
    }
    save_file(tensors, tmp_path / "a.safetensors", {"made": "here"})
    read = read_weights(tmp_path / "a.safetensors")
    assert read.keys() == tensors.keys()
    for name, value in tensors.items():
        assert torch.equal(read[name], value) and read[name].dtype == value.dtype


def header_of(entry):
    header = json.dumps({"a": entry}).encode()
    return len(header).to_bytes(8, "little") + header


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no weights at all",
        save({"a": torch.zeros(8)})[:-1],
        save({"a": torch.zeros(8)}) + b"more",
        (1 << 60).to_bytes(8, "little") + b"{}",
        header_of({"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}) + bytes(4),
        header_of({"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}) + bytes(4),
        header_of({"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}),
        header_of({"dtype": "Q9", "shape": [1], "data_offsets": [0, 4]}) + bytes(4),
        header_of([1, 2]),
        header_of("text"),
    ],
)
def test_damaged_files_are_refused(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(RegistrationError, match=r"a\.safetensors.*damaged or no safetensors"):
        read_weights(tmp_path / "a.safetensors")


def test_missing_file(tmp_path):
    with pytest.raises(RegistrationError, match="get it again"):
        read_weights(tmp_path / "none.safetensors")
