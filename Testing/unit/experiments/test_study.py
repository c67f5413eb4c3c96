from dataclasses import replace

import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.experiments.config import read_experiment
from FiReworkRegistrationLib.experiments.report import circumstances
from FiReworkRegistrationLib.experiments.study import Study


def test_every_subject_is_paired_with_the_next_one(judged_study):
    names = judged_study({}).pair_names()
    assert len(names) == 8 and names[0] == "d1 to d0" and names[-1] == "d0 to d7"


def test_subjects_that_are_left_out_are_in_no_pair(judged_study):
    study = judged_study({"vm": (0.4, 0.5, 0.48, 0.45)})
    study.config.left_out["d3"] = "its labels are another's"
    names = study.pair_names()
    assert len(names) == 7 and "d4 to d2" in names and not any("d3" in name for name in names)
    assert "Left out: d3 (its labels are another's). p:" in circumstances(study, [study.config.methods["vm"]])


def test_what_is_judged_needs_no_data(judged_study):
    study = judged_study({"vm": (0.4, 0.5, 0.48, 0.45)})
    plain, recursive = study.prepare(["vm", "vm-recursive"])
    # The same weights, so the same rows.
    assert study.at(plain, 2) == study.at(recursive, 2) and len(study.at(plain, 2)) == 8
    with pytest.raises(RegistrationError, match="needs its dev subjects here: give their folder as --dev"):
        study.prepare(["vm-2"])


def test_too_few_dev_subjects_are_refused(write_config, data, tmp_path):
    config = read_experiment(write_config(lambda content: content.update(pairs=3)))
    study = Study(config, tmp_path / "out", data[1], data[3])
    with pytest.raises(RegistrationError, match="holds 2 subjects to judge on, too few for 3 pairs"):
        study.prepare(["vm"])


def test_every_method_is_judged_on_the_grid_that_it_was_trained_on(judged_study, monkeypatch):
    from types import SimpleNamespace

    from FiReworkRegistrationLib.experiments import study as module

    study, grids = judged_study({"vm": (0.4, 0.5, 0.48, 0.45)}), []

    class Maker:
        def __init__(self, training, device):
            self.spacing = training.spacing

        def make(self, fixed, moving, labels):
            grids.append(self.spacing)

    monkeypatch.setattr(module, "PairMaker", Maker)
    monkeypatch.setattr(module, "judge_refinement", lambda *given: [])
    monkeypatch.setattr(module, "common_labels", lambda *given: [1])
    monkeypatch.setattr(study, "_subjects", lambda role: [SimpleNamespace(name=f"d{n}") for n in range(8)])
    first = study.config.methods["vm"]
    for spacing in (4.0, 6.0, 4.0):
        study.judged(replace(first, training=replace(first.training, spacing=spacing)), 0, network=object())
    assert grids == [4.0, 6.0, 4.0]
