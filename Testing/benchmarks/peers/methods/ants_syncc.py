"""SyN with cross-correlation as ANTsPy's "SyNCC", its affine included. ``ants_syncc.py FIXED MOVING FIELD THREADS``."""

import os
import shutil
import sys
import tempfile

fixed, moving, field, threads = sys.argv[1:]
os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = threads

import ants  # noqa: E402 - reads the number of threads when it is imported

images = ants.image_read(fixed), ants.image_read(moving)
result = ants.registration(*images, type_of_transform="SyNCC", initial_transform="Identity")
with tempfile.TemporaryDirectory() as folder:
    # Warp and affine as one field on the fixed grid.
    whole = ants.apply_transforms(*images, transformlist=result["fwdtransforms"], compose=f"{folder}/whole")
    shutil.copyfile(whole, field)
