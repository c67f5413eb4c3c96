"""Two processes over gloo, as torchrun starts them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from FiReworkRegistrationLib.cli import main
from FiReworkRegistrationLib.training.ranks import Ranks, local_device

LIBRARY = Path(__file__).resolve().parents[3] / "FiReworkRegistration"
SETTINGS = [
    'network_settings={"encoder":[4,4],"decoder":[4,4],"final":[4]}', "spacing=4.0", "shape=[16,16,16]",
    "ncc_window=5", "steps=4", "learning_rate=0.01", "checkpoint_every=2", "evaluate_every=4", "evaluate_pairs=1",
    "evaluate_iterations=[1]",
]  # fmt: skip


def command(subject_folder, output):
    options = [
        "train",
        "--train",
        str(subject_folder),
        "--output",
        str(output),
        "--dev-share",
        "0.3",
        "--device",
        "cpu",
    ]
    return [*options, "--set", *SETTINGS]


def train_by_two(subject_folder, output):
    """The checkpoint, and what each of the two processes printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = []
    for rank in ("0", "1"):
        environment = {
            **os.environ, "PYTHONPATH": str(LIBRARY), "OMP_NUM_THREADS": "1", "RANK": rank, "LOCAL_RANK": rank,
            "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
        }  # fmt: skip
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "FiReworkRegistrationLib", *command(subject_folder, output)],
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
        )  # fmt: skip
    outputs = [process.communicate(timeout=240)[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(outputs)
    return torch.load(output / "checkpoint.pt", weights_only=True), outputs


def test_two_processes_train_one_network(subject_folder, tmp_path):
    assert main(command(subject_folder, tmp_path / "alone")) == 0
    alone = torch.load(tmp_path / "alone" / "checkpoint.pt", weights_only=True)
    both, outputs = train_by_two(subject_folder, tmp_path / "both")
    assert both["step"] == alone["step"] == 4
    # They drew other pairs, so the mean of two gradients is not that of one.
    assert any(not torch.equal(a, b) for a, b in zip(alone["network"].values(), both["network"].values(), strict=True))
    # Only the first one tells and writes.
    assert ["dev:" in output for output in outputs] == [True, False]
    assert (tmp_path / "both" / "best.safetensors").exists()
    resumed, outputs = train_by_two(subject_folder, tmp_path / "both")
    assert all("resumed at step 4" in output for output in outputs) and resumed["step"] == 4


def test_gradients_are_averaged(monkeypatch):
    ranks = Ranks("cpu")
    assert ranks.first and ranks.seed(3, 4) == [3, 4]
    ranks.count, ranks.rank = 2, 1
    monkeypatch.setattr("torch.distributed.all_reduce", lambda flat: flat.add_(3.0))
    layer = torch.nn.Linear(2, 1)
    layer.weight.grad = torch.tensor([[1.0, 5.0]])
    ranks.average_gradients(layer.parameters())
    assert layer.weight.grad.tolist() == [[2.0, 4.0]]
    assert not ranks.first and ranks.seed(3, 4) == [3, 4, 1]


@pytest.mark.parametrize(("gpus", "given", "expected"), [(2, "auto", "cuda:1"), (2, "cpu", "cpu"), (0, "auto", "auto")])
def test_each_process_has_a_gpu_of_its_own(monkeypatch, gpus, given, expected):
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert local_device(given) == expected
    monkeypatch.delenv("LOCAL_RANK")
    assert local_device(given) == given


def test_all_stop_when_one_does(monkeypatch):
    ranks = Ranks("cpu")
    assert ranks.any(True) is True and ranks.any(False) is False
    ranks.count = 2
    monkeypatch.setattr("torch.distributed.all_reduce", lambda answer, how: answer.fill_(1.0))
    assert ranks.any(False) is True
