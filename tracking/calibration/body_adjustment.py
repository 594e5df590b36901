"""Bundle adjustment of a marker body: the best geometry, and how sure each corner of it is.

In: tags seen in many views and a geometry to start from. Out: an :class:`Adjustment`.
Levenberg-Marquardt with Huber weights (Triggs et al. 2000); what a tag's print may differ from a
perfect square, and what is known of the scale, enter as Gaussian priors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.calibration.body_problem import (
    CORNERS,
    SHAPES,
    TAG_UNKNOWNS,
    Geometry,
    Seen,
    linearise,
    residuals,
)
from tracking.calibration.rigid_errors import skew

FloatArray = NDArray[np.float64]

LEAST_SIGMA_PX = 0.01
COARSE_SIGMA_PX = 0.5
HUBER = 2.5
OUTLIER_SIGMAS, OUTLIER_PX = 5.0, 0.3
"""A tag in one picture whose median residual is beyond both is left out."""

STEPS = 40
LEAST_GAIN = 1e-7


@dataclass(frozen=True, slots=True)
class Edge:
    """A length that a person measured on the body, between two corners, mm.

    `first` and `second` are (index of the tag, index of its corner).
    """

    first: tuple[int, int]
    second: tuple[int, int]
    length: float
    sigma: float


@dataclass(frozen=True, slots=True)
class Priors:
    """What is known beforehand.

    Attributes
    ----------
    shape_sigma
        How far a printed tag's corners lie from a perfect square's, mm.
    scale_sigma
        Relative standard deviation of the assumed scale; infinite if only the cameras tell it.
    edge
        A measured edge, or None.
    """

    shape_sigma: float = 0.03
    scale_sigma: float = math.inf
    edge: Edge | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Adjustment:
    """What came out.

    Attributes
    ----------
    geometry
        The best geometry; its frame is that of the tag that was held.
    seen
        The observations that were used.
    residual
        (R, 4, 2) px, seen minus expected.
    sigma_px
        Noise of a large tag's corners per axis.
    left_out
        (R0,) which of the observations given were outliers.
    corner_covariance
        (12 N, 12 N) of the body's corners with the body's frame laid through all of them, so
        that no error of the frame itself is in it; mm2. The error of the scale is not in it.
    scale_sigma
        Relative standard deviation of the scale.
    """

    geometry: Geometry
    seen: Seen
    residual: FloatArray
    sigma_px: float
    left_out: NDArray[np.bool_]
    corner_covariance: FloatArray
    scale_sigma: float

    @property
    def rms_px(self) -> float:
        """RMS distance of the corners seen from those expected, px."""
        return float(np.sqrt((self.residual**2).sum(axis=-1).mean()))


@dataclass(frozen=True, eq=False, slots=True)
class _Fit:
    geometry: Geometry
    residual: FloatArray
    cost: float
    information: FloatArray
    gradient: FloatArray


def adjust(seen: Seen, start: Geometry, priors: Priors, held: int = 0) -> Adjustment:
    """Find the geometry that explains `seen` best.

    Parameters
    ----------
    seen
        At least as many corners as there are unknowns.
    start
        Good to a few pixels.
    priors
        What is known beforehand; without a scale the cameras must tell it.
    held
        Index of the tag that stays where it is.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the observations do not hold all unknowns.
    """
    free = np.ones(TAG_UNKNOWNS * len(start.half_sides) + 1, dtype=bool)
    free[TAG_UNKNOWNS * held : TAG_UNKNOWNS * held + 6] = False
    fit = _minimise(seen, start, priors, COARSE_SIGMA_PX, free)
    sigma = _sigma(seen, fit.residual)
    fit = _minimise(seen, fit.geometry, priors, sigma, free)
    out = _outliers(seen, fit.residual)
    inner = seen.rows(~out)
    for _ in range(3):
        before, sigma = sigma, _sigma(inner, residuals(inner, fit.geometry))
        fit = _minimise(inner, fit.geometry, priors, sigma, free)
        if abs(sigma - before) < 0.02 * sigma:
            break
    by_unknowns = _by_unknowns(fit.geometry)
    covariance = np.zeros((len(free), len(free)))
    covariance[np.ix_(free, free)] = np.linalg.inv(_split(fit, free).reduced)
    corners = by_unknowns @ covariance @ by_unknowns.T
    still, scale = _without_frame(fit.geometry.body_corners().reshape(-1, 3))
    along_scale = scale / (scale @ scale)
    return Adjustment(
        geometry=fit.geometry,
        seen=inner,
        residual=fit.residual,
        sigma_px=sigma,
        left_out=out,
        corner_covariance=still @ corners @ still.T,
        scale_sigma=float(np.sqrt(along_scale @ corners @ along_scale)),
    )


def _minimise(
    seen: Seen, geometry: Geometry, priors: Priors, sigma: float, free: NDArray[np.bool_]
) -> _Fit:
    fit = _linearised(seen, geometry, priors, sigma)
    damping = 1e-6
    for _ in range(STEPS):
        step = _split(fit, free, 1 + damping).step(fit.gradient, free)
        if step @ fit.gradient < LEAST_GAIN * max(fit.cost, 1.0):
            break
        trial = _linearised(seen, fit.geometry.moved(step), priors, sigma)
        better = trial.cost < fit.cost
        damping = max(damping / 10, 1e-12) if better else damping * 10
        fit = trial if better else fit
    return fit


@dataclass(frozen=True, eq=False, slots=True)
class _Split:
    """The normal equations with the views eliminated (Schur complement; Triggs et al. 2000).

    `reduced` (T, T) of the T free unknowns of tags and scale; `mixed` (T, V, 6) their products
    with the views' unknowns; `inverse` (V, 6, 6) of the views' own blocks.
    """

    reduced: FloatArray
    mixed: FloatArray
    inverse: FloatArray

    def step(self, gradient: FloatArray, free: NDArray[np.bool_]) -> FloatArray:
        """Solve for all unknowns; those that are not free stay."""
        of_views = gradient[len(free) :].reshape(-1, 6)
        led = np.einsum("vij,vj->vi", self.inverse, of_views)
        step = np.zeros(len(gradient))
        of_tags = np.linalg.solve(
            self.reduced, gradient[: len(free)][free] - np.einsum("tvi,vi->t", self.mixed, led)
        )
        step[: len(free)][free] = of_tags
        back = of_views - np.einsum("tvi,t->vi", self.mixed, of_tags)
        step[len(free) :] = np.einsum("vij,vj->vi", self.inverse, back).ravel()
        return step


def _split(fit: _Fit, free: NDArray[np.bool_], enlarged: float = 1.0) -> _Split:
    """Eliminate the views, with the diagonal of the information `enlarged`."""
    information = fit.information.copy()
    information[np.diag_indices_from(information)] *= enlarged
    count = len(free)
    views = (len(information) - count) // 6
    blocks = information[count:, count:].reshape(views, 6, views, 6)
    own = blocks[np.arange(views), :, np.arange(views)]
    inverse = np.asarray(np.linalg.inv(own), dtype=np.float64)
    mixed = information[:count, count:][free].reshape(-1, views, 6)
    led = np.einsum("tvi,vij->tvj", mixed, inverse).reshape(len(mixed), -1)
    of_tags = information[:count, :count][np.ix_(free, free)]
    return _Split(of_tags - led @ mixed.reshape(len(mixed), -1).T, mixed, inverse)


def _linearised(seen: Seen, geometry: Geometry, priors: Priors, sigma: float) -> _Fit:
    residual, jacobian = linearise(seen, geometry)
    precision = seen.precision / sigma
    scaled = precision * np.hypot(residual[..., 0], residual[..., 1])
    weight = (precision**2 * HUBER / np.maximum(scaled, HUBER)).ravel().repeat(2)
    inside = np.minimum(scaled, HUBER)
    weighted = jacobian.copy()
    weighted.data *= weight.repeat(np.diff(jacobian.indptr))
    information = np.asarray((jacobian.T @ weighted).toarray(), dtype=np.float64)
    gradient = np.asarray(weighted.T @ residual.ravel(), dtype=np.float64)
    cost = float((inside * (2 * scaled - inside)).sum())
    cost += _add_priors(geometry, priors, information, gradient)
    return _Fit(geometry, residual, cost, information, gradient)


def _add_priors(
    geometry: Geometry, priors: Priors, information: FloatArray, gradient: FloatArray
) -> float:
    """Add what is known beforehand to `information` and `gradient`; give its cost."""
    count = len(geometry.half_sides)
    of_shape = (TAG_UNKNOWNS * np.arange(count)[:, None] + np.arange(6, 12)).ravel()
    shapes = geometry.shapes.ravel()
    information[of_shape, of_shape] += priors.shape_sigma**-2
    gradient[of_shape] -= shapes * priors.shape_sigma**-2
    scale = TAG_UNKNOWNS * count
    information[scale, scale] += priors.scale_sigma**-2
    gradient[scale] -= geometry.log_scale * priors.scale_sigma**-2
    cost = float(shapes @ shapes) * priors.shape_sigma**-2
    cost += geometry.log_scale**2 * priors.scale_sigma**-2
    if priors.edge is not None:
        miss, row = _edge_row(geometry, priors.edge)
        where = slice(0, scale + 1)
        information[where, where] += np.outer(row, row)
        gradient[where] += row * miss
        cost += miss**2
    return cost


def _edge_row(geometry: Geometry, edge: Edge) -> tuple[float, FloatArray]:
    """By how many standard deviations the edge misses its length, and the derivative."""
    corners = geometry.body_corners()
    vector = corners[edge.second] - corners[edge.first]
    length = float(np.linalg.norm(vector))
    by_unknowns = _by_unknowns(geometry).reshape(len(corners), 4, 3, -1)
    along = vector / length / edge.sigma
    row = along @ (by_unknowns[edge.second] - by_unknowns[edge.first])
    return (edge.length - length) / edge.sigma, np.asarray(row)


def _by_unknowns(geometry: Geometry) -> FloatArray:
    """Differentiate the body's corners by the tags' unknowns and the scale: (12 N, 12 N + 1)."""
    count = len(geometry.half_sides)
    own = geometry.tag_corners()
    result = np.zeros((count, 4, 3, TAG_UNKNOWNS * count + 1))
    for tag, rotation in enumerate(geometry.tag_rotations):
        first = TAG_UNKNOWNS * tag
        result[tag, :, :, first : first + 3] = -skew(own[tag] @ rotation.T)
        result[tag, :, :, first + 3 : first + 6] = np.eye(3)
        result[tag, :, :, first + 6 : first + 12] = rotation @ SHAPES
        square = math.exp(geometry.log_scale) * geometry.half_sides[tag] * CORNERS
        result[tag, :, :, -1] = square @ rotation.T
    return result.reshape(12 * count, -1)


def _without_frame(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Matrix (3 P, 3 P) that takes rigid motion and scaling off errors of `points` (P, 3).

    And the errors (3 P,) that a scaling by 1 about their centroid makes.
    """
    arm = points - points.mean(axis=0)
    scaling = arm.ravel()
    motions = np.zeros((len(points), 3, 7))
    motions[:, :, :3] = -skew(arm)
    motions[:, :, 3:6] = np.eye(3)
    motions[:, :, 6] = arm
    basis, _ = np.linalg.qr(motions.reshape(-1, 7))
    return np.eye(len(basis)) - basis @ basis.T, scaling


def _sigma(seen: Seen, residual: FloatArray) -> float:
    """Noise of a large tag's corners per axis, px; outliers count as four times the median."""
    scaled = seen.precision * np.hypot(residual[..., 0], residual[..., 1])
    typical = float(np.median(scaled))
    usual = np.minimum(scaled, 4.0 * typical)
    unknown = TAG_UNKNOWNS * len(np.unique(seen.tag)) + 6 * len(np.unique(seen.view)) - 6
    freedom = max(2 * scaled.size - unknown, 1)
    return max(math.sqrt(float((usual**2).sum()) / freedom), LEAST_SIGMA_PX)


def _outliers(seen: Seen, residual: FloatArray) -> NDArray[np.bool_]:
    lengths = np.median(np.hypot(residual[..., 0], residual[..., 1]), axis=1)
    sigma = _sigma(seen, residual) / seen.precision.mean(axis=1)
    return np.asarray((lengths > OUTLIER_PX) & (lengths > OUTLIER_SIGMAS * sigma))
