from FiReworkRegistrationLib.experiments import fig5


def test_gains_and_where_they_end(judged_study):
    study = judged_study({"firework-vm": (0.4, 0.49, 0.53, 0.52)})
    text = fig5.make(study)
    assert "| 2 | +.0407 (p = 0.0078) |" in text
    assert "FiRework-VM (trained with 2): stages 1 to 2 raise Dice; stage 3 lowers it (-.0093, p = 0.0078)." in text
    lines = (study.folder / "fig5.csv").read_text().splitlines()
    assert lines[0] == "method,K,gain,p" and len(lines) == 4
    assert (study.folder / "fig5.png").stat().st_size > 5000


def test_every_stage_may_help(judged_study):
    assert "every stage to the last raises Dice" in fig5.make(judged_study({"firework-vm": (0.4, 0.5, 0.6, 0.7)}))


def test_no_stage_may_help(judged_study):
    assert "no stage helps; stage 1 lowers it" in fig5.make(judged_study({"firework-vm": (0.4, 0.3, 0.3, 0.2)}))
