"""Training and evaluation from a shell; Slicer never imports this package."""
