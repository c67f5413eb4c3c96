"""Fig. 5: what every stage adds to Dice."""

from ..training.evaluation import write_rows
from .report import bullets, circumstances, markdown_table, new_figure
from .study import Study
from .words import direction, mean, p_words, short


def make(study: Study) -> str:
    """Write ``fig5.csv`` and ``fig5.png``; return the Markdown."""
    methods = study.prepare(study.config.shown["fig5"])
    stages = range(1, study.config.iterations + 1)
    rows, signs = [], {}
    for method in methods:
        for index in stages:
            now, before = study.at(method, index), study.at(method, index - 1)
            signs[method.name, index] = direction(now, before)
            rows.append({
                "method": method.name, "K": index, "gain": mean(now) - mean(before), "p": p_words(now, before),
            })  # fmt: skip
    write_rows(rows, study.folder / "fig5.csv")
    gains = {(row["method"], row["K"]): row for row in rows}
    _draw(methods, stages, gains, study.folder / "fig5.png")

    lines = [
        [
            str(index),
            *(f"{short(gains[m.name, index]['gain'], sign=True)} ({gains[m.name, index]['p']})" for m in methods),
        ]
        for index in stages
    ]
    words = [_sentence(method, stages, gains, signs) for method in methods]
    return "\n\n".join([
        f"## Fig. 5, Dice gain of every stage, {study.config.title}", circumstances(study, methods),
        markdown_table(["stage", *(method.title for method in methods)], lines), bullets(words),
        f"![Dice gain of every stage]({study.folder.name}/fig5.png)",
    ])  # fmt: skip


def _sentence(method, stages, gains, signs) -> str:
    """Up to where each stage helps, and what the one after it does."""
    helping = 0
    while helping < len(stages) and signs[method.name, helping + 1] > 0:
        helping += 1
    trained = f"{method.title} (trained with {method.training.stages})"
    if helping == len(stages):
        return f"{trained}: every stage to the last raises Dice."
    after = gains[method.name, helping + 1]
    change = "lowers it" if signs[method.name, helping + 1] < 0 else "is not told apart from none"
    start = (
        f"stages 1 to {helping} raise Dice" if helping > 1 else "stage 1 raises Dice" if helping else "no stage helps"
    )
    return f"{trained}: {start}; stage {after['K']} {change} ({short(after['gain'], sign=True)}, {after['p']})."


def _draw(methods, stages, gains, path) -> None:
    figure = new_figure(6, 3.4)
    axes = figure.subplots()
    width = 0.8 / len(methods)
    for number, method in enumerate(methods):
        places = [index + (number - (len(methods) - 1) / 2) * width for index in stages]
        axes.bar(places, [gains[method.name, index]["gain"] for index in stages], width, label=method.title)
    axes.axhline(0, color="0.3", linewidth=0.8)
    axes.set(xlabel="stage", ylabel="gain in mean Dice")
    axes.legend()
    figure.savefig(path, dpi=120)
