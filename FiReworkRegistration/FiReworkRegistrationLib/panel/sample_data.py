"""The sample pair in Slicer's Sample Data module."""

import hashlib
from pathlib import Path

from slicer.i18n import tr as _

#: Where FiReworkRegistration.py lies.
MODULE_FOLDER = Path(__file__).resolve().parents[2]


def registerSampleData():
    """Add the sample pair to the Sample Data module when it is on this computer.

    The pair lies in the repository (Resources/SampleData), which an installed extension
    does not carry; so it is offered to those who run the module from a checkout.
    """
    folder = MODULE_FOLDER.parent / "Resources" / "SampleData"
    files = sorted(folder.glob("*.nrrd")) + sorted(folder.glob("*.nii.gz"))
    if not files:
        return
    try:
        import SampleData
    except ImportError:
        # Switched off in the application's settings.
        return
    category = "FiReworkRegistration"
    SampleData.SampleDataLogic.registerCustomSampleDataCategory(category, title=_("FiRework Registration"))
    for file in files:
        name = file.name.split(".")[0]
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category=category,
            sampleName=name,
            thumbnailFileName=str(MODULE_FOLDER / "Resources" / "Icons" / f"{category}.png"),
            uris=file.as_uri(),
            fileNames=file.name,
            nodeNames=name,
            # Else Slicer would load what it cached of an earlier checkout.
            checksums=f"SHA256:{hashlib.sha256(file.read_bytes()).hexdigest()}",
        )
