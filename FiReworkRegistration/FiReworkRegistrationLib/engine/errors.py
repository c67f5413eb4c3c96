"""The one exception type for everything a user can put right."""

from .texts import tr as _

#: Of a network, in whatever it computes.
NOT_FINITE = _("The network returned NaN or infinite values; choose precision fp32 or another model.")


class RegistrationError(ValueError):
    """An input or a setting that cannot be used.

    The message names the input and says what to do about it; callers show it as it is.
    """


class Cancelled(Exception):
    """Raised when the caller's cancel flag was set; not an error."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that the GPU's or the computer's memory is used up."""
    # CUDA's own words are for what other programs hold of a GPU.
    words = (
        "DefaultCPUAllocator", "not enough memory", "can't allocate memory", "out of memory", "ALLOC_FAILED",
        "ALLOCATION_FAILED", "Failed to allocate memory", "bad_alloc",
    )  # fmt: skip
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and any(word in str(error) for word in words))
    )


def is_gpu_failure(error: BaseException) -> bool:
    """Whether an exception says that a GPU, or the driver or libraries for it, do not work; memory aside."""
    words = (
        "CUDA", "cuDNN", "CUDNN", "CUBLAS", "cuBLAS", "NVIDIA driver", "HIP error", "miopen",
        "unable to find an engine",  # cuDNN's, which does not name itself
    )  # fmt: skip
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)
