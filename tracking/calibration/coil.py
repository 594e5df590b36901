"""Coil calibration: where the coil is on its marker body, and what both ways to find it share.

In: an estimate of ``coil_body_from_coil`` by :mod:`tracking.calibration.coil_puck` or
:mod:`tracking.calibration.coil_dimples`. Out: its result; and later, by touching the focal point
with the calibrated pointer, the error that it really has.

The coil's frame is SimNIBS': origin at the centre of the head-side face, where the focal point is;
z into the head; y away from the handle; x = y cross z.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from tracking.bodies import MarkerBody
from tracking.calibration.result import CalibrationResult, CoilValue, Finding, utc_now
from tracking.feed_description import TransformModel

FloatArray = NDArray[np.float64]

SUBJECT = "coil"
FAR_MM, FAR_DEG = 5.0, 5.0
"""A coil that lies further than this from where it was before was moved on its body, or the
calibration went wrong."""


@dataclass(frozen=True, eq=False, slots=True)
class CoilEstimate:
    """``coil_body_from_coil`` and the covariance (6, 6) of its error along the body's axes."""

    coil_body_from_coil: RigidTransform
    covariance: FloatArray

    @property
    def offset_sigma(self) -> float:
        """RMS error of the focal point, mm."""
        return float(np.sqrt(np.trace(self.covariance[3:, 3:])))

    @property
    def tilt_sigma_deg(self) -> float:
        """RMS error of the direction into the head, degrees."""
        z = self.coil_body_from_coil.rotation.as_matrix()[:, 2]
        across = np.eye(3) - np.outer(z, z)
        return float(np.rad2deg(np.sqrt(np.trace(across @ self.covariance[:3, :3] @ across))))

    @property
    def turn_sigma_deg(self) -> float:
        """Standard deviation of the turn about the direction into the head, degrees."""
        z = self.coil_body_from_coil.rotation.as_matrix()[:, 2]
        return float(np.rad2deg(np.sqrt(z @ self.covariance[:3, :3] @ z)))


def coil_axes(into_head: FloatArray, away_from_handle: FloatArray) -> Rotation:
    """Give ``body_from_coil`` of the axes: z along `into_head`, y nearest to `away_from_handle`."""
    z = into_head / np.linalg.norm(into_head)
    y = away_from_handle - (away_from_handle @ z) * z
    y = y / np.linalg.norm(y)
    return Rotation.from_matrix(np.column_stack([np.cross(y, z), y, z]))


def puck_from_coil(puck: MarkerBody) -> RigidTransform:
    """Give where the coil is on a puck that is clamped to its face.

    The puck's origin is the centre of its back, which lies on the focal point; its y points away
    from the handle; its tags look into the head. The last is taken from the tags themselves.
    """
    inwards = np.zeros(3)
    for corners in puck.corners.values():
        inwards += np.cross(corners[3] - corners[0], corners[1] - corners[0])
    return RigidTransform.from_rotation(coil_axes(inwards, np.array([0.0, 1.0, 0.0])))


@dataclass(frozen=True, slots=True)
class FocalCheck:
    """A touch of the focal point, in the coil's frame as calibrated, mm.

    Attributes
    ----------
    sideways
        Distance within the plane of the face.
    depth
        Along z: above 0 the touch was on the head's side of the calibrated face.
    """

    sideways: float
    depth: float

    @property
    def error(self) -> float:
        """Distance of the touch from the calibrated focal point, mm."""
        return math.hypot(self.sideways, self.depth)


def check_focal_point(coil_body_from_coil: RigidTransform, touch: FloatArray) -> FocalCheck:
    """Compare the calibrated focal point with a `touch` (3,) of it in the coil body's frame."""
    x, y, z = coil_body_from_coil.inv().apply(touch).tolist()
    return FocalCheck(math.hypot(x, y), z)


def coil_result(
    estimate: CoilEstimate,
    residual: Finding,
    error: Finding,
    further: Sequence[Finding],
    faults: Sequence[str],
    *,
    source: str,
    before: RigidTransform | None,
    warnings: Sequence[str] = (),
) -> CalibrationResult:
    """Put the result together, with what both ways tell; `before` was in force until now."""
    told = [*warnings]
    if before is not None:
        told += _moved(estimate.coil_body_from_coil, before)
    return CalibrationResult(
        subject=SUBJECT,
        made_utc=utc_now(),
        source=source,
        residual=residual,
        predicted_error=error,
        further=(
            Finding(
                name="offset sd",
                value=estimate.offset_sigma,
                unit="mm",
                meaning="of the focal point, all directions together",
            ),
            Finding(
                name="tilt sd",
                value=estimate.tilt_sigma_deg,
                unit="degrees",
                meaning="of the direction into the head",
            ),
            Finding(
                name="turn sd",
                value=estimate.turn_sigma_deg,
                unit="degrees",
                meaning="about the direction into the head",
            ),
            *further,
        ),
        faults=tuple(faults),
        warnings=tuple(told),
        value=CoilValue(coil_body_from_coil=TransformModel.of(estimate.coil_body_from_coil)),
    )


def _moved(found: RigidTransform, before: RigidTransform) -> list[str]:
    shift = float(np.linalg.norm(found.translation - before.translation))
    turn = float(np.rad2deg((found.rotation * before.rotation.inv()).magnitude()))
    if shift <= FAR_MM and turn <= FAR_DEG:
        return []
    return [
        f"The coil lies {shift:.1f} mm and {turn:.1f} degrees from where the calibration in force "
        "has it: its body was moved, or puck or dimples were not where they should be."
    ]
