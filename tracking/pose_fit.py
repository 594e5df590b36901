"""Robust least squares for one body: from a start to the pose that fits all seen corners best.

In: a sighting and a placement to start from. Out: a :class:`Fit` with all that covariance, outlier
test and motion filter need. Levenberg-Marquardt with Huber weights and the analytic Jacobian.

Where cameras were not released together, the body's velocity joins the unknowns: each camera's
corners then count at their own capture time, and what is known of the velocity beforehand enters
as a Gaussian prior.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv

from tracking.reprojection import Placement, Sighting, residuals

FloatArray = NDArray[np.float64]

LEAST_SIGMA_PX = 0.025
"""Corner noise never assumed smaller than this, however well the corners fit by chance."""

SHIFT_PX = 0.01
"""Standard deviation of a shift common to all corners of a body in one camera. Video compression
and the lens model make it; residuals of one image cannot show it."""

SWELL_PX, TAG_SWELL_PX = 0.004, 0.01
"""Standard deviation of how far sides lie too far out: of all tags of a body in one camera, which
lighting and sharpening make, and of each tag on its own, which its slant and size make."""

COARSE_HUBER_PX = 1.0

COARSE_GAIN = 1e-2
FINE_GAIN = 1e-5
"""Part of the cost by which a step must be expected to lower it, to be taken at all. With the
finer one a pose ends less than a twentieth of its standard deviation beside the minimum."""

LEAST_INFORMATION = 1e-9
"""Added so that a direction in which nothing holds the pose gets a huge variance, not an error."""

LEAST_TURN, LEAST_SHIFT = 1e-7, 1e-4
"""Step (rad, mm) that is not worth taking: far below what any corner noise makes."""

PRIOR_SIGMA_PX = 0.05
"""Corner noise assumed where corners are weighed against what was known before."""


@dataclass(frozen=True, eq=False, slots=True)
class TwistPrior:
    """What is known of a body's velocity beforehand.

    Attributes
    ----------
    mean
        (6,) angular velocity (rad/s) and velocity of the body's origin (mm/s), ``world`` axes.
    information
        (6, 6) inverse of its covariance.
    """

    mean: FloatArray
    information: FloatArray


UNKNOWN_TWIST = TwistPrior(np.zeros(6), np.diag([1.0 / 2.0**2] * 3 + [1.0 / 300.0**2] * 3))
"""Of a body that was just found: at rest, give or take 2 rad/s and 300 mm/s."""


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """A placement and the robust least squares problem linearised there.

    `residual` (M, 2) px, its `jacobian` (2 M, 6 or 12), `scaled` (M,) the lengths of the residuals
    in the noise of a large tag's corners; `weights` (M,) by precision and Huber, and `cost`,
    `information` and `gradient` with them. Twelve unknowns where the velocity is one of them.
    """

    placement: Placement
    residual: FloatArray
    jacobian: FloatArray
    scaled: FloatArray
    weights: FloatArray
    cost: float
    information: FloatArray
    gradient: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Problem:
    """Corners to be fitted and what is known of the velocity; the latter None at rest."""

    sighting: Sighting
    twist: TwistPrior | None = None

    def without(self, index: int) -> Problem:
        """Leave out the tag at `index`."""
        return Problem(self.sighting.without(index), self.twist)


def coarse_fit(problem: Problem, start: Placement) -> Fit:
    """Fit from a start that may be far off."""
    if problem.twist is not None:
        start = Placement(start.rotation, start.translation, problem.twist.mean)
    return _minimise(problem, _linearise(problem, start, COARSE_HUBER_PX), COARSE_HUBER_PX)


def polish(problem: Problem, fit: Fit) -> Fit:
    """Go on with a Huber limit that suits the noise of the corners themselves."""
    huber = max(min(2.5 * sigma_px(fit.scaled), COARSE_HUBER_PX), 0.1)
    weighed = _weigh(problem, fit.placement, fit.residual, fit.jacobian, huber)
    return _minimise(problem, weighed, huber, FINE_GAIN)


def plain_cost(sighting: Sighting, placement: Placement) -> float:
    """Robust cost of a placement that was not fitted, all corners weighing the same."""
    residual, _ = residuals(sighting, placement)
    return huber_cost(np.hypot(residual[:, 0], residual[:, 1]), COARSE_HUBER_PX)


def huber_cost(length: FloatArray, huber: float) -> float:
    """Sum of Huber's function over residuals of `length` (M,), twice the usual one."""
    inside = np.minimum(length, huber)
    return float(inside @ (2 * length - inside))


