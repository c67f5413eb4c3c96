"""RESULTS.md, its sections and tables, and the CSV and PNG files beside it."""

import re
from pathlib import Path

from ..engine.errors import RegistrationError
from .config import Method
from .study import Study
from .words import count_of

_HEAD = """# Experiments

Written by `python -m FiReworkRegistrationLib experiments`, section by section; what stands here is replaced by the
next call. Rows of different budgets never stand in one table.
"""


def write_section(path, key: str, text: str) -> None:
    """Replace the section ``key`` of a Markdown file, or add it at the end."""
    path = Path(path)
    content = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    begin, end = f"<!-- {key} -->", f"<!-- end of {key} -->"
    section = f"{begin}\n{text.strip()}\n{end}\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end) + "\n?", re.DOTALL)
    if pattern.search(content):
        content = pattern.sub(lambda _: section, content, count=1)
    else:
        content = f"{content.rstrip()}\n\n{section}"
    path.write_text(content, encoding="utf-8")


def markdown_table(head: list[str], lines: list[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def bullets(sentences: list[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def circumstances(study: Study, methods: list[Method]) -> str:
    """Sample, budget and machines: what must be known before a figure is read."""
    training = methods[0].training
    names = [method.name for method in methods]
    where = {what: study.record.machines(study.config, names, what) for what in ("trained", "judged")}
    crop = "x".join(str(size) for size in training.crop or training.shape)
    machines = f"Trained and judged on {where['trained']}"
    if where["judged"] != where["trained"]:
        machines = f"Trained on {where['trained']}, judged on {where['judged']}"
    left_out = "".join(f"Left out: {name} ({reason}). " for name, reason in study.config.left_out.items())
    return (
        f"n = {count_of(len(study.pair_names()), 'dev pair')}, never trained on, at {training.spacing:g} mm from the "
        f"affine alignment of label centroids. Budget of every training: {count_of(training.steps, 'step')} of one "
        f"pair ({crop} voxels, {training.precision}, learning rate {training.learning_rate:g}, NCC window "
        f"{training.ncc_window}, smoothness {training.smoothness:g}, "
        f"{count_of(len(study.record.subjects('training')), 'subject')}, seed {training.seed}), weights of the last "
        f"step. {machines}. {left_out}p: paired Wilcoxon tests of Dice, two-sided, not corrected for their number."
    )


def new_figure(width: float, height: float):
    """A matplotlib figure that needs no display.

    :raises RegistrationError: matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise RegistrationError("Figures need the package matplotlib; pip install it.") from error
    return Figure(figsize=(width, height), layout="constrained")
