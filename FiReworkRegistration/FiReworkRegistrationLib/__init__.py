"""Library of the FiReworkRegistration module.

Rooms: ``engine`` (numpy, torch, SimpleITK; no Slicer), ``mrml`` (nodes to and from
engine values), ``panel`` (what the Qt widget needs), ``training`` and ``experiments``, ``cli`` and ``shell``
(commands).
Nothing is imported here: Slicer loads this package at start-up, and numpy and torch
must not come along.
"""

__version__ = "0.1.0"
