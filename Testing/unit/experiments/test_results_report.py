from FiReworkRegistrationLib.experiments.report import circumstances, markdown_table, write_section


def test_sections_are_replaced_in_place(tmp_path):
    path = tmp_path / "RESULTS.md"
    write_section(path, "a table1", "first")
    write_section(path, "a fig5", r"two \1")
    whole = path.read_text()
    assert whole.startswith("# Experiments") and whole.index("first") < whole.index(r"two \1")
    write_section(path, "a table1", "three")
    assert path.read_text() == whole.replace("first", "three", 1)


def test_markdown_table():
    assert markdown_table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_sample_budget_and_machine_are_said(judged_study):
    study = judged_study({"vm": (0.4, 0.5, 0.5, 0.5)})
    words = circumstances(study, [study.config.methods["vm"]])
    assert "n = 8 dev pairs" in words and "4 steps of one pair (16x16x16 voxels, fp32" in words
    assert "2 subjects, seed 24" in words and "Trained and judged on an abacus." in words
