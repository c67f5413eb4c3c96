"""The ways to look at two registered volumes."""

from enum import Enum


class CompareMode(Enum):
    """Kept by name in saved scenes: renaming a member breaks them."""

    BLEND = "blend"
    CHECKERBOARD = "checkerboard"
    FLICKER = "flicker"
    DIFFERENCE = "difference"
    CONTOURS = "contours"
    SIDE_BY_SIDE = "side by side"

    def label(self):
        """What a user reads in a list."""
        from slicer.i18n import tr as _

        return {
            CompareMode.BLEND: _("Blend"),
            CompareMode.CHECKERBOARD: _("Checkerboard"),
            CompareMode.FLICKER: _("Flicker"),
            CompareMode.DIFFERENCE: _("Difference"),
            CompareMode.CONTOURS: _("Contours of registered over fixed"),
            CompareMode.SIDE_BY_SIDE: _("Side by side"),
        }[self]

    @property
    def isComputed(self):
        """Whether the views show a volume made for this mode, which has to follow the moving volume."""
        return self in (CompareMode.CHECKERBOARD, CompareMode.DIFFERENCE, CompareMode.CONTOURS)

    @property
    def usesOpacity(self):
        """Whether the opacity slider does anything."""
        return self in (CompareMode.BLEND, CompareMode.CONTOURS)
