"""One pose per body from all corners of all its tags in all cameras.

In: tag observations by camera, the body, and if there is one the pose it had just before. Out: a
:class:`PoseSolution`: tracked with covariance, ambiguous, or lost.

Robust least squares on SE(3) (Levenberg-Marquardt with Huber weights) over the reprojection
residuals. Started from the prior, or from both planar solutions of every tag (IPPE, Collins and
Bartoli 2014): one tag alone nearly always has two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.bodies import MarkerBody
from tracking.cameras import Camera
from tracking.detection import TagObservation
from tracking.planar_poses import planar_placements
from tracking.poses import PoseQuality, TrackingState
from tracking.reprojection import Placement, Sighting, residuals, sighting_of

FloatArray = NDArray[np.float64]

LEAST_SIGMA_PX = 0.03
"""Corner noise never assumed smaller than this, however well the corners fit by chance."""

COARSE_HUBER_PX = 1.0
AMBIGUOUS_RATIO = 1.5

AMBIGUOUS_GAIN_PX2 = 12 * 0.1**2
"""Least difference in cost between two poses: what chance alone gives one time in a thousand with
a corner noise of 0.1 px. A ratio says little where only one tag is seen."""

DISTINCT_RAD = math.radians(3.0)
OUTLIER_SIGMAS = 4.0
OUTLIER_PX = 1.0
WORST_RMS_PX = 3.0
"""Residual beyond which the tags seen cannot be this body at one pose."""

GOOD_RMS_PX = 1.0
"""Residual below which the pose found from the prior is taken without looking for others."""

STARTS = 6

COARSE_GAIN = 1e-2
FINE_GAIN = 1e-5
"""Part of the cost by which a step must be expected to lower it, to be taken at all. With the
finer one a pose ends less than a twentieth of its standard deviation beside the minimum."""

LEAST_INFORMATION = 1e-9
"""Added so that a direction in which nothing holds the pose gets a huge variance, not an error."""

LEAST_TURN, LEAST_SHIFT = 1e-7, 1e-4
"""Step (rad, mm) that is not worth taking: far below what any corner noise makes."""


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
    """

    state: TrackingState
    world_from_body: RigidTransform | None = None
    quality: PoseQuality | None = None
    cameras: tuple[str, ...] = ()
    dropped: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class _Fit:
    """A placement and the robust least squares problem linearised there.

    `residual` (M, 2) px, its `jacobian` (2 M, 6), `scaled` (M,) the lengths of the residuals in
    the noise of a large tag's corners; `cost`, `information` and `gradient` with Huber weights.
    """

    placement: Placement
    residual: FloatArray
    jacobian: FloatArray
    scaled: FloatArray
    cost: float
    information: FloatArray
    gradient: FloatArray


