"""ConvexAdam with MIND features (Siebert), its defaults. ``convex_adam.py FIXED MOVING FIELD THREADS``."""

import sys

import nibabel
import numpy as np
import torch
from convexAdam.convex_adam_MIND import convex_adam_pt

fixed, moving, field, threads = sys.argv[1:]
torch.set_num_threads(int(threads))
images = [nibabel.load(path) for path in (fixed, moving)]
arrays = [torch.from_numpy(np.ascontiguousarray(image.get_fdata(dtype=np.float32))) for image in images]
# Voxels along the array axes of the file, which are i, j, k for nibabel.
voxels = np.asarray(convex_adam_pt(*arrays, dtype=torch.float32, device=torch.device("cpu"))).astype(np.float32)
ras = voxels @ images[0].affine[:3, :3].T.astype(np.float32)
lps = ras * np.array([-1, -1, 1], dtype=np.float32)
image = nibabel.Nifti1Image(lps[:, :, :, None], images[0].affine)
image.header.set_intent("vector")
nibabel.save(image, field)
