"""The coil on the head at one time: poses of two bodies turned into one statement about the coil.

In: the tracker's poses of head and coil body, and a :class:`Setup` (registration, coil
calibration, target, tolerance). Out: an immutable :class:`Navigation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from app.navigate.guidance import Guidance, Tolerance, compare
from app.navigate.uncertainty import head_relative_sigma
from app.plan.target import Target
from app.subject.distance import SurfaceDistance
from render.guidance_state import GuidanceState
from tracking.poses import POSE_LIMIT_NS, BodyPose, TrackingState
from tracking.rigid import chain, difference, rotation_matrix

FloatArray = NDArray[np.float64]

HEAD = "head"
COIL_BODY = "coil_body"
NEAR_FACTOR = 3.0
"""A coil within this multiple of the tolerance is called near."""
SKIN_SEARCH = 30.0
"""How far inside the skin, mm, the coil's face may seem to lie and still get a distance."""


@dataclass(frozen=True, eq=False, slots=True)
class Setup:
    """What holds from frame to frame.

    Attributes
    ----------
    mri_from_head
        The registration.
    coil_body_from_coil
        The coil calibration.
    target
        None before one is chosen.
    tolerance
        What counts as a hit.
    """

    mri_from_head: RigidTransform
    coil_body_from_coil: RigidTransform
    target: Target | None
    tolerance: Tolerance


@dataclass(frozen=True, eq=False, slots=True)
class Navigation:
    """Where the coil is on the head.

    Attributes
    ----------
    time_ns
        Capture time of the older of the two poses.
    poses
        The tracker's word on each body, by name.
    setup
        What the statement was made with.
    mri_from_coil
        None unless both bodies have a pose.
    sigma_mm, sigma_deg
        Tracking noise of the coil's focal point and rotation on the head; not an accuracy.
    guidance
        None without a coil pose or a target.
    scalp_distance, cortex_distance
        From the coil's face along its z, mm; the first is negative inside the skin; None if the
        axis does not meet the surface.
    """

    time_ns: int
    poses: Mapping[str, BodyPose]
    setup: Setup
    mri_from_coil: RigidTransform | None = None
    sigma_mm: float | None = None
    sigma_deg: float | None = None
    guidance: Guidance | None = None
    scalp_distance: float | None = None
    cortex_distance: float | None = None

    @property
    def tracked(self) -> bool:
        """Whether both bodies were seen in these very images."""
        return all(
            body in self.poses and self.poses[body].state is TrackingState.TRACKED
            for body in (HEAD, COIL_BODY)
        )

    @property
    def on_target(self) -> bool:
        """Whether both bodies were seen and the coil is within tolerance of the target."""
        return (
            self.tracked
            and self.guidance is not None
            and self.guidance.within(self.setup.tolerance)
        )

    def age_ns(self, now_ns: int) -> int:
        """How old the older of the two poses is at `now_ns`."""
        return now_ns - self.time_ns

    def fresh(self, now_ns: int) -> bool:
        """Whether there is a coil pose that is younger than its limit."""
        return self.mri_from_coil is not None and self.age_ns(now_ns) <= POSE_LIMIT_NS

    def state(self, now_ns: int) -> GuidanceState:
        """Say in one word where the coil is, as the operator is told it at `now_ns`."""
        if not self.fresh(now_ns):
            return GuidanceState.LOST
        if self.guidance is None:
            return GuidanceState.OFF_TARGET
        if self.on_target:
            return GuidanceState.ON_TARGET
        near = _widened(self.setup.tolerance)
        return GuidanceState.NEAR if self.guidance.within(near) else GuidanceState.OFF_TARGET


@dataclass(frozen=True, eq=False, slots=True)
class HeadSurfaces:
    """The subject's scalp and cortex, in ``mri``, and where a coil's axis meets them."""

    scalp: SurfaceDistance
    cortex: SurfaceDistance

    def scalp_distance(self, mri_from_coil: RigidTransform) -> float | None:
        """From the coil's face along its z to the skin, mm; negative inside; None if it misses."""
        into_head = _axis(mri_from_coil)
        start = mri_from_coil.translation - SKIN_SEARCH * into_head
        distance = self.scalp.along(start, into_head)
        return None if distance is None else distance - SKIN_SEARCH

    def cortex_distance(self, mri_from_coil: RigidTransform) -> float | None:
        """From the coil's face along its z to the cortex, mm; None if it misses."""
        return self.cortex.along(mri_from_coil.translation, _axis(mri_from_coil))

    def cortex_point(self, mri_from_coil: RigidTransform) -> FloatArray | None:
        """(3,) where the coil's axis meets the cortex, mm; None if it misses."""
        distance = self.cortex_distance(mri_from_coil)
        if distance is None:
            return None
        return np.asarray(mri_from_coil.translation + distance * _axis(mri_from_coil))


def coil_on_head(
    setup: Setup, world_from_head: RigidTransform, world_from_coil_body: RigidTransform
) -> RigidTransform:
    """``mri_from_coil`` from the two bodies' poses."""
    head_from_coil_body = difference(world_from_head, world_from_coil_body)
    return chain(setup.mri_from_head, head_from_coil_body, setup.coil_body_from_coil)


def navigate(
    poses: Mapping[str, BodyPose], setup: Setup, surfaces: HeadSurfaces, time_ns: int
) -> Navigation:
    """State where the coil is on the head, from the tracker's poses of one time.

    Parameters
    ----------
    poses
        The tracker's word on each body, by name.
    setup
        Registration, calibration, target and tolerance.
    surfaces
        For the distances along the coil's axis.
    time_ns
        Capture time of the images; the answer's own time where there is no pose.
    """
    head, coil = poses.get(HEAD), poses.get(COIL_BODY)
    if (
        head is None
        or coil is None
        or head.world_from_body is None
        or head.quality is None
        or coil.world_from_body is None
        or coil.quality is None
    ):
        return Navigation(time_ns=time_ns, poses=poses, setup=setup)
    mri_from_coil = coil_on_head(setup, head.world_from_body, coil.world_from_body)
    sigma_mm, sigma_deg = head_relative_sigma(
        head.world_from_body,
        head.quality.covariance,
        coil.world_from_body,
        coil.quality.covariance,
        setup.coil_body_from_coil,
    )
    target = setup.target
    return Navigation(
        time_ns=min(head.time_ns, coil.time_ns),
        poses=poses,
        setup=setup,
        mri_from_coil=mri_from_coil,
        sigma_mm=sigma_mm,
        sigma_deg=sigma_deg,
        guidance=None if target is None else compare(mri_from_coil, target.mri_from_target),
        scalp_distance=surfaces.scalp_distance(mri_from_coil),
        cortex_distance=surfaces.cortex_distance(mri_from_coil),
    )


def _axis(mri_from_coil: RigidTransform) -> FloatArray:
    return rotation_matrix(mri_from_coil)[:, 2]


def _widened(tolerance: Tolerance) -> Tolerance:
    return Tolerance(
        position=min(tolerance.position * NEAR_FACTOR, 50.0),
        tilt=min(tolerance.tilt * NEAR_FACTOR, 90.0),
        twist=min(tolerance.twist * NEAR_FACTOR, 180.0),
    )
