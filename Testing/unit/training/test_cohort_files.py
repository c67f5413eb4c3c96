import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.training.cohort_files import Entry, find_entries, split_by_person


def touch(folder, *names):
    for name in names:
        (folder / name).touch()


def test_a_folder_of_t1_keeps_its_meaning(tmp_path):
    touch(tmp_path, "b_t1.nii.gz", "a_t1.nii.gz", "a_seg.nii.gz", "a_mask.nrrd", "a_flair.nii.gz", "notes.txt")
    first, second = find_entries(tmp_path)
    assert first == Entry("a", tmp_path / "a_t1.nii.gz", tmp_path / "a_seg.nii.gz", tmp_path / "a_mask.nrrd")
    assert second == Entry("b", tmp_path / "b_t1.nii.gz") and second.name == "b"


def test_a_folder_of_any_volumes(tmp_path):
    touch(tmp_path, "x.nrrd", "x_seg.nii.gz", "sub-01_ses-1_T1w.nii", "sub-01_ses-2_T1w.nii", "y.mha")
    entries = find_entries(tmp_path)
    assert [entry.person for entry in entries] == ["sub-01", "sub-01", "x", "y"]
    assert [entry.name for entry in entries] == ["sub-01_ses-1_T1w", "sub-01_ses-2_T1w", "x", "y"]
    assert entries[2].labels == tmp_path / "x_seg.nii.gz"


def test_a_table(tmp_path):
    touch(tmp_path, "1.nii.gz", "2.nii.gz", "2l.nii.gz")
    (tmp_path / "t.csv").write_text("subject,image,labels\nAnn,1.nii.gz,\nAnn,2.nii.gz,2l.nii.gz\n")
    first, second = find_entries(tmp_path / "t.csv")
    assert (first.name, first.labels, second.labels) == ("Ann 1", None, tmp_path / "2l.nii.gz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("person,image\nA,1.nii.gz\n", "columns person, image; it needs subject"),
        ("subject,image\nA,\n", "line 2: subject or image is empty"),
        ("subject,image\nA,1.nii.gz\nB,9.nii.gz\n", "line 3: image '.*9.nii.gz'"),
        ("subject,image\n", "has no rows"),
        ("subject,image\nA,1.nii.gz\nA,1.nii.gz\n", "twice"),
    ],
)
def test_bad_tables_name_the_line_and_the_remedy(tmp_path, text, message):
    touch(tmp_path, "1.nii.gz")
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(RegistrationError, match=message):
        find_entries(tmp_path / "t.csv")


def test_no_table_and_an_empty_folder(tmp_path):
    with pytest.raises(RegistrationError, match="cannot be read"):
        find_entries(tmp_path / "none.csv")
    with pytest.raises(RegistrationError, match="holds no volume"):
        find_entries(tmp_path)


def test_a_person_is_on_one_side_and_the_seed_decides_which(tmp_path):
    entries = [Entry(f"P{n // 2}", tmp_path / f"{n}.nii.gz") for n in range(20)]
    training, dev = split_by_person(entries, 0.3, 1, 9)
    assert len(training) == 14 and len(dev) == 6
    assert not {entry.person for entry in training} & {entry.person for entry in dev}
    assert split_by_person(entries, 0.3, 1, 9) == (training, dev) != split_by_person(entries, 0.3, 2, 9)
    assert len({entry.person for entry in split_by_person(entries, 0.5, 1, 3)[1]}) == 3
    assert len(split_by_person(entries, 0.001, 1, 9)[1]) == len(split_by_person(entries, 0.99, 1, 9)[0]) == 4


@pytest.mark.parametrize(
    ("share", "count", "message"), [(0, 4, "between 0 and 1"), (0.5, 3, "3 subjects cannot be split")]
)
def test_what_cannot_be_split(tmp_path, share, count, message):
    with pytest.raises(RegistrationError, match=message):
        split_by_person([Entry(f"P{n}", tmp_path / "x.nii") for n in range(count)], share, 0, 9)


def test_the_usual_layout_of_sessions_has_images_of_one_name(tmp_path):
    for session in ("ses-1", "ses-2"):
        (tmp_path / "sub-01" / session).mkdir(parents=True)
        touch(tmp_path / "sub-01" / session, "T1.nii.gz")
    (tmp_path / "t.csv").write_text("subject,image\nsub-01,sub-01/ses-1/T1.nii.gz\nsub-01,sub-01/ses-2/T1.nii.gz\n")
    first, second = find_entries(tmp_path / "t.csv")
    assert first.name != second.name and "ses-1" in first.name and first.person == second.person == "sub-01"
