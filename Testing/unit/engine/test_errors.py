import pytest

from FiReworkRegistrationLib.engine.errors import is_gpu_failure, is_out_of_memory


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: out of memory",
        "cuBLAS error: CUBLAS_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "DefaultCPUAllocator: no room",
        "itk::ERROR: Image(0x1): Failed to allocate memory for image.",
    ],
)
def test_memory_that_is_used_up_is_recognized(words):
    assert is_out_of_memory(RuntimeError(words))
    assert is_out_of_memory(MemoryError()) and not is_out_of_memory(ValueError(words))


def test_a_gpu_that_fails_is_recognized():
    assert is_gpu_failure(RuntimeError("CUDA error: no kernel image is available for execution on the device"))
    assert is_gpu_failure(RuntimeError("FIND was unable to find an engine to execute this computation"))
    assert is_gpu_failure(RuntimeError("HIP error: invalid device function"))
    assert not is_gpu_failure(RuntimeError("shapes differ"))
    assert not is_out_of_memory(RuntimeError("CUDA error: invalid device function"))
