"""Backbones that the refiner can iterate; ``firework.py`` says what one has to offer."""
