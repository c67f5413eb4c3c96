"""The commands as a shell calls them, on a small pair and an untrained network."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from FiReworkRegistrationLib.cli import main
from FiReworkRegistrationLib.engine import polish_levels, verdict
from FiReworkRegistrationLib.engine.unfold import Repair


@pytest.fixture
def pair(subject_folder):
    return ["--fixed", str(subject_folder / "case0_t1.nii.gz"), "--moving", str(subject_folder / "case1_t1.nii.gz")]


@pytest.fixture
def tiny(tiny_model):
    return ["--model", "tiny", "--device", "cpu", "--iterations", "2"]


def test_register_writes_everything_that_was_asked_for(pair, tiny, tmp_path, capsys, subject_folder):
    out = {name: str(tmp_path / name) for name in ("t.h5", "i.nrrd", "w.nii.gz", "j.nrrd")}
    # A moving volume on a grid of its own.
    sitk.WriteImage(sitk.ReadImage(pair[3])[2:, 1:, :-1], str(tmp_path / "moving.nii.gz"))
    pair[3] = str(tmp_path / "moving.nii.gz")
    command = ["register", *pair, *tiny, "--transform-out", out["t.h5"], "--inverse-transform-out", out["i.nrrd"]]
    assert main([*command, "--warped-moving-out", out["w.nii.gz"], "--jacobian-out", out["j.nrrd"]]) == 0
    shown = capsys.readouterr()
    assert "local NCC" in shown.out and "residual" in shown.out and "model tiny" in shown.err

    fixed, moving = (sitk.ReadImage(path, sitk.sitkFloat32) for path in pair[1::2])
    warped = sitk.ReadImage(out["w.nii.gz"], sitk.sitkFloat32)
    assert warped.GetSize() == fixed.GetSize()
    # What ITK makes of the transform file is the warped volume.
    again = sitk.Resample(moving, fixed, sitk.ReadTransform(out["t.h5"]), sitk.sitkLinear)
    assert np.abs(sitk.GetArrayFromImage(again) - sitk.GetArrayFromImage(warped))[2:-2, 2:-2, 2:-2].max() < 0.5
    assert sitk.ReadImage(out["j.nrrd"]).GetSize() == fixed.GetSize()
    inverse = sitk.ReadImage(out["i.nrrd"])
    assert inverse.GetNumberOfComponentsPerPixel() == 3 and inverse.GetSize() == moving.GetSize() != fixed.GetSize()


@pytest.mark.parametrize(
    ("options", "mark"),
    [
        ([], " 3p "),
        (["--preset", "plain"], None),
        (["--preset", "repaired"], " 3r "),
        (["--polish", "off"], None),
        (["--polish", "0.2"], " 3p "),
    ],
)
def test_the_preset_or_the_time_says_whether_the_outcome_is_polished(pair, tiny, tmp_path, capsys, options, mark):
    assert main(["register", *pair, *tiny, *options, "--transform-out", str(tmp_path / "t.nrrd")]) == 0
    told = capsys.readouterr().out
    assert [found for found in (" 3p ", " 3r ") if found in told] == ([mark] if mark else [])
    assert ("repair of folds: " in told) == (mark == " 3r ")


def test_what_is_told_is_in_mm_whatever_the_working_grid(pair, tiny, tmp_path, capsys, monkeypatch):
    """The engine's figures are in voxels, here of 4 mm."""
    repair = Repair(1.0, 0.0, 3.0, 0.25, 0.75)
    monkeypatch.setattr(polish_levels, "unfold", lambda field, *_: (torch.full_like(field, 2.0), repair))
    monkeypatch.setattr(verdict, "LARGEST_PLAUSIBLE", 1.0)
    command = ["register", *pair, *tiny, "--preset", "repaired", "--transform-out", str(tmp_path / "t.nrrd")]
    assert main([*command, "--figures-out", str(tmp_path / "figures.json")]) == 0
    told, written = capsys.readouterr().out, json.loads((tmp_path / "figures.json").read_text())
    assert "by 1.00 mm on average, 3.00 mm at most" in told and "up to 14 mm beyond" in told
    assert written["iterations"][-1]["largest_mm"] == pytest.approx(8 * 3**0.5, abs=0.01)


@pytest.mark.parametrize("contrast, told", [("auto", False), ("different", True)])
def test_register_says_that_contrasts_were_matched(pair, tiny, tmp_path, capsys, contrast, told):
    command = ["register", *pair, *tiny, "--polish", "off", "--contrast", contrast]
    figures = tmp_path / "figures.json"
    assert main([*command, "--transform-out", str(tmp_path / "t.h5"), "--figures-out", str(figures)]) == 0
    assert ("differ in contrast" in capsys.readouterr().out) == told
    written = json.loads(figures.read_text())
    assert (written["matched"] in ("fixed", "moving")) == told and written["agreement"] > 0


