"""Which device computes, and in which precision."""

import re
from contextlib import contextmanager, nullcontext

import torch

from .errors import RegistrationError
from .texts import tr as _

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name="auto") -> torch.device:
    """ "auto" (CUDA where there is one, else CPU), "cpu", "cuda" or "cuda:N" to a torch device.

    :raises RegistrationError: unknown name, or CUDA asked for and absent.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise RegistrationError(
            _("Unknown device '{name}'; choose auto, cpu, cuda or cuda:N.").format(name=name)
        ) from error
    if device.type not in ("cpu", "cuda"):
        raise RegistrationError(
            _("Device '{name}' is not supported; choose auto, cpu, cuda or cuda:N.").format(name=name)
        )
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise RegistrationError(
                _(
                    "Device 'cuda' was asked for, but this PyTorch finds no CUDA GPU; choose 'auto' or 'cpu', or "
                    "install a CUDA build of PyTorch and a current driver."
                )
            )
        if (device.index or 0) >= torch.cuda.device_count():
            raise RegistrationError(
                _("Device '{name}' does not exist; there are {count} GPU(s).").format(
                    name=name, count=torch.cuda.device_count()
                )
            )
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """In which precision ``device`` computes what is asked for.

    "auto" is bf16 on CUDA GPUs and CPUs that compute in it, fp16 on those GPUs of the generation before that are good
    at it, fp32 elsewhere. A device that would only emulate bf16, or a CPU fp16, takes fp32: emulation is up to a
    hundred times as slow, and no more accurate.

    :raises RegistrationError: unknown name.
    """
    if name not in ("auto", *PRECISIONS):
        raise RegistrationError(
            _("Unknown precision '{name}'; choose auto, {choices}.").format(name=name, choices=", ".join(PRECISIONS))
        )
    if device.type == "cuda":
        has_bf16 = _gpu_computes_in_bf16(device)
        if name == "auto":
            return "bf16" if has_bf16 else "fp16" if _gpu_is_good_at_fp16(device) else "fp32"
        return "fp32" if name == "bf16" and not has_bf16 else name
    if name == "fp16":
        return "fp16" if _cpu_computes_in_fp16() else "fp32"
    return "bf16" if name != "fp32" and _cpu_computes_in_bf16() else "fp32"


def _gpu_computes_in_bf16(device: torch.device) -> bool:
    """Whether it has the units for it: ``torch.cuda.is_bf16_supported`` says yes to emulation too."""
    return torch.version.hip is not None or torch.cuda.get_device_capability(device)[0] >= 8


def _gpu_is_good_at_fp16(device: torch.device) -> bool:
    """Volta and Turing, without the cards that return NaN (PyTorch issue 58123, and lists in public projects)."""
    broken = r"\b(GTX 16\d0|T500|T550|T600|T1000|T1200|T2000|MX450|MX550|CMP 30HX)\b"
    is_broken = re.search(broken, torch.cuda.get_device_name(device)) is not None
    return torch.cuda.get_device_capability(device)[0] >= 7 and not is_broken


def _cpu_computes_in_bf16() -> bool:
    """Whether it has AVX512-BF16."""
    return getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()


def _cpu_computes_in_fp16() -> bool:
    try:
        return torch.ops.mkldnn._is_mkldnn_fp16_supported()
    except (AttributeError, RuntimeError):  # a build without oneDNN
        return False


@contextmanager
def convolution_precision(device: torch.device, precision: str):
    """Autocast convolutions; fields, grids and NCC switch it off themselves."""
    dtype = PRECISIONS[precision]
    with nullcontext() if dtype is None else torch.autocast(device.type, dtype):
        yield
