"""A label-assisted model made and used from the shell."""

import json

from FiReworkRegistrationLib.cli import main

SMALL = [
    "steps=2", "widths=[4,6,8]", "features=6", "spacing=4", "shape=[16,16,16]", "voxels=600", "precision=fp32",
]  # fmt: skip


def test_train_export_register(tmp_path, subject_folder, tiny_model, capsys):
    run, labels = tmp_path / "run", tmp_path / "labels.json"
    labels.write_text("[1, 2, 3]")
    train = ["train-structures", "--train", str(subject_folder), "--output", str(run), "--labels", str(labels)]
    assert main([*train, "--set", *SMALL]) == 0
    assert (
        main(["export-structures", "--run", str(run), "--model", "tiny", "--name", "own", "--output", str(tiny_model)])
        == 0
    )
    assert json.loads((tiny_model / "own.json").read_text())["structures"]["labels"] == [1, 2, 3]
    pair = [str(subject_folder / f"case{number}_t1.nii.gz") for number in (0, 1)]
    command = ["register", "--fixed", pair[0], "--moving", pair[1], "--model", "own", "--device", "cpu"]
    assert main([*command, "--iterations", "1", "--transform-out", str(tmp_path / "t.nrrd")]) == 0
    assert " 2p " in capsys.readouterr().out


def test_bad_settings_and_files_are_named(tmp_path, subject_folder, capsys):
    train = ["train-structures", "--train", str(subject_folder), "--output", str(tmp_path)]
    assert main([*train, "--set", "depth=3"]) == 2
    assert "known are" in capsys.readouterr().err
    assert main([*train, "--labels", str(tmp_path / "none.json")]) == 2
    assert "List of labels" in capsys.readouterr().err
