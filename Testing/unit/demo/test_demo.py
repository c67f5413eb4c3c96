"""The demo from end to end, with an untrained network on a coarse grid."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from safetensors.torch import save_file

import demo
from FiReworkRegistrationLib.engine.networks.catalog import build_network


@pytest.fixture
def an_untrained_model(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    folder.mkdir()
    network = build_network("firework-vm")
    with torch.no_grad():
        # A field a trained network might give: small.
        for values in network.parameters():
            values.mul_(0.5)
    weights = {key: value.contiguous() for key, value in network.state_dict().items()}
    save_file(weights, folder / "untrained.safetensors")
    card = {
        "name": "untrained", "title": "", "description": "", "network": "firework-vm",
        "weights": "untrained.safetensors", "spacing": 8.0, "iterations": 1, "field_scale": 0.1,
    }  # fmt: skip
    (folder / "untrained.json").write_text(json.dumps(card), encoding="utf-8")
    monkeypatch.setenv("FIREWORK_MODELS", str(folder))
    return "untrained"


def test_demo_leaves_every_result(an_untrained_model, tmp_path, capsys):
    output = tmp_path / "deep" / "demo-output"
    arguments = ["--model", an_untrained_model, "--iterations", "2", "--device", "cpu", "--output", str(output)]
    assert demo.main(arguments) == 0
    left = {path.name for path in output.iterdir()}
    assert set(demo.FILES) <= left
    printed = capsys.readouterr().out
    assert "local NCC" in printed
    assert "Wall time" in printed
    for name in demo.FILES:
        assert str(output / name) in printed
    fixed = sitk.ReadImage(str(demo.SAMPLES / f"{demo.FIXED}.nii.gz"))
    moving = sitk.ReadImage(str(demo.SAMPLES / f"{demo.MOVING}.nii.gz"))
    warped = sitk.ReadImage(str(output / "warped.nrrd"))
    assert warped.GetSize() == fixed.GetSize()
    # What another program makes of the written transform is the written volume.
    transform = sitk.ReadTransform(str(output / "transform.h5"))
    other = sitk.Resample(moving, fixed, transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    difference = np.abs(sitk.GetArrayFromImage(other) - sitk.GetArrayFromImage(warped))
    assert np.percentile(difference, 99) < 0.5


def test_demo_tells_a_bad_setting_in_words(an_untrained_model, tmp_path, capsys):
    assert demo.main(["--iterations", "0", "--output", str(tmp_path / "out")]) == 1
    assert "choose 1 or more" in capsys.readouterr().err
