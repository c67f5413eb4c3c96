"""What the panel shows of a run: the progress bar, the status line, what can be used meanwhile, errors."""

import slicer
from slicer.i18n import tr as _

from ..mrml.language import say
from .messages import explain


class RunDisplay:
    def __init__(self, ui):
        self._ui = ui
        ui.progressBar.setVisible(False)

    def begin(self, showBar=True):
        """Only the button that cancels is left."""
        self._setInputsEnabled(False)
        self._ui.progressBar.value = 0
        self._ui.progressBar.setVisible(showBar)

    def end(self):
        self._ui.progressBar.setVisible(False)
        self._setInputsEnabled(True)

    def showProgress(self, fraction, message):
        self._ui.progressBar.value = int(100 * min(max(fraction, 0.0), 1.0))
        self._ui.statusLabel.text = say(message)

    def showError(self, error):
        """Words for the user; the trace goes to the log."""
        text, needsDialog = explain(error)
        self._ui.statusLabel.text = text
        if needsDialog:
            slicer.util.errorDisplay(text, windowTitle=_("FiRework Registration"))

    def _setInputsEnabled(self, enabled):
        self._ui.qualityComboBox.enabled = enabled
        for section in ("inputs", "outputs", "use", "advanced"):
            getattr(self._ui, f"{section}CollapsibleButton").enabled = enabled
