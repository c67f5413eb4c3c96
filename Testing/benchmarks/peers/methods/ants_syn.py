"""ANTs SyN as ANTsPy's "SyNOnly" runs it by default (Mattes MI). ``ants_syn.py FIXED MOVING FIELD THREADS``."""

import os
import shutil
import sys

fixed, moving, field, threads = sys.argv[1:]
os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = threads

import ants  # noqa: E402 - reads the number of threads when it is imported

result = ants.registration(
    ants.image_read(fixed), ants.image_read(moving), type_of_transform="SyNOnly", initial_transform="Identity"
)
warp = [path for path in result["fwdtransforms"] if path.endswith("Warp.nii.gz")]
shutil.copyfile(warp[0], field)
