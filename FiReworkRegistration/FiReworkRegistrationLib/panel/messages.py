"""What the user reads while it works, and when something did not."""

import logging
import re

from slicer.i18n import tr as _


def explain(error):
    """Text for the user, and whether it needs a dialog; the trace of what nobody foresaw goes to the log.

    A cancel and a declined installation were the user's own doing: a line in the panel is enough.
    """
    from ..engine.errors import Cancelled, RegistrationError
    from ..mrml.presence import NodesRemoved
    from .dependencies import DependencyError, InstallationDeclined

    if isinstance(error, Cancelled):
        return str(error) if isinstance(error, NodesRemoved) else _("The registration was stopped."), False
    if isinstance(error, InstallationDeclined):
        return str(error), False
    if isinstance(error, (RegistrationError, DependencyError)):
        return str(error), True
    logging.error("FiRework Registration failed", exc_info=error)
    return _("The registration failed: {error}\n\nThe error log has the details.").format(error=error), True


def translatedProgress(message):
    """A progress message of the engine or the bridge, which know no translation, in the user's language.

    Numbers are taken out of it, looked up is the rest; what is not known stays in English.
    """
    numbers = re.findall(r"\d+", message)
    template = _progressTemplates().get(re.sub(r"\d+", "{}", message))
    return message if template is None else template.format(*numbers)


def _progressTemplates():
    # Literals, so that Slicer's tools find them in the source.
    return {
        "Checking Python packages": _("Checking Python packages"),
        "Reading volumes": _("Reading volumes"),
        "Rigid alignment": _("Rigid alignment"),
        "Affine alignment": _("Affine alignment"),
        "Searching a better start": _("Searching a better start"),
        "Aligned": _("Aligned"),
        "Resampling to the working grid": _("Resampling to the working grid"),
        "Ready": _("Ready"),
        "Iteration {} of {}": _("Iteration {} of {}"),
        "Polishing": _("Polishing"),
        "Resampling the moving volume": _("Resampling the moving volume"),
        "Computing the Jacobian determinant": _("Computing the Jacobian determinant"),
        "Computing the inverse transform": _("Computing the inverse transform"),
        "Writing nodes": _("Writing nodes"),
        "Done": _("Done"),
    }
