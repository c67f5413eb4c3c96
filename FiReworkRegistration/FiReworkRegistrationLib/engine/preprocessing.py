"""Intensity normalization and the foreground that it is measured in."""

import numpy as np

#: Percentiles of the foreground that become 0 and 1, by the name of the choice. Robust is what networks
#: were trained with; the full range suits label-like or synthetic images, whose rare values matter.
NORMALIZATIONS = {"robust": (0.5, 99.5), "full-range": (0.0, 100.0)}

#: Share of an object that is hardly brighter than its background; where there is more, that is noise.
MOST_DARK = 0.29

#: Voxels that percentiles of whole volumes are taken from.
SAMPLED = 1_000_000


def foreground(array: np.ndarray) -> np.ndarray:
    """Rough object mask of an image without one, bool, the array's shape.

    Skull-stripped images have one value outside the brain; it is taken as background when
    it is the lowest value and fills a tenth of the volume, or is 0 in the midst of standardized gray values.
    Otherwise, also where such a value only pads the noise, the threshold lies at 8 % of the robust intensity range.
    """
    lowest = float(array.min())
    if lowest < 0 and np.count_nonzero(array == 0) > 0.1 * array.size and not looks_like_ct(array):
        low, high = np.percentile(array[array != 0], (1.0, 99.5))
        # Well below it: splines ring a little around a background of 0.
        if low < -0.1 * high:
            return array != 0
    if np.count_nonzero(array == lowest) > 0.1 * array.size:
        mask = array > lowest
        values = array[mask]
        # Interpolated edges and ringing leave near-background voxels around a stripped brain.
        if values.size:
            high = float(np.percentile(values, 99.5))
            mask = array > lowest + 0.02 * (high - lowest)
            dark = mask & (array <= lowest + 0.08 * (high - lowest))
            # Heads in clean air and stripped brains have up to .27, noisy heads with a border of zeros .31 and more.
            if np.count_nonzero(dark) > MOST_DARK * np.count_nonzero(mask):
                return _above_noise(array, values)
        return mask
    return _above_noise(array, array)


def _above_noise(array: np.ndarray, values: np.ndarray) -> np.ndarray:
    """:param values: those of ``array`` that are no padding."""
    low, high = np.percentile(values, (1.0, 99.5))
    return array > low + 0.08 * (high - low)


def normalize_intensity(array: np.ndarray, mask: np.ndarray, zero_outside=False, method="robust") -> np.ndarray:
    """Clip to two percentiles inside ``mask`` and scale to [0, 1], float32.

    :param array: (k, j, i), any numeric type.
    :param mask: (k, j, i) bool, voxels whose intensities count; must not be empty.
    :param zero_outside: set voxels outside the mask to 0 (skull stripping).
    :param method: a name of ``NORMALIZATIONS``.
    """
    low, high = np.percentile(array[mask], NORMALIZATIONS[method])
    scaled = (array.astype(np.float32) - np.float32(low)) / np.float32(max(high - low, 1e-12))
    scaled = np.clip(scaled, 0.0, 1.0)
    if zero_outside:
        scaled[~mask] = 0.0
    return scaled


def sampled(array: np.ndarray) -> np.ndarray:
    """Enough voxels for percentiles, (N,)."""
    return array.ravel()[:: max(1, array.size // SAMPLED)]


def looks_like_ct(array: np.ndarray) -> bool:
    """Whether gray values are Hounsfield units: air at -1000, tissue around 0."""
    array = sampled(array)
    # A single voxel says nothing.
    if not float(np.percentile(array, 1)) <= -900:
        return False
    tissue = array[array > -500]
    return bool(tissue.size) and -150 <= float(np.median(tissue)) <= 150
