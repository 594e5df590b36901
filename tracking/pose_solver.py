"""One pose per body from all corners of all its tags in all cameras.

In: tag observations by camera, the body, and if there is one the pose that it should have. Out: a
:class:`PoseSolution`: tracked with covariance, ambiguous, or lost.

Robust least squares on SE(3) (:mod:`tracking.pose_fit`). Started from the expected pose, or from
both planar solutions of every tag (IPPE, Collins and Bartoli 2014): one tag alone nearly always
has two, and two tags at an angle may have them too. An expected pose is never trusted for long:
the solution is looked for afresh whenever it fits less well than its noise allows, and whenever
the caller asks for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.bodies import MarkerBody
from tracking.cameras import Camera
from tracking.detection import TagObservation
from tracking.planar_poses import planar_placements
from tracking.pose_fit import (
    COARSE_HUBER_PX,
    UNKNOWN_TWIST,
    Fit,
    Glimpse,
    Problem,
    TimeShift,
    TwistPrior,
    coarse_fit,
    covariance,
    glimpse,
    huber_cost,
    plain_cost,
    polish,
    rms_px,
    shift_spread,
    sigma_px,
    time_shift,
)
from tracking.poses import PoseQuality, TrackingState
from tracking.reprojection import Placement, Sighting, sighting_of

FloatArray = NDArray[np.float64]

AMBIGUOUS_RATIO = 1.5

AMBIGUOUS_GAIN = 12.0
"""Least difference in cost between two poses, in variances of the corner noise: what chance alone
gives one time in a thousand. A ratio says little where only one tag is seen."""

USUAL_NOISE_PX2 = 0.1**2

LONE_NOISE_PX2 = 0.25**2
"""Of the corners of a tag seen alone: what covers one side moves two corners together, and no other
tag contradicts."""

LONE_MISFIT_PX2 = 13.8 * 0.07**2
"""Cost of a lone tag that chance exceeds one time in a thousand even in hard light: chi-square with
the two degrees of freedom that four corners leave a pose."""

DISTINCT_RAD = math.radians(3.0)

OUTLIER_SIGMAS = 4.0
OUTLIER_PX = 0.5
"""A tag is left out if half its corners are further off than both."""

WORST_RMS_PX = 3.0
"""Residual beyond which the tags seen cannot be this body at one pose."""

GOOD_RMS_PX = 0.35
"""Residual below which the pose found from the expected one is taken without looking for others."""

FEW_TAGS = 2
"""With so few tags in one camera other poses are always looked for."""

STARTS = 6

LARGEST = 3
MANY_TAGS = 4
"""Tags of each camera that give starts; only one where many tags agree with an expected pose."""

TELLING_SPEED = 20.0
"""Speed of a body (mm/s) from which it tells something of the cameras' clocks."""

GATE = 22.458
"""Chi-square of six degrees of freedom that chance exceeds one time in a thousand."""


@dataclass(frozen=True, eq=False, slots=True)
class Expected:
    """Where a body should be, by what was seen of it before.

    Attributes
    ----------
    placement
        Expected ``world_from_body`` at the time that is solved for.
    covariance
        (6, 6) of it, as in :class:`~tracking.poses.PoseQuality`.
    twist
        Expected velocity.
    """

    placement: Placement
    covariance: FloatArray
    twist: TwistPrior = UNKNOWN_TWIST


LOOSE = np.diag([math.radians(4.0) ** 2] * 3 + [10.0**2] * 3)
"""Covariance of an expected pose that came without one: 4 degrees and 10 mm."""