def test_register_by_the_shipped_transmorph(pair, tmp_path, capsys):
    command = ["register", *pair, "--model", "FiRework-TM-tiny", "--device", "cpu", "--preset", "plain"]
    command += ["--iterations", "1", "--spacing", "4", "--transform-out", str(tmp_path / "t.h5")]
    assert main(command) == 0
    shown = capsys.readouterr()
    assert "model FiRework-TM-tiny" in shown.err and (tmp_path / "t.h5").exists()
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert "FiRework-VM (default): " in shown and "FiRework-TM-tiny: " in shown


def test_masks_and_initial_transform(pair, tiny, tmp_path, subject_folder):
    sitk.WriteTransform(sitk.TranslationTransform(3, (-4.0, 0.0, 4.0)), str(tmp_path / "start.tfm"))
    command = ["register", *pair, *tiny, "--transform-out", str(tmp_path / "t.nii.gz"), "--affine", "none"]
    command += ["--fixed-mask", str(subject_folder / "case0_seg.nii.gz")]
    command += ["--moving-mask", str(subject_folder / "case1_seg.nii.gz")]
    assert main([*command, "--initial-transform", str(tmp_path / "start.tfm")]) == 0
    field = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "t.nii.gz")))
    # At the corners of the volume the field has faded: what stays is the initial transform, in LPS.
    assert np.allclose(field[0, 0, 0], (-4.0, 0.0, 4.0), atol=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--transform-out", "t.txt"], "written as .h5"),
        (["--transform-out", "none/t.h5"], "create it first"),
        (["--transform-out", "t.h5", "--warped-moving-out", "w.xyz"], "written as .nrrd"),
        (["--transform-out", "t.h5", "--iterations", "0"], "choose 1 or more"),
        (["--transform-out", "t.h5", "--device", "gpu"], "choose auto, cpu"),
        (["--transform-out", "t.h5", "--preset", "quick"], "Unknown preset 'quick'; choose fast"),
        (["--transform-out", "t.h5", "--polish", "-3"], "number of seconds above 0, or 'off', got '-3'"),
        (["--transform-out", "t.h5", "--model", "none"], "Unknown model"),
        (["--transform-out", "t.h5", "--fixed-mask", "none.nrrd"], "Fixed mask 'none.nrrd' does not exist"),
        (["--transform-out", "t.h5", "--jacobian-out", "none/j.nrrd"], "create it first"),
        (["--transform-out", "o.nrrd", "--jacobian-out", "o.nrrd"], "--transform-out and --jacobian-out are both"),
    ],
)
def test_bad_commands_end_in_one_line_and_leave_no_file(
    pair, tiny_model, options, message, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    assert main(["register", *pair, *options]) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert set(tmp_path.iterdir()) == before


def test_an_output_that_is_an_input_under_another_name_is_refused(pair, tiny_model, tmp_path, capsys):
    """As capitals and small letters are one on macOS and Windows."""
    other = tmp_path / "other.nii.gz"
    other.hardlink_to(pair[3])
    assert main(["register", *pair, "--transform-out", str(tmp_path / "t.h5"), "--warped-moving-out", str(other)]) == 2
    assert "--moving and --warped-moving-out are both" in capsys.readouterr().err


def test_evaluate_prints_a_table_and_writes_rows(subject_folder, tiny_model, tmp_path, capsys):
    pair = {"fixed": "case0_t1.nii.gz", "moving": "case1_t1.nii.gz"}
    pair |= {"fixed_labels": "case0_seg.nii.gz", "moving_labels": "case1_seg.nii.gz"}
    pairs = subject_folder / "one.json"
    pairs.write_text(json.dumps([pair]))
    rows = tmp_path / "rows.csv"
    command = ["evaluate", "--pairs", str(pairs), "--model", "tiny", "--device", "cpu", "--iterations", "0,1"]
    assert main([*command, "--csv", str(rows)]) == 0
    assert "dice" in capsys.readouterr().out and len(rows.read_text().splitlines()) == 3
    assert main([*command, "--no-surfaces", "--baseline", str(rows)]) == 0
    assert "baseline" in capsys.readouterr().out
    assert main(["evaluate", "--pairs", str(pairs), "--iterations", "one"]) == 2


def test_train_runs_resumes_and_names_what_is_wrong(subject_folder, tmp_path, capsys):
    settings = ["spacing=4", "shape=[16,16,16]", "steps=2", "evaluate_every=1", "evaluate_pairs=1", "ncc_window=5"]
    settings += ['network_settings={"encoder":[4],"decoder":[4],"final":[4]}']
    command = ["train", "--train", str(subject_folder), "--output", str(tmp_path / "run"), "--device", "cpu"]
    assert main([*command, "--set", *settings]) == 0
    assert "step 2 of 2" in capsys.readouterr().err
    assert main([*command, "--set", *settings]) == 0
    assert "resumed at step 2" in capsys.readouterr().err
    assert main([*command, "--config", "none"]) == 2
    assert main([*command, "--dev", str(subject_folder), "--set", *settings]) == 2
    assert "'case0' is among the training and the dev subjects" in capsys.readouterr().err
    assert main([*command, "--dev-subjects", "-1"]) == 2
    assert "choose 2 or more" in capsys.readouterr().err


def test_a_person_that_was_trained_on_is_never_dev_later(subject_folder, tmp_path, capsys):
    """One image more, and the seed draws other persons."""
    images = tmp_path / "images"
    images.mkdir()
    for n in range(6):
        shutil.copy(subject_folder / "case0_t1.nii.gz", images / f"p{n}.nii.gz")
    settings = ["spacing=4", "shape=[16,16,16]", "steps=1", "evaluate_every=9", "ncc_window=5", "seed=1"]
    settings += ['network_settings={"encoder":[4],"decoder":[4],"final":[4]}']
    command = ["train", "--train", str(images), "--output", str(tmp_path / "run"), "--device", "cpu"]
    command += ["--dev-share", "0.3", "--seconds", "0", "--set", *settings]
    assert main(command) == 0 and main(command) == 0
    for n in range(6, 12):
        shutil.copy(subject_folder / "case0_t1.nii.gz", images / f"a{n}.nii.gz")
    capsys.readouterr()
    assert main(command) == 2
    assert "began with other settings (dev was" in capsys.readouterr().err


def test_models_are_listed(tiny_model, capsys):
    assert main(["models"]) == 0
    assert "tiny: Tiny" in capsys.readouterr().out


def test_memory_that_is_used_up_is_said(pair, monkeypatch, capsys, tmp_path):
    from FiReworkRegistrationLib.engine import registration

    def full(*_, **__):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(registration, "Registration", full)
    assert main(["register", *pair, "--transform-out", str(tmp_path / "t.h5")]) == 2
    assert "coarser --spacing" in capsys.readouterr().err


@pytest.mark.parametrize(("given", "policy"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_sleep_while_they_wait_unless_the_shell_says_otherwise(monkeypatch, given, policy):
    monkeypatch.setenv("OMP_WAIT_POLICY", given or "")
    if given is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    assert main(["models"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == policy


def test_a_log_that_knows_no_arrows_costs_no_result(pair, tiny, tmp_path, monkeypatch):
    log = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", log)
    assert main(["register", *pair, *tiny, "--transform-out", str(tmp_path / "t.h5")]) == 0
    log.flush()
    assert b"NCC" in log.buffer.getvalue() and (tmp_path / "t.h5").exists()


def test_a_path_that_cannot_be_used_is_one_line(subject_folder, tiny_model, tmp_path, capsys):
    (tmp_path / "taken").touch()
    (tmp_path / "pairs.csv").write_text("fixed,moving\na.nii,b.nii\n")
    command = ["cohort", "--pairs", str(tmp_path / "pairs.csv"), "--output", str(tmp_path / "taken"), "--model", "tiny"]
    assert main(command) == 2
    assert "cannot be used" in capsys.readouterr().err


def test_rows_do_not_replace_what_is_evaluated(subject_folder, tiny_model, tmp_path, capsys):
    pairs = subject_folder / "evaluated.csv"
    pairs.write_text("fixed,moving\ncase0_t1.nii.gz,case1_t1.nii.gz\n")
    before = pairs.read_text()
    assert main(["evaluate", "--pairs", str(pairs), "--model", "tiny", "--csv", str(pairs)]) == 2
    assert "is one of the inputs; choose another file" in capsys.readouterr().err
    assert pairs.read_text() == before


@pytest.fixture
def shell(pair, tmp_path):
    """The command in a process of its own; ends when the test does."""
    command = [sys.executable, "-m", "FiReworkRegistrationLib", "register", *pair, "--device", "cpu"]
    command += ["--preset", "fast", "--transform-out", str(tmp_path / "t.h5")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("PYTHONUNBUFFERED", None)
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
def test_ctrl_c_while_the_volumes_are_aligned_is_no_failure(shell):
    while "alignment" not in (line := shell.stderr.readline()):
        assert line, "it ended before it aligned anything"
    shell.send_signal(signal.SIGINT)
    _, error = shell.communicate(timeout=120)
    # A shell reports both as 130.
    assert shell.returncode in (130, -signal.SIGINT)
    assert error.splitlines()[-1] == "interrupted" and "Traceback" not in error


@pytest.mark.skipif(os.name == "nt", reason="Windows has other pipes")
def test_a_reader_that_goes_ends_it_quietly(shell):
    shell.stdout.close()
    error = shell.stderr.read()
    assert shell.wait(120) == 141 and "Traceback" not in error and "BrokenPipe" not in error


def test_without_a_console_it_works_too(tiny_model, monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    assert main(["models"]) == 0
