"""Where a transform is saved: the file dialog, and names that it gives back half."""

import os
import re

import qt
import slicer
from slicer.i18n import tr as _

ENDINGS = (".h5", ".nrrd", ".nii.gz")
#: Characters of a proposed name: file systems end at 255 bytes, which a name in Chinese reaches with 85.
LONGEST = 70


class SaveDialog:
    """Asks for a path; begins in the folder that was chosen last, at first in that of the scene."""

    def __init__(self):
        self._folder = None

    def ask(self, title, name):
        """
        :param name: of a node, proposed as file name as far as file systems allow.
        :return: path with one of ``ENDINGS``, or "" if the user does not want to save.
        """
        filters = ";;".join(
            (_("ITK transform (*.h5)"), _("Displacement field (*.nrrd)"), _("Displacement field (*.nii.gz)"))
        )
        folder = self._folder or slicer.app.defaultScenePath
        proposed = os.path.join(folder, _shortened(re.sub(r"[^\w .()+-]", "_", name).strip(" .")) + ENDINGS[0])
        chosen = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), title, proposed, filters)
        if not chosen:
            return ""
        path = completed(chosen)
        # The dialog asks before it replaces a file, but of another name.
        if path != chosen and os.path.exists(path):
            question = _("{path} exists. Replace it?").format(path=path)
            if not slicer.util.confirmOkCancelDisplay(question, windowTitle=title):
                return ""
        self._folder = os.path.dirname(path)
        return path


def _shortened(name):
    """The end stays: there an inverse says that it is one."""
    return name if len(name) <= LONGEST else name[: LONGEST // 2].rstrip() + "_" + name[1 - LONGEST // 2 :]


def completed(path):
    """With an ending: none is added by the dialog, and of ".nii.gz" it keeps ".gz" when the filter is changed.

    Another ending stays: the user means something that there is not, and is told so.
    """
    ending = os.path.splitext(path)[1].lower()
    if path.lower().endswith(".gz") and not path.lower().endswith(".nii.gz"):
        return path[:-3] + ".nii.gz"
    # "T1 2.5" is a name, and no file of the kind "5".
    return path if re.fullmatch(r"\.[a-z][a-z0-9]*", ending) else path + ENDINGS[0]
