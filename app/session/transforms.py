"""Rigid transforms as they stand in the session file, and back.

Apart from ``events``, so that a process that only writes pulses need not load scipy.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from app.session.events import RigidPose


def rigid_pose(transform: RigidTransform) -> RigidPose:
    """Describe `transform` (mm) by its translation and its quaternion x, y, z, w with w >= 0."""
    x, y, z = (float(v) for v in transform.translation)
    qx, qy, qz, qw = (float(v) for v in transform.rotation.as_quat(canonical=True))
    return RigidPose(translation=(x, y, z), quaternion=(qx, qy, qz, qw))


def rigid_transform(pose: RigidPose) -> RigidTransform:
    """Give the transform that `pose` describes, mm."""
    return RigidTransform.from_components(
        np.array(pose.translation), Rotation.from_quat(pose.quaternion)
    )
