"""Coil calibration by pointing: dimples of the casing, then the face, touched with the pointer.

In: pictures, or tracked poses, of coil body and calibrated pointer. Out: a result with
``coil_body_from_coil``. The dimples are touched in the order of the coil's description, each for a
second, then the flat face at several places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.bodies import MarkerBody
from tracking.calibration.coil import CoilEstimate, coil_result
from tracking.calibration.coil_description import CoilDescription, check_dimples
from tracking.calibration.collector import CalibrationError, Progress
from tracking.calibration.dimple_fit import (
    DimpleFit,
    best_order,
    fit_dimples,
    plain_rms,
    symmetric_orders,
)
from tracking.calibration.result import CalibrationResult, Finding
from tracking.calibration.touches import TipPose, Touch, find_touches, tip_pose
from tracking.cameras import Camera
from tracking.frames import Frame
from tracking.poses import TrackingState
from tracking.tracker import TrackedFrames, Tracker

FloatArray = NDArray[np.float64]

WANTED_FACE = 3
CHECK_EVERY = 10
"""Poses after which touches are counted anew."""

SEAT_SIGMA_MM = 0.2
"""How exactly a tip finds a dimple or the face, per axis."""

WORST_RMS_MM, WORST_MISS_MM, WORST_FACE_MM = 1.0, 2.0, 1.0
WORST_ERROR_MM = 0.8
BETTER = 0.4
"""Another order, or mirrored positions, must leave this part of the misfit to be named."""


class DimpleCollector:
    """Gathers touches of a coil. Used by one thread at a time.

    Parameters
    ----------
    cameras
        Calibrated cameras.
    coil_body, pointer
        The two bodies.
    tip
        (3,) calibrated tip in the pointer's frame, mm.
    coil
        The coil's description.
    tip_sigma
        RMS error of the tip, mm, as its calibration told.
    before
        ``coil_body_from_coil`` in force, or None.
    source
        What the result is to say it was made from.

    Raises
    ------
    CoilDescriptionError
        If the dimples cannot tell where the coil is.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        coil_body: MarkerBody,
        pointer: MarkerBody,
        tip: FloatArray,
        coil: CoilDescription,
        *,
        tip_sigma: float = 0.2,
        before: RigidTransform | None = None,
        source: str = "",
    ) -> None:
        check_dimples(coil)
        self._tracker = Tracker(cameras, [coil_body, pointer])
        self._bodies = (coil_body, pointer)
        self._tip = np.asarray(tip, dtype=np.float64)
        self._coil = coil
        self._tip_sigma = tip_sigma
        self._before = before
        self._source = source
        self._poses: list[TipPose] = []
        self._touched = 0

    def add(self, frames: Sequence[Frame]) -> Progress:
        """Look at the frames of one instant, at most one of each camera."""
        return self.add_tracked(self._tracker.process(frames))

    def add_tracked(self, tracked: TrackedFrames) -> Progress:
        """Take what a tracker that knows both bodies made of an instant."""
        body, pointer = (tracked.poses[one.name] for one in self._bodies)
        if body.state is pointer.state is TrackingState.TRACKED:
            pose = tip_pose(body, pointer, self._tip)
            self._poses += [] if pose is None else [pose]
            if len(self._poses) % CHECK_EVERY == 0:
                self._touched = len(find_touches(self._poses))
        own = {tag for one in self._bodies for tag in one.corners}
        found = {
            camera: np.concatenate([one.corners for one in tags])
            for camera, seen in tracked.detections.items()
            if (tags := [one for one in seen if one.tag in own])
        }
        share, hint = self._progress()
        return Progress(share, share >= 1.0, hint, found, {})

    def solve(self) -> tuple[CalibrationResult, ...]:
        """Lay the coil onto the touches.

        Raises
        ------
        CalibrationError
            If fewer places were touched than there are dimples.
        """
        result = solve_dimples(
            find_touches(self._poses),
            self._coil,
            tip_sigma=self._tip_sigma,
            before=self._before,
            source=self._source,
        )
        return (result,)

    def _progress(self) -> tuple[float, str]:
        names, touched = self._coil.names, self._touched
        share = min(1.0, touched / (len(names) + WANTED_FACE))
        if touched < len(names):
            return share, f"Touch dimple '{names[touched]}' and hold the pointer still for 1 s."
        if share < 1.0:
            left = len(names) + WANTED_FACE - touched
            return share, f"Touch the flat face at {left} more places far apart, 1 s each."
        return 1.0, "Enough was touched; solve, or touch the face at more places."


