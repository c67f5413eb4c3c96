"""A rigid start for pairs that the centers of mass do not bring near enough: turned heads, missing parts.

Rotations all around are tried on a coarse lattice of points; the most promising are improved by a pattern search
(Hooke and Jeeves 1961) on the agreement of the two images. No random numbers: same pair, same start.
"""

import numpy as np

from .agreement import AgreementMeter
from .errors import Cancelled
from .geometry import Volume

#: Distance of the points that are compared while trying, and while improving, mm.
TRYING_MM, IMPROVING_MM = 12.0, 8.0
#: Rotations tried: step and most, degrees; and shifts along R, A and S tried with each, mm: the center of a head
#: lies some 25 mm below that of its brain.
STEP_DEGREES, MOST_DEGREES, SHIFT_MM = 20.0, 45.0, 25.0
#: Nearer ones are not between: a header that is wrong turns a head over, or by a right angle.
TURNS_DEGREES = (180.0, 90.0, -90.0)
#: How many rotations are improved, from which step on and down to which, in degrees and mm alike.
IMPROVED, FIRST_STEP, LAST_STEP = 8, 10.0, 2.5


def search_start(fixed: Volume, moving: Volume, center, target, cancelled=None) -> np.ndarray:
    """The best rigid map found, 4x4 RAS mm, fixed to moving.

    :param fixed, moving: normalized to [0, 1], background 0.
    :param center, target: RAS mm, (3,), where rotations turn and what it is taken to, such as centers of mass.
    :param cancelled: asked before each pose.
    :raises Cancelled: the flag was set.
    """
    meters = [AgreementMeter(fixed, moving, step) for step in (TRYING_MM, IMPROVING_MM)]

    def score(pose, meter=meters[1]):
        if cancelled and cancelled():
            raise Cancelled("Cancelled while searching a start of the affine alignment.")
        return meter(rigid_matrix(pose, center, target)).score

    offsets = [np.zeros(3), *(sign * SHIFT_MM * axis for axis in np.eye(3) for sign in (1.0, -1.0))]
    tried = []
    for turn in (*rotation_vectors(), *turns()):
        poses = [np.array([*turn, *offset]) for offset in offsets]
        values = [score(pose, meters[0]) for pose in poses]
        # The best shift of each rotation only: neighbors would climb to the same top.
        best = int(np.argmax(values))
        tried.append((values[best], poses[best]))
    tried.sort(key=lambda found: found[0], reverse=True)
    improved = [_improved(score, pose, score(pose)) for _, pose in tried[:IMPROVED]]
    return rigid_matrix(max(improved, key=lambda found: found[0])[1], center, target)


def rotation_vectors() -> np.ndarray:
    """Axis times angle in degrees of all rotations tried, (N, 3); a cubic lattice in a ball, none first."""
    reach = int(MOST_DEGREES // STEP_DEGREES)
    line = np.arange(-reach, reach + 1) * STEP_DEGREES
    vectors = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    length = np.linalg.norm(vectors, axis=1)
    order = np.argsort(length, kind="stable")
    return vectors[order][length[order] <= MOST_DEGREES + 1e-9]


def turns() -> list[np.ndarray]:
    """Axis times angle in degrees of the turns about R, A and S that are tried too."""
    return [degrees * axis for axis in np.eye(3) for degrees in TURNS_DEGREES]


def rigid_matrix(pose, center, target) -> np.ndarray:
    """4x4 of a rotation vector (degrees) about ``center``, which it takes to ``target`` plus an offset (mm); (6,)."""
    from scipy.spatial.transform import Rotation

    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(pose[:3], degrees=True).as_matrix()
    matrix[:3, 3] = target + pose[3:] - matrix[:3, :3] @ center
    return matrix


def _improved(score, pose, value):
    """Score and pose after steps along each of the six numbers, halved when none helps."""
    step = FIRST_STEP
    while step >= LAST_STEP:
        moved = False
        for axis in range(6):
            for sign in (1.0, -1.0):
                tried = pose.copy()
                tried[axis] += sign * step
                if (new := score(tried)) > value:
                    pose, value, moved = tried, new, True
                    break
        if not moved:
            step /= 2
    return value, pose
