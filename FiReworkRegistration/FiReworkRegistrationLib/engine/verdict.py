"""What a registration achieved, in one plain sentence, and what looks wrong with it, in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .refiner import Iteration
from .stop_rule import LEAST_GAIN, MOST_PERCENT_FOLDED

#: Share of the fixed content inside the moving volume below which the rest is guesswork.
LEAST_COVERAGE = 0.9
#: Local NCC of the affine start from which volumes lie over each other, whatever all their gray values together say:
#: a strong bias field spoils those. Two IXI pairs with one have .36, whole heads laid wrongly .05 to .15.
LIES_WELL = 0.3
#: Heads of the same kind are hardly shorter than that beside each other.
LEAST_STRETCH = 0.79
#: NCC of the affine start that leaves little to improve: the same scan twice, or a result registered again.
AGREES_ALREADY = 0.95
#: Brains after an affine alignment differ by less than this, mm.
LARGEST_PLAUSIBLE = 25.0
#: 95th percentile of the last change, voxels, above which the refinement has not settled.
SETTLED_CHANGE = 0.5


@dataclass(frozen=True)
class Verdict:
    """:param sentence: what happened. :param warnings: sentences, each with a remedy; empty if all looks well."""

    sentence: str
    warnings: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Sentence and warnings, one a line."""
        return "\n".join((self.sentence, *self.warnings))


def verdict_on(registration, chosen: int | None = None, running=False, translate=None) -> Verdict:
    """:func:`verdict` with all that a ``Registration`` knows of its volumes."""
    chosen = len(registration.iterations) - 1 if chosen is None else chosen
    return verdict(
        registration.iterations, chosen, largest=registration.iterations[chosen].largest * registration.spacing,
        coverage=registration.coverage, agreement=registration.agreement, matched=registration.matched,
        least_agreement=registration.least_agreement, stretch=registration.stretch, ct=registration.ct,
        unused_mask=registration.unused_mask, running=running, translate=translate,
    )  # fmt: skip


def verdict(
    iterations: Sequence[Iteration], chosen: int | None = None, *, largest: float | None = None,
    coverage: float | None = None, agreement: float | None = None,
    least_agreement=0.0, matched="", stretch=1.0, ct="", unused_mask="", running=False,
    translate: Callable[[str], str] | None = None,
) -> Verdict:  # fmt: skip
    """Judge iteration ``chosen`` against the affine start.

    Pure arithmetic on the figures of the iterations, so cheap enough for a slider.

    :param iterations: all so far, index 0 the affine start.
    :param chosen: None is the last.
    :param largest: largest displacement inside the mask, mm, without the affine; None: not judged.
    :param coverage: share of the fixed content that lies inside the moving volume, see ``coverage.py``;
        None: not judged.
    :param agreement: ``Agreement.score`` under the affine start; None: not judged.
    :param least_agreement: of alignments that are not doubtful, see ``Registration``.
    :param matched: "fixed" or "moving", whose gray values were matched to the other's, see ``contrast.py``.
    :param stretch: how many times as long as the fixed object the moving one is, by the affine alignment.
    :param ct: name of a volume with gray values of a CT, or "".
    :param unused_mask: name of a moving mask that marks a part only, or "".
    :param running: further iterations are on their way, so that nobody needs to ask for them.
    :param translate: takes an English text to the user's language, such as Slicer's ``tr``.
    """
    _ = translate or _unchanged
    chosen = len(iterations) - 1 if chosen is None else chosen
    start, state = iterations[0], iterations[chosen]
    gain = state.local_ncc - start.local_ncc
    improved = gain >= LEAST_GAIN
    # More iterations mend no start that is wrong.
    wrong_start = [
        _doubtful_alignment(agreement, least_agreement, start.local_ncc, _),
        _different_sizes(stretch, _),
    ]
    later = [
        _no_improvement(chosen, improved or start.local_ncc >= AGREES_ALREADY, _),
        _folding(state, _),
        _large_displacement(largest, _),
        _unsettled(iterations, chosen, _) if improved and not running and not any(wrong_start) else None,
        _is_ct(ct, _),
        _mask_unused(unused_mask, _),
    ]
    return Verdict(
        " ".join(filter(None, (_sentence(iterations[: chosen + 1], gain, _), _contrast(matched, _)))),
        tuple(warning for warning in (_little_overlap(coverage, _), *wrong_start, *later) if warning),
    )


def percent_text(percent: float) -> str:
    """Two decimals, but never "0.00" for something that is there."""
    return "< 0.01" if 0 < percent < 0.005 else f"{percent:.2f}"


