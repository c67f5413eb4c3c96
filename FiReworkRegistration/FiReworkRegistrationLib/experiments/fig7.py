"""Fig. 7: Dice against K, past the number of stages of the training."""

from ..training.evaluation import write_rows
from .report import bullets, circumstances, markdown_table, new_figure
from .study import Study
from .words import compared, direction, mean, short, spread


def make(study: Study) -> str:
    """Write ``fig7.csv`` and ``fig7.png``; return the Markdown."""
    methods = study.prepare(study.config.shown["fig7"])
    iterations = range(study.config.iterations + 1)
    groups = {(method.name, index): study.at(method, index) for method in methods for index in iterations}
    write_rows(
        [
            {"method": name, "K": index, "dice": mean(group), "dice_sd": spread(group), "folded": mean(group, "folded")}
            for (name, index), group in groups.items()
        ],
        study.folder / "fig7.csv",
    )
    _draw(methods, iterations, groups, study.folder / "fig7.png")
    lines = [
        [
            str(index),
            *(f"{short(mean(groups[m.name, index]))} ({mean(groups[m.name, index], 'folded'):.2f} %)" for m in methods),
        ]
        for index in iterations
    ]
    words = [_sentence(method, study.peak(method), iterations[-1], groups) for method in methods]
    words += _against_the_reference(study, methods, groups)
    return "\n\n".join([
        f"## Fig. 7, Dice against K, {study.config.title}", circumstances(study, methods),
        markdown_table(["K", *(f"{method.title} (folded)" for method in methods)], lines), bullets(words),
        f"![Dice against K]({study.folder.name}/fig7.png)",
    ])  # fmt: skip


def _sentence(method, peak, last, groups) -> str:
    """Where a method peaks, and what the stages past its training do."""
    trained = method.training.stages
    words = f"{method.title} is highest at K = {peak} ({short(mean(groups[method.name, peak]))})"
    if peak != last:
        words += f"; at K = {last} it is {compared(groups[method.name, last], groups[method.name, peak])}"
    if trained < last:
        end, depth = groups[method.name, last], groups[method.name, trained]
        trend = {1: "goes on rising", -1: "falls", 0: "neither rises nor falls"}[direction(end, depth)]
        words += (
            f". Past its training depth (K = {trained}) it {trend}: K = {last} against K = {trained} is "
            f"{compared(end, depth)}"
        )
    return words + "."


def _against_the_reference(study, methods, groups) -> list[str]:
    reference, last = study.config.methods[study.config.reference], study.config.iterations
    if reference not in methods:
        return []
    words, trained = [], reference.training.stages
    if trained < last and reference.training.network.startswith("firework-"):
        holds = direction(groups[reference.name, last], groups[reference.name, trained]) > 0
        words.append(
            f"That {reference.title} goes on improving past its training depth, as the paper's Fig. 7 has it, "
            f"{'holds' if holds else 'does not hold'} here."
        )
    peak = study.peak(reference)
    for method in methods:
        if method is not reference:
            best = study.peak(method)
            words.append(
                f"{reference.title} against {method.title}: at K = {last} "
                f"{compared(groups[reference.name, last], groups[method.name, last])}; each at its highest "
                f"(K = {peak} and K = {best}, chosen on these pairs) "
                f"{compared(groups[reference.name, peak], groups[method.name, best])}."
            )
    return words


def _draw(methods, iterations, groups, path) -> None:
    figure = new_figure(9, 4)
    left, right = figure.subplots(1, 2)
    for method in methods:
        line = [groups[method.name, index] for index in iterations]
        left.plot(iterations, [mean(group) for group in line], "o-", label=method.title, markersize=3)
        right.plot(iterations, [mean(group, "folded") for group in line], "o-", label=method.title, markersize=3)
    left.set(xlabel="K", ylabel="mean Dice")
    right.set(xlabel="K", ylabel="folded voxels, %")
    right.set_ylim(bottom=0)
    # Below both: seven lines leave no room among them.
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=120)
