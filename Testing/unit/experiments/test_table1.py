import csv

from FiReworkRegistrationLib.experiments import table1

DICE = {"vm": (0.4, 0.5, 0.48, 0.45), "vm-2": (0.4, 0.5, 0.52, 0.52), "firework-vm": (0.4, 0.49, 0.53, 0.55)}


def test_every_method_stands_at_its_iterations(judged_study):
    study = judged_study(DICE)
    text = table1.make(study)
    rows = {row["method"]: row for row in csv.DictReader((study.folder / "table1.csv").open())}
    assert [(name, row["K"]) for name, row in rows.items()] == [
        ("affine", "0"), ("vm", "1"), ("vm-recursive", "3"), ("vm-2", "2"), ("firework-vm", "2"),
    ]  # fmt: skip
    assert abs(float(rows["vm-recursive"]["dice"]) - 0.4528) < 1e-4 and rows["firework-vm"]["against_reference"] == ""
    assert rows["vm"]["parameters"] == rows["vm-recursive"]["parameters"] != rows["firework-vm"]["parameters"]
    assert (study.folder / "table1.png").stat().st_size > 5000
    assert "Highest mean Dice: FiRework-VM, .5321" in text
    assert rows["vm"]["against_reference"] == ".0307 lower (p = 0.0078)"
    assert "| .0793 lower (p = 0.0078) | .5014 at K = 1 |" in text
    assert "| .0100 lower (p = 0.0078) | .5228 at K = 3 |" in text
    assert "FiRework-VM (K = 2) is above VM (K = 1): .0307 higher (p = 0.0078)." in text


def test_the_words_follow_the_numbers(judged_study):
    study = judged_study(DICE | {"firework-vm": (0.4, 0.45, 0.46, 0.47)})
    text = table1.make(study)
    assert "Highest mean Dice: VM-2" in text
    assert "FiRework-VM (K = 2) is below VM-2 (K = 2): .0600 lower (p = 0.0078)." in text