@dataclass(frozen=True, eq=False, slots=True)
class PoseSolution:
    """What was found.

    Attributes
    ----------
    state
        Tracked, ambiguous or lost (nothing fits).
    world_from_body, quality
        None unless tracked.
    cameras
        Names of the cameras that the pose rests on.
    dropped
        (camera, tag) of tags left out as outliers.
    glimpse
        What the fresh images alone say of the pose; None unless tracked, or if they are no part
        of it.
    time_shifts
        Camera name -> what a moving body tells of the camera's clock.
    shift_spread
        (6, 6) covariance of the pose for a common shift of one pixel in each camera; None unless
        tracked.
    surprising
        Whether the pose found lies elsewhere than expected.
    """

    state: TrackingState
    world_from_body: RigidTransform | None = None
    quality: PoseQuality | None = None
    cameras: tuple[str, ...] = ()
    dropped: tuple[tuple[str, int], ...] = ()
    glimpse: Glimpse | None = None
    time_shifts: Mapping[str, TimeShift] = field(default_factory=dict)
    shift_spread: FloatArray | None = None
    surprising: bool = False


def solve_body_pose(
    body: MarkerBody,
    observations: Mapping[str, Sequence[TagObservation]],
    cameras: Mapping[str, Camera],
    prior: RigidTransform | Expected | None,
    *,
    lags: Mapping[str, float] | None = None,
    verify: bool = False,
    fresh: Sequence[str] | None = None,
) -> PoseSolution:
    """Solve for ``world_from_body``.

    Parameters
    ----------
    body
        The body.
    observations
        Camera name -> tags seen in it, refined corners. Tags of other bodies are passed over.
    cameras
        Camera name -> calibration.
    prior
        Pose that the body is expected to have, or None.
    lags
        Camera name -> capture time relative to the time that is solved for, s; 0 for others.
    verify
        Look for other poses even if the expected one fits well.
    fresh
        Cameras whose images are new; all by default.
    """
    sighting = sighting_of(body, observations, cameras, lags)
    if sighting is None:
        return PoseSolution(TrackingState.LOST)
    expected = Expected(_placement(prior), LOOSE) if isinstance(prior, RigidTransform) else prior
    twist = UNKNOWN_TWIST if expected is None else expected.twist
    problem = Problem(sighting, None if sighting.together else twist)
    found = _find(problem, expected, verify=verify)
    if isinstance(found, PoseSolution):
        return found
    return _solution(found, expected, sighting.cameras if fresh is None else fresh)


def _find(problem: Problem, expected: Expected | None, *, verify: bool) -> _Found | PoseSolution:
    if expected is None or verify or _is_weak(problem.sighting):
        return _solve_anew(problem, expected)
    found = _fit_without_outliers(problem, expected.placement, expected)
    if rms_px(found.fit.residual) > GOOD_RMS_PX or not _inside_gate(found.fit, expected):
        return _solve_anew(problem, expected)
    return found


def _is_weak(sighting: Sighting) -> bool:
    return len(sighting.cameras) == 1 and len(sighting.tags) <= FEW_TAGS


@dataclass(frozen=True, eq=False, slots=True)
class _Found:
    fit: Fit
    problem: Problem
    dropped: tuple[tuple[str, int], ...]
    surprising: bool = False


