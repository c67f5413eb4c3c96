"""The three stages that figures of structures and landmarks are compared at."""

from ..engine.texts import tr as _

#: Names of table columns, also in saved scenes.
BEFORE, AFFINE, AFTER = "Before", "Affine", "After"
STAGE_TITLES = {BEFORE: _("Before"), AFFINE: _("Affine"), AFTER: _("After")}
