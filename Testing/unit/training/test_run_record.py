import json

import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.training.run_record import keep_record

SETTINGS = {"steps": 10, "spacing": 2.0, "shape": (8, 8, 8)}


@pytest.fixture
def run(tmp_path):
    """A run with a checkpoint."""
    keep_record(tmp_path, "config.json", SETTINGS)
    (tmp_path / "checkpoint.pt").touch()
    return tmp_path


def recorded(folder):
    return json.loads((folder / "config.json").read_text())


def test_a_run_goes_on_with_its_settings_and_may_be_longer(run):
    keep_record(run, "config.json", {**SETTINGS, "steps": 20, "new": 1})
    assert recorded(run) == {"steps": 20, "spacing": 2.0, "shape": [8, 8, 8], "new": 1}


def test_others_are_named_and_not_written(run):
    with pytest.raises(RegistrationError, match=r"spacing was 2\.0, is 4\.0\); .*new folder"):
        keep_record(run, "config.json", {**SETTINGS, "spacing": 4.0})
    assert recorded(run)["spacing"] == 2.0


def test_without_a_checkpoint_nothing_has_begun(tmp_path):
    keep_record(tmp_path, "config.json", SETTINGS)
    keep_record(tmp_path, "config.json", {**SETTINGS, "spacing": 4.0})
    assert recorded(tmp_path)["spacing"] == 4.0