def _solve_anew(problem: Problem, expected: Expected | None) -> _Found | PoseSolution:
    """Fit from every start; a rival that fits about as well is decided by what was expected.

    Only if exactly one of them lies where the body can be: a pose that turned into its mirror
    image while both looked alike must not be carried on.
    """
    before = None if expected is None else expected.placement
    known = expected is not None and len(problem.sighting.tags) > MANY_TAGS
    largest = 1 if known else LARGEST
    starts = planar_placements(problem.sighting, largest) + ([] if before is None else [before])
    if not starts:
        return PoseSolution(TrackingState.LOST)
    starts = sorted(starts, key=lambda start: plain_cost(problem.sighting, start))
    found = _fit_without_outliers(problem, starts[0], expected)
    # Starts beside what was found lead there again.
    others = [start for start in starts[1:] if _angle(start, found.fit.placement) > DISTINCT_RAD]
    fits = [found.fit, *(coarse_fit(found.problem, start) for start in others[:STARTS])]
    costs = [huber_cost(one.scaled, COARSE_HUBER_PX) for one in fits]
    best = int(np.argmin(costs))
    limit = _limit(costs[best], len(found.problem.sighting.points))
    candidates = _distinct(
        [
            fits[index]
            for index in sorted(range(len(fits)), key=lambda k: costs[k])
            if costs[index] < limit or index == best
        ]
    )
    if len(candidates) > 1:
        held = (
            [] if expected is None else [one for one in candidates if _inside_gate(one, expected)]
        )
        if len(held) != 1:
            return PoseSolution(TrackingState.AMBIGUOUS, dropped=found.dropped)
        candidates = held
    fit = polish(found.problem, candidates[0])
    if rms_px(fit.residual) > WORST_RMS_PX or _is_no_square(fit):
        return PoseSolution(TrackingState.LOST, dropped=found.dropped)
    surprising = expected is not None and not _inside_gate(fit, expected)
    if surprising and len(fit.scaled) == 4:
        # A tag alone, which something may half cover, does not tell that a body turned at once.
        return PoseSolution(TrackingState.AMBIGUOUS, dropped=found.dropped)
    return _Found(fit, found.problem, found.dropped, surprising)


def _limit(best: float, corners: int) -> float:
    """Cost up to which a rival of the best pose, which has cost `best`, is about as good.

    Chance is reckoned with the usual noise of corners, or with theirs if they fit worse: corners
    that something moved must not decide which way a tag is tilted.
    """
    usual = LONE_NOISE_PX2 if corners == 4 else USUAL_NOISE_PX2
    noise = max(usual, best / (2 * corners - 6))
    return max(AMBIGUOUS_RATIO * best, best + AMBIGUOUS_GAIN * noise)


def _is_no_square(fit: Fit) -> bool:
    """Whether a tag seen alone has corners that are not those of a square from anywhere."""
    alone = len(fit.scaled) == 4
    return alone and huber_cost(fit.scaled, COARSE_HUBER_PX) > LONE_MISFIT_PX2


def _distinct(fits: Sequence[Fit]) -> list[Fit]:
    """Of fits ordered by cost, those that are turned away from all better ones."""
    kept: list[Fit] = []
    for fit in fits:
        if all(_angle(fit.placement, other.placement) > DISTINCT_RAD for other in kept):
            kept.append(fit)
    return kept


def _inside_gate(fit: Fit, expected: Expected) -> bool:
    """Whether the rotation found can be that of the expected pose, by Mahalanobis distance.

    The pose's own noise counts too. Where the two planar solutions merge it covers both.
    """
    here, before = fit.placement, expected.placement
    step = np.concatenate([_turn_between(before, here), here.translation - before.translation])
    own = np.linalg.inv(fit.information[:6, :6] + 1e-6 * np.eye(6)) * sigma_px(fit.scaled) ** 2
    distance = float(step @ np.linalg.solve(expected.covariance + own, step))
    return distance <= GATE


def _solution(found: _Found, expected: Expected | None, fresh: Sequence[str]) -> PoseSolution:
    fit, sighting = found.fit, found.problem.sighting
    spread = covariance(sighting, fit)
    quality = PoseQuality(
        corners=len(fit.residual),
        tags=len({tag for _, tag in sighting.tags}),
        cameras=len(sighting.cameras),
        rms_px=rms_px(fit.residual),
        covariance=spread,
        camera_rms_px=_rms_by_camera(sighting, fit),
    )
    return PoseSolution(
        state=TrackingState.TRACKED,
        world_from_body=_transform(fit.placement),
        quality=quality,
        cameras=sighting.cameras,
        dropped=found.dropped,
        glimpse=_glimpse(sighting, fit, spread, fresh),
        time_shifts=_time_shifts(sighting, fit, expected),
        shift_spread=shift_spread(sighting, fit),
        surprising=found.surprising,
    )


