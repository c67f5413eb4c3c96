"""What the module does when the application has started, long before its panel is opened."""

import slicer

from .sample_data import registerSampleData


def onStartUp():
    """Offer the sample pair, and see to it that saved results come back as they were, whichever module is shown."""
    registerSampleData()
    scene = slicer.mrmlScene
    scene.AddObserver(scene.EndImportEvent, lambda caller, event: _restoreResults())


def _restoreResults():
    from ..mrml.loaded import restore

    restore(slicer.mrmlScene)
