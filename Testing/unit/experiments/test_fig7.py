from FiReworkRegistrationLib.experiments import fig7

DICE = {"vm": (0.4, 0.5, 0.48, 0.45), "vm-2": (0.4, 0.5, 0.52, 0.52), "firework-vm": (0.4, 0.49, 0.53, 0.55)}


def test_peaks_and_what_comes_after_training(judged_study):
    study = judged_study(DICE)
    text = fig7.make(study)
    assert "VM, recursive is highest at K = 1 (.5014); at K = 3 it is .0486 lower (p = 0.0078)." in text
    assert "Past its training depth (K = 1) it falls: K = 3 against K = 1 is .0486 lower" in text
    assert "FiRework-VM is highest at K = 3 (.5528). Past its training depth (K = 2) it goes on rising" in text
    assert "FiRework-VM against VM, recursive: at K = 3 .1000 higher (p = 0.0078); each at its highest" in text
    assert "(K = 3 and K = 1, chosen on these pairs) .0514 higher (p = 0.0078)." in text
    assert "as the paper's Fig. 7 has it, holds here." in text
    assert "| 0 | .4007 (0.00 %) |" in text
    lines = (study.folder / "fig7.csv").read_text().splitlines()
    assert len(lines) == 1 + 3 * 4 and lines[0] == "method,K,dice,dice_sd,folded"
    assert (study.folder / "fig7.png").stat().st_size > 5000


def test_a_claim_that_does_not_hold_is_said(judged_study):
    text = fig7.make(judged_study(DICE | {"firework-vm": (0.4, 0.49, 0.53, 0.51)}))
    assert "as the paper's Fig. 7 has it, does not hold here." in text
