"""Poses of head and coil body made by hand, for tests of what comes after the tracker."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from app.navigate.guidance import Tolerance
from app.navigate.navigation import COIL_BODY, HEAD, HeadSurfaces, Setup
from app.plan.target import Target
from app.subject.distance import SurfaceDistance
from render.surface import Surface
from tracking.poses import BodyPose, PoseQuality, TrackingState


def transform(translation=(0, 0, 0), rotvec_deg=(0, 0, 0)) -> RigidTransform:
    return RigidTransform.from_components(
        np.array(translation, float), Rotation.from_rotvec(np.deg2rad(rotvec_deg))
    )


MRI_FROM_HEAD = transform((10, 110, 60), (20, -30, 5))
COIL_BODY_FROM_COIL = transform((5, -90, 40), (80, 10, -20))
TARGET = Target(
    id="t",
    name="the target",
    mri_from_target=transform((-40, -20, 80), (170, 20, 0)),
    cortex_point=np.array([-30.0, -20.0, 60.0]),
)
SETUP = Setup(MRI_FROM_HEAD, COIL_BODY_FROM_COIL, TARGET, Tolerance())


def sphere(radius: float) -> SurfaceDistance:
    """A fine sphere about the origin."""
    rows, columns = 60, 120
    polar = np.linspace(0, np.pi, rows)[:, None]
    around = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    points = radius * np.stack(
        [
            np.sin(polar) * np.cos(around),
            np.sin(polar) * np.sin(around),
            np.cos(polar) + 0 * around,
        ],
        axis=-1,
    )
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b = index[:-1], np.roll(index, -1, axis=1)[:-1]
    c, d = index[1:], np.roll(index, -1, axis=1)[1:]
    faces = np.concatenate([np.stack([a, c, b], -1), np.stack([b, c, d], -1)]).reshape(-1, 3)
    return SurfaceDistance(
        Surface(points.reshape(-1, 3).astype(np.float32), faces.astype(np.int32))
    )


SURFACES = HeadSurfaces(scalp=sphere(100.0), cortex=sphere(85.0))


def quality(sigma_rad=1e-4, sigma_mm=0.02) -> PoseQuality:
    covariance = np.diag([sigma_rad**2] * 3 + [sigma_mm**2] * 3)
    return PoseQuality(corners=48, tags=6, cameras=2, rms_px=0.05, covariance=covariance)


def world_poses(mri_from_coil: RigidTransform, world_from_head: RigidTransform):
    """World poses of head and coil body that put the coil at `mri_from_coil`."""
    head_from_coil = MRI_FROM_HEAD.inv() * mri_from_coil
    return world_from_head, world_from_head * head_from_coil * COIL_BODY_FROM_COIL.inv()


def seen(body: str, pose: RigidTransform, time_ns: int, state=TrackingState.TRACKED) -> BodyPose:
    return BodyPose(body, time_ns, state, pose, quality())


def both(mri_from_coil, time_ns=0, state=TrackingState.TRACKED, world_from_head=None):
    """Tracker's word on head and coil body, with the coil at `mri_from_coil`."""
    if world_from_head is None:
        world_from_head = transform((30, -50, 900), (170, 5, 10))
    head, coil = world_poses(mri_from_coil, world_from_head)
    return {
        HEAD: seen(HEAD, head, time_ns),
        COIL_BODY: seen(COIL_BODY, coil, time_ns, state),
    }


def unseen(body: str, time_ns: int, state=TrackingState.LOST) -> BodyPose:
    return BodyPose(body, time_ns, state, None, None)
