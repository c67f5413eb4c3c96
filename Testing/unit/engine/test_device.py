import pytest
import torch

from FiReworkRegistrationLib.engine.device import choose_device, choose_precision
from FiReworkRegistrationLib.engine.errors import RegistrationError


def test_cuda_asked_for_and_absent(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto").type == "cpu"
    with pytest.raises(RegistrationError, match=r"no CUDA GPU.*'auto' or 'cpu'"):
        choose_device("cuda")


def test_device_number_that_does_not_exist(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("auto").type == "cuda"
    with pytest.raises(RegistrationError, match="there are 1 GPU"):
        choose_device("cuda:3")


@pytest.mark.parametrize("name", ["gpu", "mps", "meta"])
def test_unknown_devices(name):
    with pytest.raises(RegistrationError, match="choose auto, cpu, cuda"):
        choose_device(name)


def test_precision():
    assert choose_precision("fp32", torch.device("cpu")) == "fp32"
    assert choose_precision("auto", torch.device("cpu")) in ("fp32", "bf16")
    with pytest.raises(RegistrationError, match="choose auto"):
        choose_precision("int8", torch.device("cpu"))


@pytest.mark.parametrize("name", ["auto", "bf16", "fp16"])
def test_a_cpu_that_would_only_emulate_a_precision_takes_fp32(monkeypatch, name):
    monkeypatch.setattr("FiReworkRegistrationLib.engine.device._cpu_computes_in_bf16", lambda: False)
    monkeypatch.setattr("FiReworkRegistrationLib.engine.device._cpu_computes_in_fp16", lambda: False)
    assert choose_precision(name, torch.device("cpu")) == "fp32"


@pytest.mark.parametrize(("name", "chosen"), [("auto", "bf16"), ("bf16", "bf16"), ("fp16", "fp16"), ("fp32", "fp32")])
def test_a_cpu_that_computes_in_a_precision_takes_it(monkeypatch, name, chosen):
    monkeypatch.setattr("FiReworkRegistrationLib.engine.device._cpu_computes_in_bf16", lambda: True)
    monkeypatch.setattr("FiReworkRegistrationLib.engine.device._cpu_computes_in_fp16", lambda: True)
    assert choose_precision(name, torch.device("cpu")) == chosen


def test_a_gpu_computes_in_what_is_asked_for(monkeypatch):
    gpus = (
        ((7, 5), "Tesla T4"), ((8, 0), "NVIDIA A100"),
        ((7, 5), "NVIDIA GeForce GTX 1660"), ((6, 1), "GeForce GTX 1080"), ((7, 5), "NVIDIA T600 Laptop GPU"),
    )  # fmt: skip
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: gpus[device.index][0])
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: gpus[device.index][1])
    chosen = [
        [choose_precision(name, torch.device("cuda", index)) for name in ("auto", "bf16", "fp16", "fp32")]
        for index in range(5)
    ]
    assert chosen[:2] == [["fp16", "fp32", "fp16", "fp32"], ["bf16", "bf16", "fp16", "fp32"]]
    assert chosen[2:] == [["fp32", "fp32", "fp16", "fp32"]] * 3
