"""Rows of figures as a CSV file that a benchmark rewrites after every case, so that a stopped one goes on."""

import csv
from pathlib import Path


def read_rows(path: Path | None) -> list[dict]:
    """Rows of an earlier, perhaps unfinished call; figures as texts. None where there is no file, or none is wanted."""
    if path is None or not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(rows: list[dict], path: Path | None) -> None:
    """All rows, which have the same columns; nothing if ``path`` is None."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