def solve_body_pose(
    body: MarkerBody,
    observations: Mapping[str, Sequence[TagObservation]],
    cameras: Mapping[str, Camera],
    prior: RigidTransform | None,
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
        Recent pose of the body, or None.
    """
    sighting = sighting_of(body, observations, cameras)
    if sighting is None:
        return PoseSolution(TrackingState.LOST)
    before = None if prior is None else _placement(prior)
    if before is not None and len(sighting.tags) > 1:
        fit, kept, dropped = _fit_without_outliers(sighting, before)
        if _rms(fit.residual) <= GOOD_RMS_PX:
            return _solution(fit, kept, dropped)
    return _solve_anew(sighting, before)


def _solve_anew(sighting: Sighting, before: Placement | None) -> PoseSolution:
    starts = planar_placements(sighting) + ([] if before is None else [before])
    if not starts:
        return PoseSolution(TrackingState.LOST)
    starts.sort(key=lambda start: _plain_cost(sighting, start))
    fit, kept, dropped = _fit_without_outliers(sighting, starts[0])
    fits = [fit, *(_coarse_fit(kept, start) for start in starts[1:STARTS])]
    costs = [_huber_cost(one.scaled, COARSE_HUBER_PX) for one in fits]
    best = int(np.argmin(costs))
    limit = max(AMBIGUOUS_RATIO * costs[best], costs[best] + AMBIGUOUS_GAIN_PX2)
    rivals = [
        index
        for index, cost in enumerate(costs)
        if cost < limit and _apart(fits[index], fits[best])
    ]
    if rivals and before is None:
        return PoseSolution(TrackingState.AMBIGUOUS, dropped=dropped)
    if rivals and before is not None:
        near = before
        best = min([best, *rivals], key=lambda index: _angle(fits[index].placement, near))
    fit = _polish(kept, fits[best])
    if _rms(fit.residual) > WORST_RMS_PX:
        return PoseSolution(TrackingState.LOST, dropped=dropped)
    return _solution(fit, kept, dropped)


def _solution(fit: _Fit, sighting: Sighting, dropped: tuple[tuple[str, int], ...]) -> PoseSolution:
    spread = np.linalg.inv(fit.information + LEAST_INFORMATION * np.eye(6))
    quality = PoseQuality(
        corners=len(fit.residual),
        tags=len({tag for _, tag in sighting.tags}),
        cameras=len(sighting.cameras),
        rms_px=_rms(fit.residual),
        covariance=np.asarray(_sigma(fit.scaled) ** 2 * spread, dtype=np.float64),
    )
    return PoseSolution(
        state=TrackingState.TRACKED,
        world_from_body=_transform(fit.placement),
        quality=quality,
        cameras=sighting.cameras,
        dropped=dropped,
    )


def _fit_without_outliers(
    sighting: Sighting, start: Placement
) -> tuple[_Fit, Sighting, tuple[tuple[str, int], ...]]:
    """Fit, leaving out tags that do not fit, the worst first, as long as most remain."""
    dropped: list[tuple[str, int]] = []
    most = len(sighting.tags) // 2
    fit = _polish(sighting, _coarse_fit(sighting, start))
    while len(dropped) < most:
        worst = _worst_tag(fit)
        if worst is None:
            break
        dropped.append(sighting.tags[worst])
        sighting = sighting.without(worst)
        fit = _polish(sighting, _coarse_fit(sighting, fit.placement))
    return fit, sighting, tuple(dropped)


def _worst_tag(fit: _Fit) -> int | None:
    """Index of the tag that fits worst, if it is an outlier."""
    errors = _medians_by_tag(np.hypot(fit.residual[:, 0], fit.residual[:, 1]))
    worst = int(errors.argmax())
    if errors[worst] <= OUTLIER_PX:
        return None
    scaled = float(_medians_by_tag(fit.scaled)[worst])
    return worst if scaled > OUTLIER_SIGMAS * _sigma(fit.scaled) else None


def _medians_by_tag(values: FloatArray) -> FloatArray:
    ordered = np.sort(values.reshape(-1, 4), axis=1)
    return np.asarray((ordered[:, 1] + ordered[:, 2]) / 2, dtype=np.float64)


def _coarse_fit(sighting: Sighting, start: Placement) -> _Fit:
    return _minimise(sighting, _linearise(sighting, start, COARSE_HUBER_PX), COARSE_HUBER_PX)


def _polish(sighting: Sighting, fit: _Fit) -> _Fit:
    """Go on with a Huber limit that suits the noise of the corners themselves."""
    huber = max(min(2.5 * _sigma(fit.scaled), COARSE_HUBER_PX), 0.1)
    weighed = _weigh(sighting, fit.placement, fit.residual, fit.jacobian, huber)
    return _minimise(sighting, weighed, huber, FINE_GAIN)


def _minimise(sighting: Sighting, fit: _Fit, huber: float, least_gain: float = COARSE_GAIN) -> _Fit:
    """Levenberg-Marquardt (Nocedal and Wright, 10.3) from where `fit` is."""
    damping = 1e-4
    for _ in range(20):
        damped = fit.information.copy()
        damped.flat[::7] *= 1 + damping
        damped.flat[::7] += 1e-12
        step = np.asarray(np.linalg.solve(damped, fit.gradient), dtype=np.float64)
        # What the weighted squares would lose if they were as linear as they are here.
        if float(step @ fit.gradient) < least_gain * fit.cost:
            break
        size = np.abs(step)
        if size[:3].max() < LEAST_TURN and size[3:].max() < LEAST_SHIFT:
            break
        trial = _linearise(sighting, fit.placement.moved(step), huber)
        better = trial.cost < fit.cost
        damping = damping / 10 if better else damping * 10
        fit = trial if better else fit
    return fit


def _linearise(sighting: Sighting, placement: Placement, huber: float) -> _Fit:
    residual, jacobian = residuals(sighting, placement)
    return _weigh(sighting, placement, residual, jacobian.reshape(-1, 6), huber)


def _weigh(
    sighting: Sighting,
    placement: Placement,
    residual: FloatArray,
    jacobian: FloatArray,
    huber: float,
) -> _Fit:
    precision = sighting.precision
    scaled = precision * np.hypot(residual[:, 0], residual[:, 1])
    weights = precision * precision * huber / np.maximum(scaled, huber)
    weighted = jacobian.T * weights.repeat(2)
    return _Fit(
        placement,
        residual,
        jacobian,
        scaled,
        _huber_cost(scaled, huber),
        weighted @ jacobian,
        weighted @ residual.reshape(-1),
    )


def _huber_cost(length: FloatArray, huber: float) -> float:
    inside = np.minimum(length, huber)
    return float(inside @ (2 * length - inside))


def _plain_cost(sighting: Sighting, placement: Placement) -> float:
    residual, _ = residuals(sighting, placement)
    return _huber_cost(np.hypot(residual[:, 0], residual[:, 1]), COARSE_HUBER_PX)


def _rms(residual: FloatArray) -> float:
    flat = residual.reshape(-1)
    return math.sqrt(float(flat @ flat) / len(residual))


def _sigma(scaled: FloatArray) -> float:
    """Noise per axis of a large tag's corners, px; outliers count as four times the median."""
    freedom = math.sqrt(2 * scaled.size / max(2 * scaled.size - 6, 1))
    middle = scaled.size // 2  # of an even number, four corners each tag
    typical = float(np.sort(scaled)[middle - 1 : middle + 1].sum()) / 2
    usual = np.minimum(scaled, 4.0 * typical)
    return max(freedom * math.sqrt(float(usual @ usual) / scaled.size / 2), LEAST_SIGMA_PX)


def _apart(first: _Fit, second: _Fit) -> bool:
    return _angle(first.placement, second.placement) > DISTINCT_RAD


def _angle(first: Placement, second: Placement) -> float:
    trace = float(np.trace(first.rotation.T @ second.rotation))
    return math.acos(min(1.0, max(-1.0, (trace - 1) / 2)))


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
