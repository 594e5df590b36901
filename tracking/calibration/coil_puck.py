"""Coil calibration by a puck: a flat plate with tags, clamped onto the coil's focal point.

In: pictures, or tracked poses, of coil body and puck together. Out: a result with
``coil_body_from_coil``, averaged by information over all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.bodies import MarkerBody
from tracking.calibration.coil import CoilEstimate, coil_result, puck_from_coil
from tracking.calibration.collector import CalibrationError, Progress
from tracking.calibration.result import CalibrationResult, Finding
from tracking.calibration.rigid_errors import MeanTransform, mean_transform, relative_covariance
from tracking.cameras import Camera
from tracking.frames import Frame
from tracking.poses import BodyPose, TrackingState
from tracking.rigid import difference
from tracking.tracker import TrackedFrames, Tracker

FloatArray = NDArray[np.float64]

LEAST_FRAMES = 100
TOGETHER_NS = 3_000_000
"""Both must be seen within this time; the coil is turned slowly."""

BLOCKS = 5
LEAST_TURN_DEG = 15.0
WORST_SCATTER_MM, WORST_SCATTER_DEG = 2.0, 1.5
SLIP_MM, SLIP_DEG, SLIP_SIGMAS = 0.5, 0.5, 5.0
WORST_ERROR_MM = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class PairPose:
    """Coil body and puck, both tracked in the same instant."""

    coil_body: BodyPose
    puck: BodyPose


class PuckCollector:
    """Gathers instants in which coil body and puck are both tracked. For one thread.

    Parameters
    ----------
    cameras
        Calibrated cameras.
    coil_body, puck
        The two bodies; the puck's frame as :func:`~tracking.calibration.coil.puck_from_coil`
        has it.
    before
        ``coil_body_from_coil`` in force, or None.
    source
        What the result is to say it was made from.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        coil_body: MarkerBody,
        puck: MarkerBody,
        *,
        before: RigidTransform | None = None,
        source: str = "",
    ) -> None:
        self._tracker = Tracker(cameras, [coil_body, puck])
        self._bodies = (coil_body, puck)
        self._before = before
        self._source = source
        self._pairs: list[PairPose] = []

    def add(self, frames: Sequence[Frame]) -> Progress:
        """Look at the frames of one instant, at most one of each camera."""
        return self.add_tracked(self._tracker.process(frames))

    def add_tracked(self, tracked: TrackedFrames) -> Progress:
        """Take what a tracker that knows both bodies made of an instant."""
        body, puck = (tracked.poses[one.name] for one in self._bodies)
        both = body.state is puck.state is TrackingState.TRACKED
        if both and abs(body.time_ns - puck.time_ns) <= TOGETHER_NS:
            self._pairs.append(PairPose(body, puck))
        own = {tag for one in self._bodies for tag in one.corners}
        found = {
            camera: np.concatenate([one.corners for one in tags])
            for camera, seen in tracked.detections.items()
            if (tags := [one for one in seen if one.tag in own])
        }
        share = min(1.0, len(self._pairs) / LEAST_FRAMES)
        return Progress(share, share >= 1.0, self._hint(body, puck), found, {})

    def solve(self) -> tuple[CalibrationResult, ...]:
        """Average what was gathered.

        Raises
        ------
        CalibrationError
            If the two were hardly seen together.
        """
        result = solve_puck(self._pairs, self._bodies[1], before=self._before, source=self._source)
        return (result,)

    def _hint(self, body: BodyPose, puck: BodyPose) -> str:
        if body.state is not TrackingState.TRACKED:
            return "Turn the coil so that the cameras see its marker body too."
        if puck.state is not TrackingState.TRACKED:
            return "Turn the coil so that the cameras see the puck too."
        if len(self._pairs) < LEAST_FRAMES:
            return f"Turn the coil slowly, both in sight: {len(self._pairs)} of {LEAST_FRAMES}."
        return "Enough was seen; solve, or go on to make it better."


