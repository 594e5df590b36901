"""The coil's pose at each pulse, found once the images after the pulse have been tracked.

In: the times of pulses that were sent, and the pose histories of head and coil body. Out: one
:class:`PulsePose` for each pulse, as soon as it can be known and never later than the limit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from app.navigate.guidance import Guidance, compare
from app.navigate.navigation import HeadSurfaces, Setup, coil_on_head
from app.navigate.uncertainty import head_relative_sigma
from tracking.history import Missing, PoseHistory, PoseUnavailable
from tracking.poses import POSE_LIMIT_NS

FloatArray = NDArray[np.float64]

PATIENCE_NS = 2 * POSE_LIMIT_NS
"""How long after a pulse its pose is waited for."""


@dataclass(frozen=True, eq=False, slots=True)
class PulsePose:
    """Where the coil was at one pulse.

    Attributes
    ----------
    pulse_id, time_ns
        Which pulse, and when it was sent.
    setup
        Registration, calibration, target and tolerance at the pulse.
    mri_from_coil
        Interpolated between the images around the pulse; None if either body was lost then.
    reason
        Why there is no pose; empty if there is one.
    age_ns
        From the pulse to the nearest image, of the body for which that is longer; None without
        a pose.
    rms_px
        The larger of the two bodies' reprojection residuals; None without a pose, and of poses
        that came without one.
    sigma_mm, sigma_deg
        Tracking noise of the coil on the head; not an accuracy. None as for `rms_px`.
    guidance
        None without a pose or a target.
    scalp_distance
        From the coil's face to the skin along its axis, mm, as in
        :class:`~app.navigate.navigation.Navigation`.
    cortex_point
        (3,) where the coil's axis met the cortex, mm in ``mri``; None if it met none.
    """

    pulse_id: str
    time_ns: int
    setup: Setup
    mri_from_coil: RigidTransform | None = None
    reason: str = ""
    age_ns: int | None = None
    rms_px: float | None = None
    sigma_mm: float | None = None
    sigma_deg: float | None = None
    guidance: Guidance | None = None
    scalp_distance: float | None = None
    cortex_point: FloatArray | None = None

    @property
    def hit(self) -> bool | None:
        """Whether the pulse met the target within tolerance; None if that cannot be known."""
        return None if self.guidance is None else self.guidance.within(self.setup.tolerance)


@dataclass(frozen=True, slots=True)
class _Waiting:
    pulse_id: str
    time_ns: int
    setup: Setup


class PulsePoses:
    """Pulses that wait for their pose. Pulses come in on one thread, poses on another."""

    def __init__(
        self,
        head: PoseHistory,
        coil_body: PoseHistory,
        surfaces: HeadSurfaces,
        on_pose: Callable[[PulsePose], None],
    ) -> None:
        self._head = head
        self._coil_body = coil_body
        self._surfaces = surfaces
        self._on_pose = on_pose
        self._waiting: list[_Waiting] = []
        self._lock = threading.Lock()

    def add(self, pulse_id: str, time_ns: int, setup: Setup) -> None:
        """Ask for the pose at a pulse that was sent at `time_ns`."""
        with self._lock:
            self._waiting.append(_Waiting(pulse_id, time_ns, setup))

    def resolve(self, now_ns: int) -> None:
        """Report each waiting pulse whose pose is known, or cannot become known any more."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        later = []
        for pulse in waiting:
            try:
                pose = self._pose_at(pulse)
            except PoseUnavailable as unavailable:
                # An image after the pulse may still be on its way, but not for ever.
                waited = now_ns - pulse.time_ns
                if unavailable.reason is Missing.NOT_YET and waited <= PATIENCE_NS:
                    later.append(pulse)
                    continue
                pose = PulsePose(
                    pulse.pulse_id, pulse.time_ns, pulse.setup, reason=str(unavailable)
                )
            self._on_pose(pose)
        with self._lock:
            self._waiting = later + self._waiting

    def _pose_at(self, pulse: _Waiting) -> PulsePose:
        head, coil = self._head.at(pulse.time_ns), self._coil_body.at(pulse.time_ns)
        setup = pulse.setup
        mri_from_coil = coil_on_head(setup, head.world_from_body, coil.world_from_body)
        sigma_mm, sigma_deg = head_relative_sigma(
            head.world_from_body,
            head.quality.covariance,
            coil.world_from_body,
            coil.quality.covariance,
            setup.coil_body_from_coil,
        )
        target = setup.target
        return PulsePose(
            pulse_id=pulse.pulse_id,
            time_ns=pulse.time_ns,
            setup=setup,
            mri_from_coil=mri_from_coil,
            age_ns=max(head.age_ns, coil.age_ns),
            rms_px=max(head.quality.rms_px, coil.quality.rms_px)
            if head.quality.known and coil.quality.known
            else None,
            sigma_mm=sigma_mm,
            sigma_deg=sigma_deg,
            guidance=None if target is None else compare(mri_from_coil, target.mri_from_target),
            scalp_distance=self._surfaces.scalp_distance(mri_from_coil),
            cortex_point=self._surfaces.cortex_point(mri_from_coil),
        )
