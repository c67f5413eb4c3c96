"""Backbones that the refiner can iterate; see ``backbone.py`` for the interface."""
