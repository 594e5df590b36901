"""How much tracking noise there is in the coil's pose on the head.

In: the covariances of the head's and the coil body's poses. Out: the standard deviation of the
coil's focal point and rotation in the head's frame. This is what the cameras' noise alone does;
calibration and registration add to it, so it is never shown as accuracy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

FloatArray = NDArray[np.float64]


def head_relative_sigma(
    world_from_head: RigidTransform,
    head_covariance: FloatArray,
    world_from_coil_body: RigidTransform,
    coil_covariance: FloatArray,
    coil_body_from_coil: RigidTransform,
) -> tuple[float, float] | tuple[None, None]:
    """Largest standard deviation of the coil's origin (mm) and rotation (degrees) on the head.

    Nothing, twice, where a covariance is not known.

    Parameters
    ----------
    world_from_head, world_from_coil_body
        The two poses, mm.
    head_covariance, coil_covariance
        (6, 6) each, in the convention of :class:`tracking.poses.PoseQuality`; taken as
        uncorrelated.
    coil_body_from_coil
        The coil calibration, mm; taken as exact.

    Notes
    -----
    First-order propagation: a left-hand error (w, t) of a body about its origin o moves a point
    p by ``w x (p - o) + t``. The coil's own error moves its origin in ``world``; an error of the
    head's pose moves it by the opposite amount in the head's frame.
    """
    if not (np.isfinite(head_covariance).all() and np.isfinite(coil_covariance).all()):
        return None, None
    focal_point = world_from_coil_body.apply(coil_body_from_coil.translation)
    position = np.zeros((3, 3))
    for body, covariance in (
        (world_from_coil_body, coil_covariance),
        (world_from_head, head_covariance),
    ):
        jacobian = np.hstack([-_cross(focal_point - body.translation), np.eye(3)])
        position += jacobian @ covariance @ jacobian.T
    rotation = coil_covariance[:3, :3] + head_covariance[:3, :3]
    return (
        float(np.sqrt(np.linalg.eigvalsh(position)[-1])),
        float(np.rad2deg(np.sqrt(np.linalg.eigvalsh(rotation)[-1]))),
    )


def _cross(vector: FloatArray) -> FloatArray:
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