def _sentence(states: Sequence[Iteration], gain: float, _) -> str:
    start, state = states[0], states[-1]
    if state.index == 0:
        return _("Affine alignment only, no deformation: NCC {ncc:.2f}.").format(ncc=state.local_ncc)
    if abs(gain) < LEAST_GAIN:
        head = _("NCC stayed at {after:.2f}")
    elif gain > 0:
        head = _("Improved NCC {before:.2f} → {after:.2f}")
    else:
        head = _("NCC fell {before:.2f} → {after:.2f}")
    # Two decimals would show a small change as none.
    if abs(gain) >= LEAST_GAIN and f"{start.local_ncc:.2f}" == f"{state.local_ncc:.2f}":
        head = head.replace(":.2f", ":.3f")
    head = head.format(before=start.local_ncc, after=state.local_ncc)
    polished = sum(entry.polished for entry in states)
    repaired = sum(entry.repair is not None for entry in states)
    count = state.index - polished
    rounds = _("in 1 iteration") if count == 1 else _("in {count} iterations").format(count=count)
    if polished > repaired:
        rounds = _("{rounds} and a polish").format(rounds=rounds)
    if repaired:
        changed = percent_text(next(entry.repair.changed for entry in reversed(states) if entry.repair is not None))
        rounds = _("{rounds} and a repair of folds, which moved {percent} % of voxels").format(
            rounds=rounds, percent=changed
        )
    folds = _("{percent} % of voxels folded").format(percent=percent_text(state.percent_folded))
    return f"{head} {rounds}; {folds}."


def _contrast(matched, _):
    return {
        "moving": _("The volumes differ in contrast: gray values of the moving one were matched to the fixed one's."),
        "fixed": _("The volumes differ in contrast: gray values of the fixed one were matched to the moving one's."),
    }.get(matched)


def _little_overlap(coverage, _):
    if coverage is None or coverage >= LEAST_COVERAGE:
        return None
    return _(
        "Little overlap: only {percent:.0f} % of the fixed brain lies inside the moving volume; "
        "the rest is extrapolated. Check the initial transform, or use a fixed mask of the part that both show."
    ).format(percent=100 * coverage)


def _doubtful_alignment(agreement, least, ncc, _):
    if agreement is None or agreement >= least or ncc >= LIES_WELL:
        return None
    return _(
        "Doubtful alignment: the volumes match poorly at iteration 0 (score {agreement:.3f}; at least {least:.3f} is "
        "expected). Look at iteration 0; if the brains do not lie over each other, give an initial transform or masks."
    ).format(agreement=agreement, least=least)


def _different_sizes(stretch, _):
    if LEAST_STRETCH <= stretch <= 1 / LEAST_STRETCH:
        return None
    return _(
        "Different sizes: according to the affine alignment the moving object is {stretch:.2f} times as long as the "
        "fixed one. If both are adult heads, check the voxel sizes (Volumes module) and look at iteration 0."
    ).format(stretch=stretch)


def _is_ct(name, _):
    if not name:
        return None
    return _(
        "'{name}' looks like a CT. The network was trained on T1 MRI and is not meant for CT. If you go on, clip it to "
        "brain tissue (0 to 80 HU) or give brain masks, and compare the result with iteration 0."
    ).format(name=name)


def _mask_unused(name, _):
    if not name:
        return None
    return _(
        "Moving mask '{name}' marks only a part and was not used. To register a part, mark it in the fixed volume."
    ).format(name=name)


def _no_improvement(chosen, improved, _):
    if chosen == 0 or improved:
        return None
    return _(
        "No improvement over the affine alignment. Check that both volumes show the same kind of brain image and "
        "lie over each other at iteration 0; if not, give an initial transform or masks."
    )


def _folding(state, _):
    if state.percent_folded <= MOST_PERCENT_FOLDED:
        return None
    return _(
        "Folding: {percent} % of voxels are folded (bound {bound:g} %), so the deformation is not plausible there; "
        "magenta in the Jacobian overlay shows where. Polish it, or choose an earlier iteration."
    ).format(percent=percent_text(state.percent_folded), bound=MOST_PERCENT_FOLDED)


def _large_displacement(largest, _):
    if largest is None or largest <= LARGEST_PLAUSIBLE:
        return None
    return _(
        "Large displacement: up to {largest:.0f} mm beyond the affine alignment. "
        "Check the alignment at iteration 0 and look at the deformed grid."
    ).format(largest=largest)


def _unsettled(iterations, chosen, _):
    last = iterations[chosen]
    if chosen != len(iterations) - 1 or last.polished or last.p95_change <= SETTLED_CHANGE:
        return None
    return _(
        "Not converged: the last iteration still moved voxels by {change:.1f} voxel. Click Refine further."
    ).format(change=last.p95_change)


def _unchanged(text: str) -> str:
    return text
