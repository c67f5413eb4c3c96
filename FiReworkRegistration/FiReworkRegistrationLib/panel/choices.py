"""Choices of the parameter node by name; imported at start-up, so it imports nothing."""

#: Working grid in mm; "" is the model's own.
RESOLUTIONS = ["", "1", "1.5", "2", "3", "4"]
#: The engine's ``preprocessing.NORMALIZATIONS`` and ``device`` precisions.
NORMALIZATIONS = ["robust", "full-range"]
#: The engine's ``contrast.CHOICES``.
CONTRASTS = ["auto", "same", "different"]
PRECISIONS = ["auto", "fp32", "bf16", "fp16"]
