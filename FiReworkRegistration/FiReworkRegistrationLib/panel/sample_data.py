"""The sample pair in Slicer's Sample Data module."""

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
    import SampleData

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
        )
