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
from tracking.reprojection import Placement, View, residuals, views_of

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
    placement: Placement
    cost: float
    residual: FloatArray
    scaled: FloatArray
    """(M,) lengths of the residuals, in the noise of a large tag's corners."""
    information: FloatArray


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
    views = views_of(body, observations, cameras)
    if not views:
        return PoseSolution(TrackingState.LOST)
    before = None if prior is None else _placement(prior)
    if before is not None and sum(len(view.tags) for view in views) > 1:
        fit, kept, dropped = _fit_without_outliers(views, before)
        if _rms(fit.residual) <= GOOD_RMS_PX:
            return _solution(fit, kept, dropped)
    return _solve_anew(views, before)


def _solve_anew(views: Sequence[View], before: Placement | None) -> PoseSolution:
    starts = planar_placements(views) + ([] if before is None else [before])
    if not starts:
        return PoseSolution(TrackingState.LOST)
    starts.sort(key=lambda start: _cost(residuals(views, start)[0], COARSE_HUBER_PX))
    fit, kept, dropped = _fit_without_outliers(views, starts[0])
    fits = [fit, *(_minimise(kept, start, COARSE_HUBER_PX) for start in starts[1:STARTS])]
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


def _solution(
    fit: _Fit, views: Sequence[View], dropped: tuple[tuple[str, int], ...]
) -> PoseSolution:
    corners = len(fit.residual)
    spread = np.linalg.pinv(fit.information, hermitian=True)
    quality = PoseQuality(
        corners=corners,
        tags=len({tag for view in views for tag in view.tags}),
        cameras=len(views),
        rms_px=_rms(fit.residual),
        covariance=np.asarray(_sigma(fit.scaled) ** 2 * spread, dtype=np.float64),
    )
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = fit.placement.rotation, fit.placement.translation
    return PoseSolution(
        state=TrackingState.TRACKED,
        world_from_body=RigidTransform.from_matrix(matrix),
        quality=quality,
        cameras=tuple(view.camera.name for view in views),
        dropped=dropped,
    )


def _fit_without_outliers(
    views: Sequence[View], start: Placement
) -> tuple[_Fit, Sequence[View], tuple[tuple[str, int], ...]]:
    """Fit, leaving out tags that do not fit, the worst first, as long as most remain."""
    dropped: list[tuple[str, int]] = []
    most = sum(len(view.tags) for view in views) // 2
    fit = _polish(views, _minimise(views, start, COARSE_HUBER_PX))
    while len(dropped) < most:
        worst = _worst_tag(fit, views)
        if worst is None:
            break
        dropped.append(worst)
        lighter = [
            view.without(worst[1]) if view.camera.name == worst[0] else view for view in views
        ]
        views = [view for view in lighter if view.tags]
        fit = _polish(views, _minimise(views, fit.placement, COARSE_HUBER_PX))
    return fit, views, tuple(dropped)


def _worst_tag(fit: _Fit, views: Sequence[View]) -> tuple[str, int] | None:
    lengths = np.linalg.norm(fit.residual, axis=1)
    errors, scaled = np.median(np.stack([lengths, fit.scaled]).reshape(2, -1, 4), axis=2)
    worst = int(np.argmax(errors))
    if errors[worst] <= OUTLIER_PX or scaled[worst] <= OUTLIER_SIGMAS * _sigma(fit.scaled):
        return None
    names = [(view.camera.name, tag) for view in views for tag in view.tags]
    return names[worst]


def _polish(views: Sequence[View], fit: _Fit) -> _Fit:
    """Go on with a Huber limit that suits the noise of the corners themselves."""
    limit = min(2.5 * _sigma(fit.scaled), COARSE_HUBER_PX)
    return _minimise(views, fit.placement, max(limit, 0.1), 1e-5)


def _minimise(
    views: Sequence[View], start: Placement, huber: float, least_gain: float = 1e-2
) -> _Fit:
    """Levenberg-Marquardt (Nocedal and Wright, 10.3) from `start`."""
    fit, gradient = _linearise(views, start, huber)
    damping = 1e-4
    for _ in range(20):
        diagonal = np.diag(fit.information) + 1e-12
        damped = fit.information + np.diag(damping * diagonal)
        step = np.asarray(np.linalg.solve(damped, gradient), dtype=np.float64)
        trial, trial_gradient = _linearise(views, fit.placement.moved(step), huber)
        if trial.cost < fit.cost:
            gain = fit.cost - trial.cost
            fit, gradient, damping = trial, trial_gradient, damping / 10
            if gain < least_gain * fit.cost:
                break
        else:
            damping *= 10
        # 1e-7 rad and 1e-4 mm: far below any corner noise.
        if np.abs(step[:3]).max() < 1e-7 and np.abs(step[3:]).max() < 1e-4:
            break
    return fit


def _linearise(
    views: Sequence[View], placement: Placement, huber: float
) -> tuple[_Fit, FloatArray]:
    residual, jacobian = residuals(views, placement)
    precision = np.concatenate([view.precision for view in views])
    length = precision * np.hypot(residual[:, 0], residual[:, 1])
    weights = precision**2 * huber / np.maximum(length, huber)
    flat = jacobian.reshape(-1, 6)
    weighted = (flat * np.repeat(weights, 2)[:, None]).T
    information = weighted @ flat
    gradient = weighted @ residual.reshape(-1)
    return _Fit(placement, _huber_cost(length, huber), residual, length, information), gradient


def _huber_cost(length: FloatArray, huber: float) -> float:
    inside = np.minimum(length, huber)
    return float((inside * (2 * length - inside)).sum())


def _cost(residual: FloatArray, huber: float) -> float:
    return _huber_cost(np.linalg.norm(residual, axis=1), huber)


def _rms(residual: FloatArray) -> float:
    return float(np.sqrt(np.square(residual).sum(axis=1).mean()))


def _sigma(scaled: FloatArray) -> float:
    """Noise per axis of a large tag's corners, px; outliers count as four times the median."""
    freedom = math.sqrt(2 * scaled.size / max(2 * scaled.size - 6, 1))
    usual = np.minimum(scaled, 4.0 * float(np.median(scaled)))
    return max(freedom * math.sqrt(float(np.square(usual).mean()) / 2), LEAST_SIGMA_PX)


def _apart(first: _Fit, second: _Fit) -> bool:
    return _angle(first.placement, second.placement) > DISTINCT_RAD


def _angle(first: Placement, second: Placement) -> float:
    trace = float(np.trace(first.rotation.T @ second.rotation))
    return math.acos(min(1.0, max(-1.0, (trace - 1) / 2)))


def _placement(pose: RigidTransform) -> Placement:
    matrix = pose.as_matrix()
    return Placement(matrix[:3, :3], matrix[:3, 3])
