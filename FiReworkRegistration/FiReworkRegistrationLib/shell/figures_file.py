"""What a registration achieved, as a JSON file."""

import json

from ..engine.whole_files import in_one_move


def write_figures(registration, verdict_text: str, path) -> None:
    """Figures of every iteration, the alignment and the verdict, as JSON, in one move."""
    content = {
        "fixed": registration.fixed.name, "moving": registration.moving.name, "model": registration.card.name,
        "device": str(registration.device), "precision": registration.precision, "verdict": verdict_text,
        "agreement": registration.agreement, "least_agreement": registration.least_agreement,
        "coverage": registration.coverage, "matched": registration.matched,
        "affine": registration.affine.tolist(), "affine_seconds": registration.affine_seconds,
        "iterations": [
            {
                "K": state.index, "polished": state.polished, "local_ncc": state.local_ncc, "ncc": state.global_ncc,
                "percent_folded": state.percent_folded, "largest_mm": state.largest * registration.spacing,
                "seconds": state.seconds,
            }
            for state in registration.iterations
        ],
    }  # fmt: skip
    with in_one_move(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
