"""Pointer calibration: where the tip is on the pointer's body.

In: pictures, or tracked poses, of a pointer whose tip rests in a divot while a person tilts it to
all sides. Out: a result with the tip in the frame of the pointer's body. A later touch of a divot
at a known place or distance checks it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.bodies import MarkerBody
from tracking.calibration.collector import CalibrationError, Progress
from tracking.calibration.pivot import Pivot, rested_elsewhere, resting, solve_pivot, tilted
from tracking.calibration.result import CalibrationResult, Finding, PointerValue, utc_now
from tracking.calibration.rigid_errors import bound_95
from tracking.cameras import Camera
from tracking.frames import Frame
from tracking.poses import BodyPose, TrackingState
from tracking.tracker import TrackedFrames, Tracker

FloatArray = NDArray[np.float64]

LEAST_POSES = 200
LEAST_CONE_DEG, LEAST_NARROW_CONE_DEG = 30.0, 15.0
WORST_RMS = 0.3
WORST_BOUND = 1.0
SLIP_SIGMAS, SLIP_MM = 5.0, 0.3
WORST_AWAY = 0.05
"""Of the poses, so many may miss the point altogether before the tip is said to have slipped."""

FIRST_HINT = "Rest the tip in a divot and tilt the pointer to all sides."

CHECK_EVERY = 30
"""Poses after which the progress is worked out anew."""


class PointerCollector:
    """Gathers poses of a pivoting pointer. Used by one thread at a time.

    Parameters
    ----------
    cameras
        Calibrated cameras.
    body
        The pointer's body, calibrated or as designed.
    source
        What the result is to say it was made from.
    """

    def __init__(self, cameras: Sequence[Camera], body: MarkerBody, *, source: str = "") -> None:
        self._tracker = Tracker(cameras, [body])
        self._body = body
        self._source = source
        self._poses: list[BodyPose] = []
        self._share, self._hint = 0.0, FIRST_HINT

    def add(self, frames: Sequence[Frame]) -> Progress:
        """Look at the frames of one instant, at most one of each camera."""
        return self.add_tracked(self._tracker.process(frames))

    def add_tracked(self, tracked: TrackedFrames) -> Progress:
        """Take what a tracker that knows the pointer's body made of an instant."""
        pose = tracked.poses[self._body.name]
        if pose.state is TrackingState.TRACKED:
            self._poses.append(pose)
            if len(self._poses) % CHECK_EVERY == 0:
                self._share, self._hint = self._look()
        found = {
            camera: np.concatenate([one.corners for one in tags])
            for camera, seen in tracked.detections.items()
            if (tags := [one for one in seen if one.tag in self._body.corners])
        }
        return Progress(self._share, self._share >= 1.0, self._hint, found, {})

    def solve(self) -> tuple[CalibrationResult, ...]:
        """Solve for the tip.

        Raises
        ------
        CalibrationError
            If the pointer was hardly seen, or its tip did not rest anywhere.
        """
        return (solve_pointer(self._poses, name=self._body.name, source=self._source),)

    def _look(self) -> tuple[float, str]:
        poses = [one.world_from_body for one in self._poses if one.world_from_body is not None]
        count, cone, narrow = tilted(RigidTransform.concatenate(poses))
        share = min(count / LEAST_POSES, cone / LEAST_CONE_DEG, narrow / LEAST_NARROW_CONE_DEG, 1.0)
        if count == 0:
            return 0.0, FIRST_HINT
        if cone < LEAST_CONE_DEG:
            return share, f"Tilt it further: {LEAST_CONE_DEG:.0f} degrees to every side."
        if narrow < LEAST_NARROW_CONE_DEG:
            return share, "Tilt it to the other sides too, not to and fro only."
        if count < LEAST_POSES:
            return share, f"Go on tilting: {count} of {LEAST_POSES} poses."
        return 1.0, "Enough was seen; solve, or go on to make it better."


def solve_pointer(
    poses: Sequence[BodyPose], *, name: str = "pointer", source: str = ""
) -> CalibrationResult:
    """Find the tip and judge how good it is.

    Parameters
    ----------
    poses
        Tracked poses of the pointer's body in the order of time; those from before the tip
        rested and after it was lifted may be among them.
    name
        The body's name, the result's subject.
    source
        What it was made from.

    Raises
    ------
    CalibrationError
        If there are hardly any poses, or they have no point in common.
    """
    pivot, away = _pivot_of(poses, name)
    bound = bound_95(pivot.covariance)
    sigma = math.sqrt(float(np.trace(pivot.covariance)))
    x, y, z = pivot.tip.tolist()
    return CalibrationResult(
        subject=name,
        made_utc=utc_now(),
        source=source,
        residual=Finding(
            name="tip",
            value=pivot.rms,
            unit="mm",
            meaning="RMS distance of the tip from the point in which it rested",
        ),
        predicted_error=Finding(
            name="tip",
            value=max(sigma, pivot.held_out),
            unit="mm",
            meaning="RMS error of the tip: the larger of its standard deviation and of what "
            "parts of the recording miss the point that the others give",
        ),
        further=_further(pivot, bound),
        faults=tuple(_faults(pivot, bound, away)),
        value=PointerValue(pointer_tip=(x, y, z)),
    )