def _glimpse(
    sighting: Sighting, fit: Fit, spread: FloatArray, fresh: Sequence[str]
) -> Glimpse | None:
    new = set(fresh) & set(sighting.cameras)
    if len(new) == len(sighting.cameras):
        return Glimpse(np.zeros(6), spread)
    return glimpse(sighting, fit, fresh) if new else None


def _time_shifts(
    sighting: Sighting, fit: Fit, expected: Expected | None
) -> Mapping[str, TimeShift]:
    if expected is None or len(sighting.cameras) < 2:
        return {}
    twist = expected.twist.mean
    if float(np.linalg.norm(twist[3:])) < TELLING_SPEED:
        return {}
    return {camera: time_shift(sighting, fit, twist, camera) for camera in sighting.cameras}


def _rms_by_camera(sighting: Sighting, fit: Fit) -> Mapping[str, float]:
    squares = (fit.residual * fit.residual).sum(axis=1).reshape(-1, 4).mean(axis=1)
    names = [camera for camera, _ in sighting.tags]
    return MappingProxyType(
        {
            name: math.sqrt(
                float(np.mean([s for s, n in zip(squares, names, strict=True) if n == name]))
            )
            for name in sighting.cameras
        }
    )


def _fit_without_outliers(problem: Problem, start: Placement, expected: Expected | None) -> _Found:
    """Fit, leaving out tags that do not fit, the worst first, as long as most remain.

    Two tags must remain, or one where the pose is known from before.
    """
    dropped: list[tuple[str, int]] = []
    count = len(problem.sighting.tags)
    most = min(count // 2, count - (2 if expected is None else 1))
    fit = polish(problem, coarse_fit(problem, start))
    while len(dropped) < most:
        worst = _worst_tag(fit)
        if worst is None:
            break
        dropped.append(problem.sighting.tags[worst])
        problem = problem.without(worst)
        fit = polish(problem, coarse_fit(problem, fit.placement))
    return _Found(fit, problem, tuple(dropped))


def _worst_tag(fit: Fit) -> int | None:
    """Index of the tag that fits worst, if it is an outlier."""
    errors = _medians_by_tag(np.hypot(fit.residual[:, 0], fit.residual[:, 1]))
    worst = int(errors.argmax())
    if errors[worst] <= OUTLIER_PX:
        return None
    scaled = float(_medians_by_tag(fit.scaled)[worst])
    return worst if scaled > OUTLIER_SIGMAS * sigma_px(fit.scaled) else None


def _medians_by_tag(values: FloatArray) -> FloatArray:
    ordered = np.sort(values.reshape(-1, 4), axis=1)
    return np.asarray((ordered[:, 1] + ordered[:, 2]) / 2, dtype=np.float64)


def _angle(first: Placement, second: Placement) -> float:
    trace = float(np.trace(first.rotation.T @ second.rotation))
    return math.acos(min(1.0, max(-1.0, (trace - 1) / 2)))


def _turn_between(first: Placement, second: Placement) -> FloatArray:
    turn, _ = cv2.Rodrigues(second.rotation @ first.rotation.T)
    return np.asarray(turn, dtype=np.float64).reshape(3)


def _placement(pose: RigidTransform) -> Placement:
    matrix = pose.as_matrix()
    return Placement(matrix[:3, :3], matrix[:3, 3])


def _transform(placement: Placement) -> RigidTransform:
    rotation = placement.rotation
    matrix = np.eye(4)
    # One step towards the nearest orthonormal matrix (Bjorck and Bowie 1971): rounding errors
    # must not add up from prior to prior. SciPy's own way takes as long as the solution.
    matrix[:3, :3] = rotation @ (1.5 * np.eye(3) - 0.5 * rotation.T @ rotation)
    matrix[:3, 3] = placement.translation
    return RigidTransform(matrix, normalize=False)