def rms_px(residual: FloatArray) -> float:
    """RMS length of residuals (M, 2)."""
    flat = residual.reshape(-1)
    return math.sqrt(float(flat @ flat) / len(residual))


def sigma_px(scaled: FloatArray) -> float:
    """Noise per axis of a large tag's corners, px; outliers count as four times the median."""
    freedom = math.sqrt(2 * scaled.size / max(2 * scaled.size - 6, 1))
    middle = scaled.size // 2  # of an even number, four corners each tag
    typical = float(np.sort(scaled)[middle - 1 : middle + 1].sum()) / 2
    usual = np.minimum(scaled, 4.0 * typical)
    return max(freedom * math.sqrt(float(usual @ usual) / scaled.size / 2), LEAST_SIGMA_PX)


def covariance(sighting: Sighting, fit: Fit) -> FloatArray:
    """Covariance (6, 6) of the fitted pose: noise of the corners and shifts common to a camera.

    The noise part is ``sigma^2 (J^T W J)^-1``. An error e that the corners of one camera share
    moves the pose by ``(J^T W J)^-1 J^T W e``, to first order.
    """
    return _spread(sighting, fit, np.ones(len(fit.residual), dtype=bool))


def shift_spread(sighting: Sighting, fit: Fit) -> FloatArray:
    """Covariance (6, 6) of the pose if all each camera sees were shifted by one pixel at random."""
    jacobian = fit.jacobian[:, :6]
    weighted = jacobian.T * fit.weights.repeat(2)
    inverse = np.linalg.inv(weighted @ jacobian + LEAST_INFORMATION * np.eye(6))
    by_tag = weighted.reshape(6, -1, 4, 2).sum(axis=2)
    moved = np.add.reduceat(by_tag, _first_tags(sighting.tags), axis=1).reshape(6, -1).T @ inverse
    return np.asarray(moved.T @ moved, dtype=np.float64)


@dataclass(frozen=True, eq=False, slots=True)
class Glimpse:
    """What the newest images alone say of the pose.

    Attributes
    ----------
    shift
        (6,) from the fitted pose to the one that suits these images best, left-hand error.
    covariance
        (6, 6) of that.
    """

    shift: FloatArray
    covariance: FloatArray


def glimpse(sighting: Sighting, fit: Fit, cameras: Sequence[str]) -> Glimpse:
    """Take the images of `cameras`, which are new, apart from older ones that took part."""
    new = _corners_of(sighting, cameras)
    jacobian = fit.jacobian[new.repeat(2), :6]
    weighted = jacobian.T * fit.weights[new].repeat(2)
    information = weighted @ jacobian + LEAST_INFORMATION * np.eye(6)
    shift = np.linalg.solve(information, weighted @ fit.residual[new].reshape(-1))
    return Glimpse(np.asarray(shift, dtype=np.float64), _spread(sighting, fit, new))


@dataclass(frozen=True, slots=True)
class TimeShift:
    """What a fit tells of how much later than stated a camera's image was taken.

    Its best estimate is `gradient` / `information` in s, its variance sigma^2 / `information`.
    """

    information: float
    gradient: float


def time_shift(sighting: Sighting, fit: Fit, twist: FloatArray, camera: str) -> TimeShift:
    """Derive the time shift of `camera` against the others from a body that moves with `twist`.

    A later image moves the camera's corners by the pose's Jacobian times the twist; what of that
    another pose would explain as well is taken off (Schur complement).
    """
    jacobian = fit.jacobian[:, :6]
    moved = (jacobian @ twist) * _corners_of(sighting, [camera]).repeat(2)
    weights = fit.weights.repeat(2)
    coupling = (jacobian.T * weights) @ moved
    square = (jacobian.T * weights) @ jacobian + LEAST_INFORMATION * np.eye(6)
    own = float(moved @ (weights * moved) - coupling @ np.linalg.solve(square, coupling))
    return TimeShift(max(own, 0.0), float(moved @ (weights * fit.residual.reshape(-1))))


