"""Fig. 6: the refinement of one pair as a strip of pictures."""

import numpy as np

from ..engine.fields import jacobian_determinant
from ..engine.warping import warp
from ..training.evaluation import write_rows
from .report import circumstances, markdown_table, new_figure
from .study import Study
from .words import short

#: Stages that are drawn, as far as the experiment goes.
DRAWN = (0, 1, 2, 4, 8)


def make(study: Study) -> str:
    """Write ``fig6.csv`` and, a method each, ``fig6-METHOD.png``; return the Markdown."""
    methods = study.prepare(study.config.shown["fig6"])
    rows, parts = [], []
    for method in methods:
        # The network is there only if this machine trained it, not if the rows came with the repository.
        study.train(method)
        name, pair, iterations = study.judged(method, 0)
        columns = []
        for judged in iterations:
            row = {"method": method.name, "pair": name, "K": judged.iteration, "dice": judged.dice,
                   "folded": judged.folded, **_figures(judged.field, pair.fixed)}  # fmt: skip
            rows.append(row)
            if judged.iteration in DRAWN:
                columns.append((judged.iteration, *_planes(pair, judged.field)))
        picture = f"fig6-{method.name}.png"
        _draw(_slice(pair.fixed), columns, study.folder / picture)
        own = [row for row in rows if row["method"] == method.name]
        parts += [_words(method, own), f"![Refinement by {method.title}]({study.folder.name}/{picture})"]
    write_rows(rows, study.folder / "fig6.csv")
    head = ["method", "K", "Dice", "folded %", "longest displacement, voxels", "least determinant"]
    lines = [
        [row["method"], str(row["K"]), short(row["dice"]), f"{row['folded']:.3f}", f"{row['longest']:.2f}",
         f"{row['least']:.2f}"]
        for row in rows
    ]  # fmt: skip
    return "\n\n".join([
        f"## Fig. 6, refinement of {rows[0]['pair']}, {study.config.title}", circumstances(study, methods),
        *parts, markdown_table(head, lines),
    ])  # fmt: skip


def _figures(field, fixed) -> dict:
    inside = fixed[0, 0] > 0
    return {
        "longest": field[0].norm(dim=0)[inside].max().item(),
        "least": jacobian_determinant(field)[0, 0][inside].min().item(),
    }


def _words(method, rows) -> str:
    best = max(rows, key=lambda row: row["dice"])
    return (
        f"{method.title}: Dice of this one pair from {short(rows[0]['dice'])} at K = 0 to {short(rows[-1]['dice'])} at "
        f"K = {rows[-1]['K']}, highest at K = {best['K']} ({short(best['dice'])}); folded voxels "
        f"{rows[-1]['folded']:.3f} % at the end. Rows: warped moving image, length of the field in voxels with the "
        "deformed grid, Jacobian determinant (red is larger in the moving image, blue smaller, magenta is folded)."
    )


def _slice(volume):
    """The middle axial plane of (1, 1, D, H, W), front up, the patient's right on the left."""
    return volume[0, 0, volume.shape[2] // 2].flip(0, 1).cpu().numpy()


def _planes(pair, field):
    return (
        _slice(warp(pair.moving, field)),
        _slice(field.norm(dim=1, keepdim=True)),
        _slice(jacobian_determinant(field)),
        *(_slice(field[:, axis : axis + 1]) for axis in (1, 2)),
    )


def _draw(fixed, columns, path) -> None:
    figure = new_figure(1.9 * (len(columns) + 1), 6.2)
    axes = figure.subplots(3, len(columns) + 1)
    for axis in axes.flat:
        axis.axis("off")
    axes[0, 0].imshow(fixed, cmap="gray", vmin=0, vmax=1)
    axes[0, 0].set_title("fixed", fontsize=9)
    longest = max(length.max() for _, _, length, *_ in columns) or 1.0
    j, i = np.meshgrid(*(np.arange(size)[::-1] for size in fixed.shape), indexing="ij")
    for (index, warped, length, determinant, along_j, along_i), column in zip(columns, axes.T[1:]):
        column[0].set_title(f"K = {index}", fontsize=9)
        column[0].imshow(warped, cmap="gray", vmin=0, vmax=1)
        lengths = column[1].imshow(length, cmap="viridis", vmin=0, vmax=longest)
        for position in (j + along_j, i + along_i):
            column[1].contour(position, np.arange(0, position.max(), 5), colors="white", linewidths=0.4)
        colors = column[2].imshow(determinant, cmap="RdBu_r", vmin=0, vmax=2)
        rows, places = np.nonzero(determinant <= 0)
        column[2].plot(places, rows, "s", color="magenta", markersize=1.5, linestyle="none")
    figure.colorbar(lengths, ax=axes[1, 0], location="left", fraction=0.9)
    figure.colorbar(colors, ax=axes[2, 0], location="left", fraction=0.9)
    figure.savefig(path, dpi=110)
