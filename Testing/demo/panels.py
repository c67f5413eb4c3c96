"""The parts of the report: three rows of slices, and curves over the iterations."""

import numpy as np

from FiReworkRegistrationLib.engine.state_names import state_name
from report import Report, gray_match
from slices import VIEWS, Slicer

#: mm between the lines of the deformed grid.
GRID_MM = 8.0
SMALL, MEDIUM = 12, 14
FOLDED = "#ff00ff"


def _state(iterations) -> str:
    """What the last one is called."""
    name = state_name(iterations, len(iterations) - 1)
    return name if iterations[-1].polished else f"K = {name}"


def draw_rows(figure, report: Report) -> None:
    """Axial, coronal and sagittal slices of everything, color bars below."""
    axes = figure.subplots(
        3, 8, gridspec_kw={
            "height_ratios": [view.height(report) for view in VIEWS],
            "left": 0.035, "right": 0.995, "top": 0.905, "bottom": 0.09, "wspace": 0.03, "hspace": 0.03,
        },
    )  # fmt: skip
    brain = report.brain
    high = np.percentile(report.fixed[brain], 99.8)
    # One function for all three, or they would look like different scans.
    match = gray_match(report.warped, report.fixed, brain)
    placed, start, warped = match(report.placed), match(report.start), match(report.warped)
    before, after = np.abs(report.fixed - start), np.abs(report.fixed - warped)
    worst = np.percentile(before[brain], 99)
    gray = {"cmap": "gray", "vmin": 0, "vmax": high}
    heat = {"cmap": "inferno", "vmin": 0, "vmax": worst}
    jacobian = np.where(brain, report.jacobian, np.nan)
    columns = [
        ("Fixed", report.fixed, gray),
        ("Moving\n(where its header puts it)", placed, gray),
        ("Affine start\n(K = 0)", start, gray),
        (f"Registered\n({_state(report.figures)})", warped, gray),
        (f"|fixed − affine start|\nmean {before[brain].mean() / high:.1%} of range", before, heat),
        (f"|fixed − registered|\nmean {after[brain].mean() / high:.1%} of range", after, heat),
        (f"Jacobian determinant\n{folded_text(report, brain)}", jacobian, jacobian_colors()),
        (f"Deformed grid\n({GRID_MM:g} mm, affine left out)", warped, {**gray, "vmax": 1.7 * high}),
    ]
    last = {}
    for row, view in zip(axes, VIEWS, strict=True):
        slicer = Slicer(view, report, brain)
        for axis, (name, volume, style) in zip(row, columns, strict=True):
            axis.set_facecolor("black")
            image = axis.imshow(slicer.plane(volume), aspect=slicer.aspect, interpolation="nearest", **style)
            axis.set_xticks([])
            axis.set_yticks([])
            if view is VIEWS[0]:
                axis.set_title(name, fontsize=SMALL + 1)
            if volume is after or volume is jacobian:
                last[name] = image
            if any(volume is moved for moved in (placed, start, warped)) and style is gray:
                # The fixed brain's outline shows at a glance where an image is off.
                axis.contour(slicer.plane(brain.astype(float)), [0.5], colors="#33c6ff", linewidths=0.8)
        slicer.draw_folded(row[6], (report.jacobian <= 0) & brain, FOLDED)
        slicer.draw_grid(row[7], report.deformation, GRID_MM)
        slicer.label(row[0], MEDIUM)
    difference, determinant = last.values()
    bar = color_bar(figure, axes[-1, 4:6], difference, "max")
    steps = np.arange(0, worst / high, 0.1)
    bar.set_ticks(steps * high, labels=[f"{step:.0%}" for step in steps])
    bar.set_label("of the fixed image's range", fontsize=SMALL)
    bar = color_bar(figure, axes[-1, 6:7], determinant, "max")
    bar.set_ticks([0, 0.5, 1, 1.5, 2])
    bar.set_label("volume in moving / in fixed", fontsize=SMALL)


def folded_text(report: Report, brain: np.ndarray) -> str:
    count = int(((report.jacobian <= 0) & brain).sum())
    return f"folded: {count} voxels (magenta)" if count < 10_000 else f"folded: {count} (magenta)"


def jacobian_colors() -> dict:
    """Diverging, white at 1: outside the brain gray."""
    import matplotlib

    colors = matplotlib.colormaps["RdBu_r"].with_extremes(bad="#404040")
    return {"cmap": colors, "vmin": 0.0, "vmax": 2.0}


def color_bar(figure, axes, image, extend: str):
    """One bar under a few neighboring axes, taking no room from them."""
    boxes = [axis.get_position() for axis in axes]
    left, right = boxes[0].x0, boxes[-1].x1
    inset = 0.06 * (boxes[0].x1 - boxes[0].x0)
    place = figure.add_axes((left + inset, boxes[0].y0 - 0.026, right - left - 2 * inset, 0.014))
    bar = figure.colorbar(image, cax=place, orientation="horizontal", extend=extend)
    bar.ax.tick_params(labelsize=SMALL)
    return bar


def draw_curves(figure, iterations) -> None:
    """Local and global NCC, change of the field and folding over the iterations."""
    room = {"left": 0.045, "right": 0.985, "top": 0.88, "bottom": 0.2, "wspace": 0.2}
    axes = figure.subplots(1, 4, gridspec_kw=room)
    steps = [it.index for it in iterations]
    curves = (
        ("Local NCC (higher is more similar)", [("local NCC", "local_ncc", "#1f6fb4")], None),
        ("Global NCC (higher is more similar)", [("global NCC", "global_ncc", "#1f6fb4")], None),
        (
            "Change of the field, voxels",
            [("95th percentile", "p95_change", "#d1495b"), ("mean", "mean_change", "#5f6b7a")],
            0,
        ),
        ("Folded voxels, % of the brain", [("folded", "percent_folded", "#b000b0")], 0),
    )
    for axis, (name, lines, low) in zip(axes, curves, strict=True):
        for label, key, color in lines:
            # There is no change before the first iteration.
            shown = [it for it in iterations if it.index or "change" not in key]
            values = [getattr(it, key) for it in shown]
            axis.plot([it.index for it in shown], values, "o-", color=color, label=label, linewidth=2)
        if low is not None:
            axis.set_ylim(bottom=low)
        if name.startswith("Folded"):
            axis.set_ylim(top=max(0.1, 1.2 * max(values)))
        if len(lines) > 1:
            axis.legend(fontsize=SMALL, frameon=False)
        axis.set_title(name, fontsize=MEDIUM)
        axis.set_xlabel("iteration (0 = affine start)", fontsize=SMALL + 1)
        axis.set_xlim(-0.3, steps[-1] + 0.3)
        ticks = [index for index in steps if iterations[index].polished or index % max(1, len(steps) // 12) == 0]
        axis.set_xticks(ticks, ["polish" if iterations[index].polished else str(index) for index in ticks])
        axis.tick_params(labelsize=SMALL)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
