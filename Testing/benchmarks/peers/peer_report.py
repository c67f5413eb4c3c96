"""Table and plot of a comparison with peers."""

from pathlib import Path

import numpy as np

#: The others are tested against the first of these that has rows.
REFERENCES = ("best", "balanced")


def by_method(rows: list[dict]) -> dict[str, dict[str, dict]]:
    """Method to pair to row, without the rows that failed."""
    groups: dict[str, dict[str, dict]] = {}
    for row in rows:
        if not row["error"]:
            groups.setdefault(row["method"], {})[row["pair"]] = row
    return groups


def table(rows: list[dict]) -> str:
    """Markdown: means over pairs and a paired Wilcoxon test of Dice against the preset "best", or "balanced"."""
    groups = by_method(rows)
    reference = next((name for name in REFERENCES if name in groups), REFERENCES[0])
    other = groups.get(reference, {})
    head = f"| method | n | Dice (sd) | folded % | NDV % | CPU s | wall s | p against {reference} |"
    lines = [head, "|" + "---|" * 8]
    for method, group in sorted(groups.items(), key=lambda item: _mean(item[1], "dice")):
        spread = float(np.std([float(row["dice"]) for row in group.values()]))
        lines.append(
            f"| {method} | {len(group)} | {_mean(group, 'dice'):.4f} ({spread:.4f}) | {_mean(group, 'folded'):.4f} | "
            f"{_mean(group, 'ndv'):.4f} | {_time(group, 'cpu')} | {_time(group, 'wall')} | {_p(group, other)} |"
        )
    failed = [row for row in rows if row["error"]]
    lines += [f"\nfailed: {row['method']}, {row['pair']}: {row['error']}" for row in failed]
    return "\n".join(lines)


def write_report(rows: list[dict], folder: Path) -> str:
    """``table.md`` and ``plot.png`` (Dice against CPU seconds).

    :return: the table.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    text = table(rows)
    (Path(folder) / "table.md").write_text(text + "\n", encoding="utf-8")
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for method, group in by_method(rows).items():
        if method == "affine":
            axes.axhline(_mean(group, "dice"), color="0.6", linestyle=":", label="affine")
            continue
        x, y = _mean(group, "cpu"), _mean(group, "dice")
        axes.plot(x, y, "o")
        axes.annotate(method, (x, y), xytext=(5, 4), textcoords="offset points")
    axes.set(xscale="log", xlabel="CPU seconds of the deformable step", ylabel="mean Dice")
    figure.savefig(Path(folder) / "plot.png", dpi=120)
    plt.close(figure)
    return text


def write_curve(rows: list[dict], states: list[dict], path: Path) -> None:
    """Dice and folding of the network against K, with the peers as horizontal lines.

    :param states: rows of an evaluation of the network alone, one a pair and K; only pairs of ``rows`` count.
    """
    from matplotlib.figure import Figure

    pairs = {row["pair"].replace(".nii.gz", "") for row in rows}
    by_iteration: dict[int, list[dict]] = {}
    for state in states:
        if state["pair"] in pairs:
            by_iteration.setdefault(state["iteration"], []).append(state)
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, name, label in zip(
        figure.subplots(1, 2), ("dice", "folded"), ("mean Dice", "folded voxels, %"), strict=True
    ):
        iterations = sorted(by_iteration)
        axes.plot(iterations, [_mean(by_iteration[k], name) for k in iterations], "o-", label="network alone")
        for number, (method, group) in enumerate(by_method(rows).items()):
            axes.axhline(_mean(group, name), color=f"C{number + 1}", linestyle="--", linewidth=1, label=method)
        axes.set(xlabel="K", ylabel=label)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)


def _mean(group, name) -> float:
    rows = group.values() if isinstance(group, dict) else group
    return float(np.mean([float(row[name]) for row in rows]))


def _time(group, name) -> str:
    return "" if any(row[name] == "" for row in group.values()) else f"{_mean(group, name):.0f}"


def _p(group, other) -> str:
    from scipy.stats import wilcoxon

    differences = [float(group[pair]["dice"]) - float(other[pair]["dice"]) for pair in group if pair in other]
    if group is other or len(differences) < 5 or not any(differences):
        return ""
    return f"{wilcoxon(differences).pvalue:.2g}"