def _pivot_of(poses: Sequence[BodyPose], name: str) -> tuple[Pivot, float]:
    """Give what the stretch with the tip at rest tells, and the share of poses far off.

    The share is 1 if the tip rested in another point too.
    """
    known = [
        (pose.world_from_body, pose.quality.covariance)
        for pose in poses
        if pose.state is TrackingState.TRACKED
        and pose.world_from_body is not None
        and pose.quality is not None
    ]
    if not known:
        raise CalibrationError(
            f"The {name} was never tracked. Hold its tags towards the cameras, in good light."
        )
    stack = RigidTransform.concatenate([pose for pose, _ in known])
    covariances = np.array([covariance for _, covariance in known])
    stretch = resting(stack)
    if stretch is None:
        raise CalibrationError(
            f"The tip of the {name} did not rest in any point. Put it into a firm divot and "
            "tilt the pointer to all sides without lifting it."
        )
    try:
        pivot = solve_pivot(stack[stretch], covariances[stretch])
    except np.linalg.LinAlgError as error:
        raise CalibrationError(
            f"The {name} was tilted too little to tell its tip. Tilt it to all sides."
        ) from error
    misses = np.linalg.norm(pivot.errors, axis=1)
    away = float(np.mean(misses > 5 * max(WORST_RMS, pivot.unrest)))
    if rested_elsewhere(stack, stretch, pivot.tip):
        away = 1.0
    return pivot, away


def _faults(pivot: Pivot, bound: float, away: float) -> list[str]:
    faults = []
    count = len(pivot.errors)
    if count < LEAST_POSES:
        faults.append(
            f"Only {count} poses with the tip at rest, {LEAST_POSES} are needed: tilt the "
            "pointer for longer."
        )
    if pivot.cone_deg < LEAST_CONE_DEG:
        faults.append(
            f"The pointer was tilted by {pivot.cone_deg:.0f} degrees only, {LEAST_CONE_DEG:.0f} "
            "to every side are needed."
        )
    elif pivot.narrow_cone_deg < LEAST_NARROW_CONE_DEG:
        faults.append(
            "The pointer was tilted to and fro only: tilt it to all sides, "
            f"{LEAST_CONE_DEG:.0f} degrees each."
        )
    if away > WORST_AWAY or pivot.drift > max(SLIP_MM, SLIP_SIGMAS * pivot.drift_sigma):
        faults.append(
            f"The tip slipped: the point in which it rested moved{_by(pivot, away)}. "
            "Use a firm, deep divot and hold its base still."
        )
    if pivot.rms > WORST_RMS:
        faults.append(
            f"The tip misses its point by {pivot.rms:.2f} mm RMS, more than {WORST_RMS} mm. Tilt "
            "more slowly, calibrate the pointer's body, and do not bend the pointer."
        )
    if bound > WORST_BOUND:
        faults.append(f"The tip is uncertain by up to {bound:.1f} mm: tilt further and for longer.")
    return faults


def _by(pivot: Pivot, away: float) -> str:
    return " to another place" if away == 1.0 else f" by up to {pivot.drift:.2f} mm"


def _further(pivot: Pivot, bound: float) -> tuple[Finding, ...]:
    sigmas = np.sqrt(np.diag(pivot.covariance)).tolist()
    return (
        Finding(name="poses", value=float(len(pivot.errors)), unit=""),
        Finding(
            name="cone",
            value=pivot.cone_deg,
            unit="degrees",
            meaning="half the opening of the cone through which the pointer was tilted",
        ),
        Finding(
            name="narrow cone",
            value=pivot.narrow_cone_deg,
            unit="degrees",
            meaning="the same where it was tilted least",
        ),
        *(
            Finding(name=f"tip {axis} sd", value=sigma, unit="mm")
            for axis, sigma in zip("xyz", sigmas, strict=True)
        ),
        Finding(
            name="95 % bound",
            value=bound,
            unit="mm",
            meaning="distance from the true tip that is not exceeded 95 times of 100",
        ),
        Finding(
            name="held out",
            value=pivot.held_out,
            unit="mm",
            meaning="RMS by which parts of the recording miss the point that the others give",
        ),
        Finding(
            name="drift",
            value=pivot.drift,
            unit="mm",
            meaning="how far the resting point seems to move from part to part",
        ),
    )


@dataclass(frozen=True, slots=True)
class TipCheck:
    """A calibrated tip, put to the test.

    Attributes
    ----------
    error
        How far the tip, or the distance between two touches, is from what is known, mm.
    scatter
        RMS distance of the single poses from their mean, mm.
    """

    error: float
    scatter: float


def check_tip(world_from_pointer: RigidTransform, tip: FloatArray, point: FloatArray) -> TipCheck:
    """Touch a known `point` (3,) in ``world`` with `tip`; N poses of it."""
    tips = world_from_pointer.apply(tip).reshape(-1, 3)
    mean = tips.mean(axis=0)
    return TipCheck(float(np.linalg.norm(mean - point)), _scatter(tips))


def check_distance(
    at_first: RigidTransform, at_second: RigidTransform, tip: FloatArray, distance: float
) -> TipCheck:
    """Touch two divots a known `distance` (mm) apart with `tip`; several poses of each."""
    first, second = (poses.apply(tip).reshape(-1, 3) for poses in (at_first, at_second))
    found = float(np.linalg.norm(first.mean(axis=0) - second.mean(axis=0)))
    return TipCheck(abs(found - distance), math.hypot(_scatter(first), _scatter(second)))


def _scatter(tips: FloatArray) -> float:
    return float(np.sqrt(((tips - tips.mean(axis=0)) ** 2).sum(axis=1).mean()))