def solve_puck(
    pairs: Sequence[PairPose],
    puck: MarkerBody,
    *,
    before: RigidTransform | None = None,
    source: str = "",
) -> CalibrationResult:
    """Average where the puck is on the coil body, and judge it.

    Parameters
    ----------
    pairs
        In the order of time.
    puck
        The puck as calibrated or as designed.
    before
        ``coil_body_from_coil`` in force, or None.
    source
        What it was made from.

    Raises
    ------
    CalibrationError
        If there are fewer than ten pairs.
    """
    if len(pairs) < 2 * BLOCKS:
        raise CalibrationError(
            f"Coil body and puck were seen together in {len(pairs)} pictures only, "
            f"{LEAST_FRAMES} are needed. Turn the coil so that both show at once."
        )
    transforms, covariances = _relative(pairs)
    mean = mean_transform(transforms, covariances)
    apart = _between_blocks(transforms, covariances)
    # What lasts longer than neighbouring frames shows as a difference between the parts.
    covariance = np.maximum(1.0, apart.excess**2) * mean.covariance
    on_puck = puck_from_coil(puck)
    # The coil's origin is the puck's, so the error of one is the error of the other.
    estimate = CoilEstimate(mean.transform * on_puck, covariance)
    scatter = np.sqrt((mean.errors[:, 3:] ** 2).sum(axis=1).mean())
    tilt = np.rad2deg(np.sqrt((mean.errors[:, :3] ** 2).sum(axis=1).mean()))
    turned = _turned(pairs)
    return coil_result(
        estimate,
        Finding(
            name="puck on coil body",
            value=float(scatter),
            unit="mm",
            meaning="RMS by which single frames differ from the mean",
        ),
        Finding(
            name="focal point",
            value=estimate.offset_sigma,
            unit="mm",
            meaning="RMS error of the puck's centre on the coil body; how well it was clamped onto "
            "the focal point comes on top",
        ),
        (
            Finding(name="frames", value=float(len(pairs)), unit=""),
            Finding(name="scatter of rotation", value=float(tilt), unit="degrees", meaning="RMS"),
            Finding(
                name="turned through",
                value=turned,
                unit="degrees",
                meaning="between the two views furthest apart",
            ),
        ),
        _faults(len(pairs), float(scatter), float(tilt), turned, apart, estimate),
        source=source,
        before=before,
    )


def _relative(pairs: Sequence[PairPose]) -> tuple[RigidTransform, FloatArray]:
    transforms, covariances = [], []
    for pair in pairs:
        body, puck = pair.coil_body.world_from_body, pair.puck.world_from_body
        if body is None or puck is None or not (pair.coil_body.quality and pair.puck.quality):
            continue
        transforms.append(difference(body, puck))
        covariances.append(
            relative_covariance(
                body, pair.coil_body.quality.covariance, puck, pair.puck.quality.covariance
            )
        )
    return RigidTransform.concatenate(transforms), np.array(covariances)


def _between_blocks(transforms: RigidTransform, covariances: FloatArray) -> MeanTransform:
    """Average the means of five parts of the recording; their errors tell whether it slipped."""
    parts = np.array_split(np.arange(len(transforms)), BLOCKS)
    means = [mean_transform(transforms[part], covariances[part]) for part in parts]
    return mean_transform(
        RigidTransform.concatenate([one.transform for one in means]),
        np.array([one.covariance for one in means]),
    )


def _turned(pairs: Sequence[PairPose]) -> float:
    """Angle between the two views furthest apart, degrees."""
    poses = [pair.coil_body.world_from_body for pair in pairs]
    axes = np.array([pose.rotation.as_matrix() for pose in poses if pose is not None])
    some = axes[:: max(1, len(axes) // 200)]
    trace = np.einsum("aij,bij->ab", some, some).min()
    return float(np.rad2deg(math.acos(min(1.0, max(-1.0, (trace - 1) / 2)))))


def _faults(
    frames: int,
    scatter: float,
    tilt: float,
    turned: float,
    apart: MeanTransform,
    estimate: CoilEstimate,
) -> list[str]:
    faults = []
    if frames < LEAST_FRAMES:
        faults.append(
            f"Coil body and puck were seen together in {frames} pictures only, {LEAST_FRAMES} "
            "are needed: hold both towards the cameras for longer."
        )
    if turned < LEAST_TURN_DEG:
        faults.append(
            f"The coil was turned by {turned:.0f} degrees only, {LEAST_TURN_DEG:.0f} are needed "
            "for errors of single views to average out: turn it slowly while both are in sight."
        )
    if scatter > WORST_SCATTER_MM or tilt > WORST_SCATTER_DEG:
        faults.append(
            f"Single frames differ by {scatter:.1f} mm and {tilt:.1f} degrees: clamp the puck "
            "firmly, come closer, and calibrate coil body and puck."
        )
    shift = float(np.linalg.norm(apart.errors[:, 3:], axis=1).max())
    turn = float(np.rad2deg(np.linalg.norm(apart.errors[:, :3], axis=1).max()))
    if (shift > SLIP_MM or turn > SLIP_DEG) and apart.excess > SLIP_SIGMAS:
        faults.append(
            f"The puck slipped on the coil: it moved by up to {shift:.1f} mm and {turn:.1f} "
            "degrees during the recording. Clamp it firmly and record anew."
        )
    if estimate.offset_sigma > WORST_ERROR_MM:
        faults.append(
            f"The focal point is uncertain by {estimate.offset_sigma:.2f} mm, more than "
            f"{WORST_ERROR_MM} mm: record for longer, closer, from more sides."
        )
    return faults
