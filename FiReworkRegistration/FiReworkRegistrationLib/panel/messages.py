"""What the user reads while it works, and when something did not."""

import logging

from slicer.i18n import tr as _

from ..mrml.language import say


def explain(error):
    """Text for the user, and whether it needs a dialog; the trace goes to the log.

    A cancel and a declined installation were the user's own doing: a line in the panel is enough.
    """
    from ..engine.errors import Cancelled, RegistrationError
    from ..mrml.presence import NodesRemoved
    from .dependencies import DependencyError, InstallationDeclined

    if isinstance(error, Cancelled):
        return say(error) if isinstance(error, NodesRemoved) else _("The registration was stopped."), False
    if isinstance(error, InstallationDeclined):
        return str(error), False
    if isinstance(error, (RegistrationError, DependencyError)):
        # Foreseen, so no error of the module; whoever helps the user may want to know where it came from.
        logging.info("FiRework Registration refused: %s", error, exc_info=error)
        return say(error), True
    logging.error("FiRework Registration failed", exc_info=error)
    return _("An error occurred: {error}\n\nThe error log has the details.").format(error=error), True
