"""Table 1: every method at its K, tested against the reference."""

from ..engine.networks.catalog import build_network
from ..training.evaluation import write_rows
from .report import circumstances, markdown_table, new_figure
from .study import Study
from .words import compared, direction, mean, p_words, short, spread


def make(study: Study) -> str:
    """Write ``table1.csv`` and ``table1.png``; return the Markdown."""
    methods = study.prepare(study.config.shown["table1"])
    reference = study.config.methods[study.config.reference]
    start = study.at(reference, 0)
    groups = {method.name: study.at(method, method.iterations) for method in methods}
    standard = groups[reference.name]
    rows = [_row("affine", None, 0, 0, start, start, standard)]
    for method in methods:
        rows.append(_row(method.name, method.training, method.iterations, _parameters(method), groups[method.name],
                         start, standard))  # fmt: skip
    write_rows(rows, study.folder / "table1.csv")
    _draw(methods, groups, start, study.folder / "table1.png")

    titles = ["Affine start", *(method.title for method in methods)]
    lines = [
        [title, f"{row['parameters']:,}" if row["parameters"] else "", str(row["K"]), str(row["stages"] or ""),
         f"{short(row['dice'])} ({short(row['dice_sd'])})", f"{row['folded']:.3f}", f"{row['seconds']:.2f}", row["p"]]
        for title, row in zip(titles, rows)
    ]  # fmt: skip
    head = [
        "method",
        "parameters",
        "K",
        "stages a step",
        "Dice (sd)",
        "folded %",
        "s a pair",
        f"against {reference.title}",
    ]
    return "\n\n".join([
        f"## Table 1, {study.config.title}", circumstances(study, methods), markdown_table(head, lines),
        _sentences(methods, groups, reference), f"![Dice of every pair]({study.folder.name}/table1.png)",
    ])  # fmt: skip


def _row(name, training, iterations, parameters, group, start, standard) -> dict:
    return {
        "method": name, "parameters": parameters, "K": iterations, "stages": training.stages if training else 0,
        "dice": mean(group), "dice_sd": spread(group), "folded": mean(group, "folded"),
        "seconds": mean(group, "seconds"), "gain": mean(group) - mean(start),
        "p": "" if group is standard else p_words(group, standard),
    }  # fmt: skip


def _parameters(method) -> int:
    settings = method.training
    network = build_network(settings.network, settings.network_settings, settings.field_scale)
    return sum(parameter.numel() for parameter in network.parameters())


def _sentences(methods, groups, reference) -> str:
    highest = max(methods, key=lambda method: mean(groups[method.name]))
    words = [f"Highest mean Dice: {highest.title}, {short(mean(groups[highest.name]))}."]
    for method in methods:
        if method is not reference:
            outcome = compared(groups[reference.name], groups[method.name])
            words.append(f"{reference.title} against {method.title}: {outcome}.")
    others = [method for method in methods if method is not reference]
    beaten = [m for m in others if direction(groups[reference.name], groups[m.name]) > 0]
    words.append(f"{reference.title} is above {len(beaten)} of the {len(others)} other methods at this budget.")
    return " ".join(words)


def _draw(methods, groups, start, path) -> None:
    figure = new_figure(7, 3.6)
    axes = figure.subplots()
    values = [[row["dice"] for row in group.values()] for group in (start, *groups.values())]
    axes.boxplot(values, whis=(0, 100), medianprops={"color": "tab:orange"})
    labels = ["affine", *(f"{method.title}\nK = {method.iterations}" for method in methods)]
    axes.set_xticks(range(1, len(labels) + 1), labels, fontsize=7)
    axes.set(ylabel="Dice of a pair")
    figure.savefig(path, dpi=120)
