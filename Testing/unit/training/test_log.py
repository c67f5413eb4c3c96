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
