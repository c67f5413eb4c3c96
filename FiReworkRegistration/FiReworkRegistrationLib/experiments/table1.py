"""Table 1: every method at its K, tested against the reference."""

from ..engine.networks.catalog import build_network
from ..training.evaluation import write_rows
from .report import bullets, circumstances, markdown_table, new_figure
from .study import Study
from .words import compared, direction, mean, short, spread


def make(study: Study) -> str:
    """Write ``table1.csv`` and ``table1.png``; return the Markdown."""
    methods = study.prepare(study.config.shown["table1"])
    reference = study.config.methods[study.config.reference]
    start = study.at(reference, 0)
    groups = {method.name: study.at(method, method.iterations) for method in methods}
    standard = groups[reference.name]
    peaks = {method.name: study.peak(method) for method in methods}
    rows = [_row("affine", None, 0, 0, start, start, standard)]
    for method in methods:
        rows.append(_row(method.name, method.training, method.iterations, _parameters(method), groups[method.name],
                         start, standard))  # fmt: skip
    write_rows(rows, study.folder / "table1.csv")
    _draw(methods, groups, start, study.folder / "table1.png")

    titles = ["Affine start", *(method.title for method in methods)]
    # Also at the K that suits a method best, as none is judged fairly past where it falls.
    highest = ["", *(f"{short(mean(study.at(m, peaks[m.name])))} at K = {peaks[m.name]}" for m in methods)]
    lines = [
        [title, f"{row['parameters']:,}" if row["parameters"] else "", str(row["K"]), str(row["stages"] or ""),
         f"{short(row['dice'])} ({short(row['dice_sd'])})", f"{row['folded']:.3f}", f"{row['seconds']:.2f}",
         row["against_reference"], best]
        for title, row, best in zip(titles, rows, highest)
    ]  # fmt: skip
    head = ["method", "parameters", "K", "stages in training", "Dice (sd)", "folded %", "s a pair"]
    head += [f"against {reference.title}", "highest of all K on these pairs"]
    return "\n\n".join([
        f"## Table 1, {study.config.title}", circumstances(study, methods), markdown_table(head, lines),
        bullets(_sentences(methods, groups)), f"![Dice of every pair]({study.folder.name}/table1.png)",
    ])  # fmt: skip


def _row(name, training, iterations, parameters, group, start, standard) -> dict:
    return {
        "method": name, "parameters": parameters, "K": iterations, "stages": training.stages if training else 0,
        "dice": mean(group), "dice_sd": spread(group), "folded": mean(group, "folded"),
        "seconds": mean(group, "seconds"), "gain": mean(group) - mean(start),
        "against_reference": "" if group is standard else compared(group, standard),
    }  # fmt: skip


def _parameters(method) -> int:
    settings = method.training
    network = build_network(settings.network, settings.network_settings, settings.field_scale)
    return sum(parameter.numel() for parameter in network.parameters())


def _sentences(methods, groups) -> list[str]:
    """Who is highest, and whether FiRework is above its own backbone, as the paper says."""
    highest = max(methods, key=lambda method: mean(groups[method.name]))
    words = [f"Highest mean Dice: {highest.title}, {short(mean(groups[highest.name]))}."]
    for method in methods:
        for plain in methods:
            if method.training.network == f"firework-{plain.training.network}":
                first, second = groups[method.name], groups[plain.name]
                outcome = {1: "above", -1: "below", 0: "neither above nor below"}[direction(first, second)]
                words.append(
                    f"{method.title} (K = {method.iterations}) is {outcome} {plain.title} (K = {plain.iterations}): "
                    f"{compared(first, second)}."
                )
    return words


def _draw(methods, groups, start, path) -> None:
    figure = new_figure(7, 3.6)
    axes = figure.subplots()
    values = [[row["dice"] for row in group.values()] for group in (start, *groups.values())]
    axes.boxplot(values, whis=(0, 100), medianprops={"color": "tab:orange"})
    labels = ["affine", *(f"{method.title}\nK = {method.iterations}" for method in methods)]
    axes.set_xticks(range(1, len(labels) + 1), labels, fontsize=7)
    axes.set(ylabel="Dice of a pair")
    figure.savefig(path, dpi=120)
