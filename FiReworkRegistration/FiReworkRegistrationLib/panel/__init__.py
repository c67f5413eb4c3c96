"""What the Qt panel needs. Nothing is imported here: Slicer may load this at start-up."""
