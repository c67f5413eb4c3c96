"""Which images of a cohort belong together: a folder or a CSV table, split by person."""

import csv
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..engine.errors import RegistrationError

VOLUME_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
IMAGE_MARK, LABEL_MARK, MASK_MARK = "_t1", "_seg", "_mask"
COLUMNS = ("subject", "image", "labels", "mask")


@dataclass(frozen=True)
class Entry:
    """One image. :param person: who was scanned; all images of a person lie on one side of a split."""

    person: str
    image: Path
    labels: Path | None = None
    mask: Path | None = None
    folder: str = ""  # of the image, where the person has another one of the same name

    @property
    def name(self) -> str:
        stem = _stem(self.image).removesuffix(IMAGE_MARK)
        if self.folder:
            return f"{self.person} {self.folder} {stem}"
        return stem if stem.startswith(self.person) else f"{self.person} {stem}"


def find_entries(path) -> list[Entry]:
    """Images of a folder, in the order of names, or the rows of a CSV file.

    In a folder, ``X_seg`` and ``X_mask`` beside ``X_t1`` or ``X`` are its labels and mask, with any of
    ``VOLUME_ENDINGS``; where there are images named ``X_t1``, only those count. The person is X, or of BIDS names
    such as ``sub-01_ses-2_T1w`` the ``sub-01``. A CSV file has the columns subject and image and, as wanted, labels
    and mask; its paths are relative to it.

    :raises RegistrationError: nothing there, a column missing, a file that a row names missing, an image named twice.
    """
    path = Path(path)
    entries = _of_table(path) if path.suffix.lower() == ".csv" else _of_folder(path)
    count = Counter(entry.name for entry in entries)
    entries = [
        entry if count[entry.name] == 1 else replace(entry, folder=entry.image.parent.as_posix()) for entry in entries
    ]
    seen = set()
    for entry in entries:
        if entry.name in seen:
            raise RegistrationError(f"{path} names image '{entry.image}' of '{entry.person}' twice; leave one out.")
        seen.add(entry.name)
    return entries


def split_by_person(entries: list[Entry], share: float, seed: int, most: int) -> tuple[list[Entry], list[Entry]]:
    """Training and dev entries; which persons are dev follows from the seed alone.

    :param share: of the persons that are dev, above 0 and below 1; both sides get two or more, as they make pairs.
    :param most: persons that are dev, whatever the share.
    :raises RegistrationError: another share, or fewer than four persons.
    """
    persons = sorted({entry.person for entry in entries})
    if not 0 < share < 1:
        raise RegistrationError(f"The share of dev subjects is {share:g}; choose one between 0 and 1, such as 0.1.")
    if len(persons) < 4:
        raise RegistrationError(
            f"{len(persons)} subjects cannot be split into training and dev, two each; add others, or train without "
            "dev subjects."
        )
    count = min(max(2, min(round(share * len(persons)), most)), len(persons) - 2)
    drawn = set(np.random.default_rng(seed).permutation(persons)[:count].tolist())
    return [e for e in entries if e.person not in drawn], [e for e in entries if e.person in drawn]


def check_persons(training: list[Entry], dev: list[Entry]) -> None:
    """:raises RegistrationError: an image of a dev person is trained on."""
    both = sorted({entry.person for entry in training} & {entry.person for entry in dev})
    if both:
        raise RegistrationError(f"'{both[0]}' is among the training and the dev subjects; leave images of it out.")


def _of_folder(folder: Path) -> list[Entry]:
    stems = {}
    for file in sorted(folder.glob("*")):
        if file.name.lower().endswith(VOLUME_ENDINGS):
            stems.setdefault(_stem(file), file)
    images = [stem for stem in stems if stem.endswith(IMAGE_MARK)]
    images = images or [stem for stem in stems if not stem.endswith((LABEL_MARK, MASK_MARK))]
    entries = []
    for stem in images:
        base = stem.removesuffix(IMAGE_MARK)
        person = base.split("_")[0] if base.startswith("sub-") else base
        entries.append(Entry(person, stems[stem], stems.get(base + LABEL_MARK), stems.get(base + MASK_MARK)))
    if not entries:
        raise RegistrationError(f"{folder}: holds no volume ({', '.join(VOLUME_ENDINGS)}).")
    return entries


def _of_table(path: Path) -> list[Entry]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), reader.fieldnames or []
    except (OSError, ValueError) as error:
        raise RegistrationError(f"Table '{path}' cannot be read ({error}).") from error
    if not {"subject", "image"} <= set(columns):
        raise RegistrationError(
            f"Table '{path}' has the columns {', '.join(columns) or '(none)'}; it needs subject and image, and may "
            "have labels and mask."
        )
    entries = []
    for line, row in enumerate(rows, start=2):
        files = {key: path.parent / row[key].strip() for key in COLUMNS[1:] if (row.get(key) or "").strip()}
        if "image" not in files or not (row["subject"] or "").strip():
            raise RegistrationError(f"Table '{path}', line {line}: subject or image is empty; fill it in or delete it.")
        for key, file in files.items():
            if not file.exists():
                raise RegistrationError(
                    f"Table '{path}', line {line}: {key} '{file}' does not exist; correct its path."
                )
        entries.append(Entry(row["subject"].strip(), **files))
    if not entries:
        raise RegistrationError(f"Table '{path}' has no rows; name a subject and an image in each.")
    return entries


def _stem(file: Path) -> str:
    name = file.name
    ending = next((ending for ending in VOLUME_ENDINGS if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)]
