import json
import shutil

import pytest


@pytest.fixture(scope="session")
def data(subject_folder, tmp_path_factory):
    """Two training and two dev subjects in folders of their own, as options of the command."""
    folder = tmp_path_factory.mktemp("data")
    for role, names in (("train", ("case0", "case1")), ("dev", ("case2", "case3"))):
        (folder / role).mkdir()
        for name in names:
            for path in subject_folder.glob(f"{name}_*"):
                shutil.copy(path, folder / role)
    return ["--subjects", str(folder / "train"), "--dev", str(folder / "dev"), "--device", "cpu"]


def content():
    tiny = {"encoder": [4, 4], "decoder": [4, 4], "final": [4]}
    method = {"iterations": 2, "training": {"network": "vm", "network_settings": tiny, "stages": 2, "grad_stages": 2}}
    plain = {"iterations": 1, "training": {"network": "vm", "network_settings": tiny, "stages": 1, "grad_stages": 1}}
    firework = {**method, "training": {**method["training"], "network": "firework-vm"}}
    return {
        "title": "Tiny", "pairs": 2, "iterations": 3, "reference": "firework-vm",
        "training": {
            "spacing": 4.0, "shape": [32, 32, 32], "crop": [16, 16, 16], "steps": 4, "ncc_window": 5,
            "checkpoint_every": 2, "learning_rate": 1e-3,
        },
        "methods": {
            "vm": {"title": "VM", **plain},
            "vm-recursive": {"title": "VM, recursive", "iterations": 3, "weights": "vm"},
            "vm-2": {"title": "VM-2", **method},
            "firework-vm": {"title": "FiRework-VM", **firework},
        },
        "fig5": ["firework-vm"], "fig6": ["firework-vm"], "fig7": ["firework-vm", "vm-recursive", "vm-2"],
    }  # fmt: skip


@pytest.fixture
def judged_study(write_config, tmp_path):
    """A study of eight pairs whose rows are there: {method: mean Dice at K = 0, 1, 2, 3} to a Study."""
    from FiReworkRegistrationLib.experiments.config import read_experiment
    from FiReworkRegistrationLib.experiments.study import Study

    def make(dice):
        config = read_experiment(write_config(lambda content: content.update(pairs=8)))
        study = Study(config, tmp_path / "tiny")
        study.record.check_subjects("training", ["a", "b"])
        study.record.check_subjects("dev", [f"d{number}" for number in range(8)])
        for name, values in dice.items():
            for what in ("trained", "judged"):
                study.record.note(config.methods[name], what, "an abacus")
            for number, pair in enumerate(study.pair_names()):
                study.rows.add([
                    {"method": name, "pair": pair, "K": index, "dice": value + 0.0002 * number * (index + 1),
                     "folded": 0.1 * index, "seconds": 0.5 * index}
                    for index, value in enumerate(values)
                ])  # fmt: skip
        return study

    return make


@pytest.fixture
def write_config(tmp_path):
    """Writes tiny.json with changes made by a function, returns its path."""

    def write(change=lambda content: None):
        values = content()
        change(values)
        path = tmp_path / "tiny.json"
        path.write_text(json.dumps(values))
        return path

    return write
