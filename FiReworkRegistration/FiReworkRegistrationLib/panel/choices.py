"""Choices of the parameter node; imported at start-up, so it imports nothing."""

RESOLUTIONS = ["as the model", "1 mm", "1.5 mm", "2 mm", "3 mm", "4 mm"]

#: What a user reads to the engine's name.
NORMALIZATIONS = {"percentiles 0.5 to 99.5": "robust", "minimum to maximum": "full-range"}


def spacingOf(resolution):
    """mm, or None for the model's own."""
    return None if resolution == RESOLUTIONS[0] else float(resolution.split()[0])
