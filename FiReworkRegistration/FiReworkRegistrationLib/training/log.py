"""The record of a run: ``log.csv`` a row a step, ``dev.csv`` a row an evaluation, ``curve.png``."""

import csv
from contextlib import suppress
from pathlib import Path

from ..engine.errors import RegistrationError
from ..engine.whole_files import in_one_move


class TrainingLog:
    """Rows are kept in memory and appended to the files at :meth:`flush`.

    :param writes: whether the files are this process's to write; of several that train together only the first one's.
    """

    def __init__(self, folder, writes=True):
        self.folder, self._writes = Path(folder), writes
        self.rows = {"log": [], "dev": []}
        self._written = {"log": 0, "dev": 0}

    def add(self, step: int, **figures: float) -> None:
        self.rows["log"].append({"step": step, **figures})

    def add_dev(self, step: int, **figures: float) -> None:
        self.rows["dev"].append({"step": step, **figures})
        self.flush()

    def recent(self, count=50) -> str:
        """Mean of the last rows, for the progress line."""
        rows = self.rows["log"][-count:]
        return "  ".join(f"{key} {sum(r[key] for r in rows) / len(rows):.4g}" for key in rows[-1] if key != "step")

    def flush(self) -> None:
        if not self._writes:
            return
        for name, rows in self.rows.items():
            new = rows[self._written[name] :]
            if not new:
                continue
            path = self.folder / f"{name}.csv"
            header = not path.exists()
            with path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, fieldnames=list(new[0]))
                if header:
                    writer.writeheader()
                writer.writerows(new)
            self._written[name] = len(rows)

    def forget(self) -> None:
        """Of a run that begins: rows of one that came to no checkpoint are not its own."""
        for name in self.rows:
            (self.folder / f"{name}.csv").unlink(missing_ok=True)

    def truncate(self, step: int) -> None:
        """After a resume: read the rows back, dropping those past the checkpoint."""
        if not self._writes:
            return
        for name in self.rows:
            path = self.folder / f"{name}.csv"
            if not (rows := self.read(name)):
                # Without a whole row, half of one would spoil the next.
                path.unlink(missing_ok=True)
                continue
            self.rows[name] = [row for row in rows if row["step"] <= step]
            self._written[name] = len(self.rows[name])
            with in_one_move(path) as part, part.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(self.rows[name])

    def read(self, name: str) -> list[dict]:
        """The rows of ``log.csv`` or ``dev.csv`` as they are on disk; none where there is no file."""
        path = self.folder / f"{name}.csv"
        if not path.exists():
            return []
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        rows = [_numbers(line) for line in lines[:-1]]
        # A process that is killed while it writes leaves half a line.
        with suppress(TypeError, ValueError):
            rows += [_numbers(line) for line in lines[-1:]]
        return [{**row, "step": int(row["step"])} for row in rows]

    def best(self) -> dict[str, float]:
        """The dev row of the highest Dice (or NCC, without labels) after the last iteration, read from ``dev.csv``.

        :raises RegistrationError: there is none.
        """
        rows = self.read("dev")
        if not rows:
            raise RegistrationError(f"'{self.folder / 'dev.csv'}' does not exist; train with dev subjects first.")
        judged = (key for key in rows[0] if key.startswith(("dice_", "ncc_")))
        deepest = max(judged, key=lambda key: int(key.split("_")[1]))
        return max(rows, key=lambda row: row[deepest])

    def plot(self) -> None:
        """Loss and dev Dice against the step; skipped where matplotlib is absent."""
        try:
            from matplotlib.figure import Figure
        except ImportError:
            return
        figure = Figure(figsize=(9, 3.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        steps, losses = [r["step"] for r in self.rows["log"]], [r["loss"] for r in self.rows["log"]]
        width = max(1, len(losses) // 200)
        blocks = range(0, len(losses) - width + 1, width)
        left.plot([steps[b] for b in blocks], [sum(losses[b : b + width]) / width for b in blocks])
        left.set(xlabel="step", ylabel="loss", title="Training loss")
        labelled = "dice_0" in (self.rows["dev"] or [{}])[0]
        for key in (k for k in (self.rows["dev"] or [{}])[0] if k.startswith(("dice", "ncc"))):
            dev = self.rows["dev"]
            right.plot([r["step"] for r in dev], [r[key] for r in dev], label=f"K = {key.split('_')[1]}")
        right.set(xlabel="step", ylabel="mean Dice" if labelled else "local NCC", title="Dev subjects")
        if self.rows["dev"]:
            right.legend()
        figure.savefig(self.folder / "curve.png", dpi=110)


def _numbers(line: dict) -> dict[str, float]:
    return {name: float(value) for name, value in line.items()}