def _corners_of(sighting: Sighting, cameras: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([camera in cameras for camera, _ in sighting.tags]).repeat(4)


def _spread(sighting: Sighting, fit: Fit, used: NDArray[np.bool_]) -> FloatArray:
    size = fit.jacobian.shape[1] if used.all() else 6
    jacobian = fit.jacobian[used.repeat(2), :size]
    weighted = jacobian.T * fit.weights[used].repeat(2)
    # The prior of the velocity is part of the fit's information, and of no single image's.
    information = fit.information if used.all() else weighted @ jacobian
    inverse = np.linalg.inv(information + LEAST_INFORMATION * np.eye(size))
    moved = _common(sighting, weighted, used) @ inverse
    whole = sigma_px(fit.scaled) ** 2 * inverse + moved.T @ moved
    return np.asarray(whole[:6, :6], dtype=np.float64)


def _common(sighting: Sighting, weighted: FloatArray, used: NDArray[np.bool_]) -> FloatArray:
    """``J^T W e`` (K, 6 or 12) of errors e that corners share, at one sigma.

    Of each tag that its sides lie too far out; of each camera the same for all tags, and a shift.
    """
    size = len(weighted)
    by_tag = weighted.reshape(size, -1, 4, 2)
    shifts = by_tag.sum(axis=2)
    swells = (by_tag * sighting.outwards[used].reshape(-1, 4, 2)).sum(axis=(2, 3))
    both = np.concatenate([SHIFT_PX * shifts, SWELL_PX * swells[:, :, None]], axis=2)
    tags = [tag for tag, new in zip(sighting.tags, used[::4].tolist(), strict=True) if new]
    by_camera = np.add.reduceat(both, _first_tags(tags), axis=1)
    return np.concatenate([TAG_SWELL_PX * swells.T, by_camera.reshape(size, -1).T])


def _first_tags(tags: Sequence[tuple[str, int]]) -> list[int]:
    """Give the index of the first tag of each camera; tags of one camera follow one another."""
    return [
        index
        for index, (camera, _) in enumerate(tags)
        if index == 0 or camera != tags[index - 1][0]
    ]


def _minimise(problem: Problem, fit: Fit, huber: float, least_gain: float = COARSE_GAIN) -> Fit:
    """Levenberg-Marquardt (Nocedal and Wright, 10.3) from where `fit` is."""
    damping = 1e-4
    diagonal = len(fit.gradient) + 1
    for _ in range(20):
        damped = fit.information.copy()
        damped.flat[::diagonal] *= 1 + damping
        damped.flat[::diagonal] += 1e-12
        step = _solved(damped, fit.gradient)
        # What the weighted squares would lose if they were as linear as they are here.
        if float(step @ fit.gradient) < least_gain * fit.cost:
            break
        size = np.abs(step)
        if size[:3].max() < LEAST_TURN and size[3:6].max() < LEAST_SHIFT:
            break
        trial = _linearise(problem, fit.placement.moved(step), huber)
        better = trial.cost < fit.cost
        damping = damping / 10 if better else damping * 10
        fit = trial if better else fit
    return fit


def _solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solve symmetric positive equations by LAPACK itself: numpy takes three times as long."""
    _, solution, fault = dposv(matrix, right)
    if fault != 0:
        return np.asarray(np.linalg.lstsq(matrix, right)[0], dtype=np.float64)
    return np.asarray(solution, dtype=np.float64)


def _linearise(problem: Problem, placement: Placement, huber: float) -> Fit:
    residual, jacobian = residuals(problem.sighting, placement)
    jacobian = jacobian.reshape(-1, 6)
    if problem.twist is not None:
        by_twist = jacobian * problem.sighting.lags.repeat(2)[:, None]
        jacobian = np.hstack([jacobian, by_twist])
    return _weigh(problem, placement, residual, jacobian, huber)


def _weigh(
    problem: Problem,
    placement: Placement,
    residual: FloatArray,
    jacobian: FloatArray,
    huber: float,
) -> Fit:
    precision = problem.sighting.precision
    scaled = precision * np.hypot(residual[:, 0], residual[:, 1])
    weights = precision * precision * huber / np.maximum(scaled, huber)
    weighted = jacobian.T * weights.repeat(2)
    information = weighted @ jacobian
    gradient = weighted @ residual.reshape(-1)
    cost = huber_cost(scaled, huber)
    if problem.twist is not None:
        held = PRIOR_SIGMA_PX**2 * problem.twist.information
        off = problem.twist.mean - placement.twist
        information[6:, 6:] += held
        gradient[6:] += held @ off
        cost += float(off @ held @ off)
    return Fit(placement, residual, jacobian, scaled, weights, cost, information, gradient)
