"""Data that several folders of tests share."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
import torch


def write_subject(folder, name, shift):
    """Two boxes in a bright ball, 24^3 voxels of 4 mm, moved by ``shift`` voxels."""
    k, j, i = np.meshgrid(*(np.arange(24),) * 3, indexing="ij")
    center = 12 + np.asarray(shift)
    inside = (k - center[0]) ** 2 + (j - center[1]) ** 2 + (i - center[2]) ** 2 < 64
    labels = np.zeros((24, 24, 24), np.uint8)
    labels[inside] = 1
    a, b, c = (round(v) for v in center)
    labels[a - 3 : a, b - 4 : b + 4, c - 4 : c] = 2
    labels[a + 1 : a + 5, b - 2 : b + 3, c : c + 5] = 3
    labels[a - 4 : a + 4, b + 2 : b + 6, c - 1 : c + 2] = 4
    noise = np.random.default_rng(a * 7 + b).normal(0, 6, labels.shape)
    image = np.clip(labels * 50 + noise * (labels > 0), 0, 255).astype(np.uint8)
    for array, ending in ((image, "t1"), (labels, "seg")):
        picture = sitk.GetImageFromArray(array)
        picture.SetSpacing((4, 4, 4))
        sitk.WriteImage(picture, str(folder / f"{name}_{ending}.nii.gz"))


@pytest.fixture(scope="session")
def subject_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("subjects")
    for number, shift in enumerate([(0, 0, 0), (1, 0, -1), (0, 2, 1), (-1, 1, 0)]):
        write_subject(folder, f"case{number}", shift)
    return folder


@pytest.fixture
def tiny_model(tmp_path, monkeypatch):
    """An untrained model of few parameters that answers to the name 'tiny'."""
    from safetensors.torch import save_file

    from FiReworkRegistrationLib.engine.networks.catalog import build_network

    settings = {"encoder": [4, 4], "decoder": [4, 4], "final": [4]}
    network = build_network("firework-vm", settings)
    torch.nn.init.normal_(network.backbone.flow.weight, std=0.05)
    folder = tmp_path / "models"
    folder.mkdir()
    save_file(network.state_dict(), folder / "tiny.safetensors")
    card = {
        "name": "tiny", "title": "Tiny", "description": "Untrained.", "network": "firework-vm",
        "network_settings": settings, "weights": "tiny.safetensors", "spacing": 4.0, "iterations": 3,
    }  # fmt: skip
    (folder / "tiny.json").write_text(json.dumps(card))
    monkeypatch.setenv("FIREWORK_MODELS", str(folder))
    return folder
