from FiReworkRegistrationLib.training.log import TrainingLog


def test_half_a_line_at_the_end_does_not_keep_a_run_from_going_on(tmp_path):
    log = TrainingLog(tmp_path)
    for step in range(1, 5):
        log.add(step, loss=0.5, ncc=0.25)
    log.flush()
    path = tmp_path / "log.csv"
    for rest in ("\r\n4", "\r\n4,", "\r\n4,0.5,", "\r\n4,0.5,0.2e"):
        path.write_text("step,loss,ncc\r\n1,0.5,0.25\r\n2,0.5,0.25\r\n3,0.5,0.25" + rest, newline="")
        again = TrainingLog(tmp_path)
        again.truncate(2)
        again.add(3, loss=0.1, ncc=0.2)
        again.flush()
        assert [row["step"] for row in TrainingLog(tmp_path).read("log")] == [1, 2, 3]
        assert not list(tmp_path.glob("*.part"))


def test_half_of_the_only_line_is_no_line(tmp_path):
    (tmp_path / "dev.csv").write_text("step,dice_0,dice_1\r\n300,0.5", newline="")
    log = TrainingLog(tmp_path)
    log.truncate(0)
    log.add_dev(300, dice_0=0.5, dice_1=0.6)
    assert TrainingLog(tmp_path).best()["dice_1"] == 0.6