def solve_dimples(
    touches: Sequence[Touch],
    coil: CoilDescription,
    *,
    tip_sigma: float = 0.2,
    before: RigidTransform | None = None,
    source: str = "",
) -> CalibrationResult:
    """Lay the coil onto `touches`: the dimples in their order, then points of the face.

    Parameters
    ----------
    touches
        In the order of time.
    coil
        The coil's description.
    tip_sigma
        RMS error of the pointer's tip, mm.
    before
        ``coil_body_from_coil`` in force, or None.
    source
        What it was made from.

    Raises
    ------
    CalibrationError
        If fewer places were touched than there are dimples.
    CoilDescriptionError
        If the dimples cannot tell where the coil is.
    """
    check_dimples(coil)
    count = len(coil.names)
    if len(touches) < count:
        raise CalibrationError(
            f"{len(touches)} touches were found, but coil '{coil.name}' has {count} dimples. Touch "
            f"them in this order, 1 s each: {', '.join(coil.names)}; then the flat face."
        )
    points = np.array([touch.point for touch in touches])
    covariances = np.array([touch.covariance for touch in touches])
    covariances += SEAT_SIGMA_MM**2 * np.eye(3)
    fit = fit_dimples(
        coil.positions, points[:count], covariances[:count], points[count:], covariances[count:]
    )
    estimate = CoilEstimate(fit.coil_body_from_coil, fit.covariance)
    error = math.hypot(estimate.offset_sigma, tip_sigma)
    return coil_result(
        estimate,
        Finding(
            name="dimples",
            value=fit.rms,
            unit="mm",
            meaning="RMS distance of the touches from the dimples",
        ),
        Finding(
            name="focal point",
            value=error,
            unit="mm",
            meaning="RMS error, by the scatter of the touches and the error of the pointer's tip",
        ),
        _further(coil, fit),
        _faults(touches, coil, fit, error),
        source=source,
        before=before,
        warnings=_warnings(coil, len(touches) - count),
    )


def _further(coil: CoilDescription, fit: DimpleFit) -> list[Finding]:
    misses = np.linalg.norm(fit.dimple_errors, axis=1).tolist()
    findings = [
        Finding(name=f"dimple {name}", value=miss, unit="mm", meaning="touch from dimple")
        for name, miss in zip(coil.names, misses, strict=True)
    ]
    if len(fit.face_errors):
        findings.append(
            Finding(
                name="face",
                value=fit.face_rms,
                unit="mm",
                meaning=f"RMS distance of its {len(fit.face_errors)} touches from the plane",
            )
        )
    return findings


def _warnings(coil: CoilDescription, face: int) -> list[str]:
    warnings = []
    same = symmetric_orders(coil.positions, WORST_RMS_MM)
    if same:
        order = ", ".join(coil.names[index] for index in same[0])
        warnings.append(
            f"The dimples look the same in the order {order}: make sure that each was touched "
            "when it was its turn."
        )
    if face < WANTED_FACE:
        warnings.append(
            f"The face was touched {face} times only; {WANTED_FACE} touches far apart make the "
            "tilt surer."
        )
    return warnings


def _faults(
    touches: Sequence[Touch], coil: CoilDescription, fit: DimpleFit, error: float
) -> list[str]:
    count = len(coil.names)
    touched = np.array([touch.point for touch in touches[:count]])
    misses = np.linalg.norm(fit.dimple_errors, axis=1)
    faults = []
    if fit.face_rms > WORST_FACE_MM and plain_rms(coil.positions, touched) <= WORST_RMS_MM:
        faults.append(
            f"The touches of the face lie {fit.face_rms:.1f} mm RMS beside the plane that the "
            "dimples give. Touch the flat face only, and check the dimples' positions."
        )
    elif fit.rms > WORST_RMS_MM or misses.max() > WORST_MISS_MM:
        named = _named_cause(coil, touched)
        worst = int(misses.argmax())
        faults.append(
            named
            or f"The touches do not fit the dimples: {fit.rms:.1f} mm RMS, '{coil.names[worst]}' "
            f"misses by {misses[worst]:.1f} mm. Touch it again, and check its position."
        )
    elif _from_inside(touches, fit):
        faults.append(
            "The face was touched from within the coil: its z axis points away from the head. "
            "The dimples' positions are mirrored, or were touched in mirrored order."
        )
    if error > WORST_ERROR_MM and not faults:
        faults.append(
            f"The focal point is uncertain by {error:.1f} mm, more than {WORST_ERROR_MM} mm: "
            "calibrate the pointer anew, and touch with care."
        )
    return faults


def _named_cause(coil: CoilDescription, touched: FloatArray) -> str:
    """Name what would explain touches that do not fit; empty if nothing does."""
    plain = plain_rms(coil.positions, touched)
    order, reordered = best_order(coil.positions, touched)
    mirrored = plain_rms(coil.positions, touched, mirrored=True)
    if mirrored < min(BETTER * plain, WORST_RMS_MM, reordered):
        return (
            "The dimples' positions are mirrored: with x reversed they fit the touches. Correct "
            f"the description of coil '{coil.name}' (z into the head, y away from the handle, "
            "x = y cross z)."
        )
    if reordered < min(BETTER * plain, WORST_RMS_MM):
        names = ", ".join(coil.names[index] for index in order)
        return (
            f"The dimples were touched in another order: it looks like {names}. Touch them in "
            f"this order: {', '.join(coil.names)}."
        )
    return ""


def _from_inside(touches: Sequence[Touch], fit: DimpleFit) -> bool:
    """Whether the pointer came to the face from where the coil is."""
    face = touches[len(fit.dimple_errors) :]
    if not face:
        return False
    z = fit.coil_body_from_coil.rotation.as_matrix()[:, 2]
    return float(np.mean([touch.shaft @ z for touch in face])) < 0
