"""Touches: the moments in which the pointer's tip rests on something.

In: poses of the coil body and the pointer together. Out: :class:`Touch`, one for each place at
which the tip rested, in the coil body's frame. Moving the coil meanwhile does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.calibration.rigid_errors import persistence, relative_covariance, skew
from tracking.poses import BodyPose
from tracking.rigid import difference

FloatArray = NDArray[np.float64]

STILL_MM = 1.0
"""A tip that stays this near to where it was is at rest."""

LEAST_S = 0.5
"""So long the tip must rest for a touch."""

GAP_S = 0.4
"""A longer pause without poses ends a touch."""

SAME_MM = 1.5
"""Touches that follow one another this near are one, during which the hand shook."""


@dataclass(frozen=True, eq=False, slots=True)
class TipPose:
    """The tip in the coil body's frame at one instant.

    Attributes
    ----------
    time_ns
        Of the instant.
    tip
        (3,) mm.
    covariance
        (3, 3) of it by the covariances of both poses.
    shaft
        (3,) unit vector from the tip to the pointer's body.
    """

    time_ns: int
    tip: FloatArray
    covariance: FloatArray
    shaft: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Touch:
    """One place at which the tip rested, in the coil body's frame.

    Attributes
    ----------
    point
        (3,) mean, mm.
    covariance
        (3, 3) of the mean.
    shaft
        (3,) mean direction from the tip to the pointer's body.
    scatter
        RMS distance of single poses from the mean, mm.
    start_ns, end_ns
        When it began and ended.
    """

    point: FloatArray
    covariance: FloatArray
    shaft: FloatArray
    scatter: float
    start_ns: int
    end_ns: int


def tip_pose(coil_body: BodyPose, pointer: BodyPose, tip: FloatArray) -> TipPose | None:
    """Give the tip as seen from the coil body; None unless both bodies have poses."""
    body, pointing = coil_body.world_from_body, pointer.world_from_body
    if body is None or pointing is None or not (coil_body.quality and pointer.quality):
        return None
    relative = difference(body, pointing)
    arm = relative.rotation.apply(tip)
    of_tip = np.hstack([-skew(arm), np.eye(3)])
    both = relative_covariance(
        body, coil_body.quality.covariance, pointing, pointer.quality.covariance
    )
    return TipPose(
        time_ns=pointer.time_ns,
        tip=relative.translation + arm,
        covariance=of_tip @ both @ of_tip.T,
        shaft=-arm / max(float(np.linalg.norm(arm)), 1e-9),
    )


def find_touches(poses: Sequence[TipPose]) -> list[Touch]:
    """Find the touches in `poses`, which are in the order of time."""
    touches: list[list[TipPose]] = []
    for run in _runs(poses):
        lasted = (run[-1].time_ns - run[0].time_ns) / 1e9
        if lasted < LEAST_S:
            continue
        before = touches[-1] if touches else None
        if before is not None and _near(before, run):
            before += run
        else:
            touches.append(run)
    return [_touch(run) for run in touches]


def _runs(poses: Sequence[TipPose]) -> list[list[TipPose]]:
    """Cut `poses` wherever the tip leaves the place where it was, or was lost for a while."""
    runs: list[list[TipPose]] = []
    total = np.zeros(3)
    for pose in poses:
        run = runs[-1] if runs else None
        if (
            run is not None
            and pose.time_ns - run[-1].time_ns <= GAP_S * 1e9
            and np.linalg.norm(pose.tip - total / len(run)) <= STILL_MM
        ):
            run.append(pose)
            total = total + pose.tip
        else:
            runs.append([pose])
            total = pose.tip
    return runs


def _near(first: Sequence[TipPose], second: Sequence[TipPose]) -> bool:
    middles = [np.median([pose.tip for pose in run], axis=0) for run in (first, second)]
    return bool(np.linalg.norm(middles[0] - middles[1]) <= SAME_MM)


def _touch(run: Sequence[TipPose]) -> Touch:
    tips = np.array([pose.tip for pose in run])
    covariances = np.array([pose.covariance for pose in run])
    information = np.linalg.inv(covariances)
    point = np.linalg.solve(information.sum(axis=0), np.einsum("nij,nj->i", information, tips))
    errors = tips - point
    white = np.einsum("nji,nj->ni", np.linalg.cholesky(information), errors)
    excess = max(1.0, float((white**2).sum()) / (3 * max(len(run) - 1, 1)))
    shaft = np.mean([pose.shaft for pose in run], axis=0)
    return Touch(
        point=point,
        covariance=np.linalg.inv(information.sum(axis=0)) * excess * persistence(white),
        shaft=shaft / np.linalg.norm(shaft),
        scatter=float(np.sqrt((errors**2).sum(axis=1).mean())),
        start_ns=run[0].time_ns,
        end_ns=run[-1].time_ns,
    )
