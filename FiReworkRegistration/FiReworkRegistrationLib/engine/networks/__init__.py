"""Backbones, and the schemes that iterate them; ``firework.py`` and ``recursive.py`` say what one has to offer."""
