"""What was measured: a row a method, pair and K, in ``rows.csv``."""

import csv
from pathlib import Path

from ..engine.errors import RegistrationError
from ..engine.whole_files import in_one_move
from ..training.evaluation import write_rows

FIGURES = ("dice", "folded", "seconds")


class Rows:
    """Rows of one file, written at every :meth:`add`.

    Each is {"method", "pair", "K", "dice", "folded", "seconds"}; ``method`` is that of the weights.

    :raises RegistrationError: the file exists and is something else.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._rows = self._read() if self.path.exists() else []

    def add(self, rows: list[dict]) -> None:
        """Rows of one method and pair, in place of those that it has."""
        new = {(row["method"], row["pair"]) for row in rows}
        with in_one_move(self.path) as part:
            write_rows([row for row in self._rows if (row["method"], row["pair"]) not in new] + rows, part)
        # With the digits of the file: a later call must come to the same figures.
        self._rows = self._read()

    def _read(self) -> list[dict]:
        try:
            with self.path.open(newline="", encoding="utf-8") as file:
                return [
                    {"method": row["method"], "pair": row["pair"], "K": int(row["K"]),
                     **{name: float(row[name]) for name in FIGURES}}
                    for row in csv.DictReader(file)
                ]  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RegistrationError(f"'{self.path}' holds no rows of an experiment ({error!r}).") from error

    def at(self, method: str, iteration: int) -> dict[str, dict]:
        """Pair to row."""
        return {row["pair"]: row for row in self._rows if row["method"] == method and row["K"] == iteration}

    def has(self, method: str, pair: str, iterations: int) -> bool:
        """Whether a pair was judged at K = 0 to ``iterations``."""
        return all(pair in self.at(method, index) for index in range(iterations + 1))
