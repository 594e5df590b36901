"""Bundle adjustment: lenses, cameras, board poses and the board's bow from all pictures at once.

In: what each picture shows of the board, and a first guess. Out: the least-squares solution, its
covariance and the residuals. Robust (Cauchy weights); board poses are eliminated by the Schur
complement (Triggs et al. 2000, "Bundle adjustment: a modern synthesis"), so that the cost grows
with the number of pictures only linearly.

Cameras need not take their pictures together: the board has a velocity at each instant, and each
picture enters at its own time. Lengths are mm, times seconds, lenses as in
:mod:`tracking.calibration.lens`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tracking.calibration.bundle_model import (
    BENDS,
    CAMERA,
    LENS,
    POSE,
    SHAPE,
    Knowns,
    Rows,
    Sighting,
    Unknowns,
    jacobians,
    residuals_of,
)
from tracking.calibration.bundle_priors import (
    LONGEST_GAP,
    expected_velocity,
    prior_cost,
    priors,
    square_weight,
)

FloatArray = NDArray[np.float64]

CAUCHY = 3.0
"""Residuals of this many standard deviations count by half."""

OUTRIGHT_PX = 10.0
"""A point so far off is as wrong as can be."""

LEAST_SCALE_PX = 0.02
ROUNDS, LAST_GAIN = 40, 1e-6


@dataclass(frozen=True, eq=False, slots=True)
class Solution:
    """The solution.

    Attributes
    ----------
    unknowns
        The values.
    covariance
        Of lenses (9 each), cameras (7 each: small turn, then shift, of ``camera_from_world`` from
        the left, and lateness) and shape (10), in this order; zero for what is fixed. Enlarged by
        what whole pictures have in common.
    residuals
        For each sighting (N, 2) pixels, seen minus expected.
    sigma_px
        Standard deviation of a coordinate of one point.
    """

    unknowns: Unknowns
    covariance: FloatArray
    residuals: tuple[FloatArray, ...]
    sigma_px: float

    @property
    def cost(self) -> float:
        """Robust mean misfit of a point, for comparing solutions of the same pictures, pixels."""
        joined = np.linalg.norm(np.concatenate(self.residuals), axis=1)
        return float(np.minimum(joined, OUTRIGHT_PX).mean())

    def lens_covariance(self, camera: int) -> FloatArray:
        """(9, 9) of one lens."""
        rows = slice(camera * LENS, (camera + 1) * LENS)
        return self.covariance[rows, rows]


@dataclass(slots=True)
class _Normal:
    """Normal equations with the poses in blocks of their own."""

    common: FloatArray
    common_side: FloatArray
    mixed: FloatArray
    pose: FloatArray
    pose_side: FloatArray
    cost: float


def solve(sightings: Sequence[Sighting], start: Unknowns, knowns: Knowns) -> Solution:
    """Find the solution from `start`.

    Levenberg-Marquardt; the robust scale follows the residuals until it settles.
    """
    rows = Rows.of(sightings)
    free = _free(knowns, len(start.lenses))
    unknowns, damping = start, 1e-3
    scale = _scale(residuals_of(rows, unknowns, knowns))
    normal = _normal(rows, unknowns, knowns, scale)
    for _ in range(ROUNDS):
        trial = _moved(unknowns, *_step(normal, free, damping), knowns)
        fresh = _cost(rows, trial, knowns, scale)
        if not fresh < normal.cost:
            damping *= 8
            if damping > 1e8:
                break
            continue
        gain = (normal.cost - fresh) / max(normal.cost, 1e-12)
        unknowns, damping = trial, max(damping / 4, 1e-9)
        before, scale = scale, _scale(residuals_of(rows, unknowns, knowns))
        normal = _normal(rows, unknowns, knowns, scale)
        if gain < LAST_GAIN and abs(scale - before) < 1e-3 * scale:
            break
    residuals = residuals_of(rows, unknowns, knowns)
    covariance = _covariance(rows, unknowns, knowns, scale, free)
    parts = np.split(residuals, rows.starts[1:])
    return Solution(unknowns, covariance, tuple(parts), scale)


def pose_sensitivity(
    sightings: Sequence[Sighting], unknowns: Unknowns, knowns: Knowns
) -> FloatArray:
    """Give how the poses that explain `sightings` change with the common unknowns.

    Returns
    -------
    sensitivity
        (T, 6, 16 C + 10): small turn and shift of ``world_from_board`` by lenses, cameras, shape,
        ordered as in `Solution.covariance`.
    """
    normal = _normal(Rows.of(sightings), unknowns, replace(knowns, moving=False), 1.0)
    turned = np.linalg.solve(normal.pose, normal.mixed.transpose(0, 2, 1))
    return np.asarray(-turned[:, :6], dtype=np.float64)


def common_equations(
    sightings: Sequence[Sighting], unknowns: Unknowns, knowns: Knowns
) -> tuple[FloatArray, FloatArray, float]:
    """Give the normal equations of lenses, cameras and shape with the poses eliminated.

    Returns
    -------
    matrix, side
        (P, P) and (P,), P = 16 C + 10, ordered as in `Solution.covariance`; their solution is the
        change to the unknowns that explains the sightings better. Nothing is held fixed in them.
    square
        Sum of the squared residuals in the same units.
    """
    rows = Rows.of(sightings)
    residuals = residuals_of(rows, unknowns, knowns)
    scale = _scale(residuals)
    normal = _normal(rows, unknowns, knowns, scale)
    everything = np.ones(len(normal.common_side), dtype=bool)
    matrix, side, _ = _reduced(normal, everything, 0.0)
    held = np.linalg.solve(normal.pose, normal.pose_side[:, :, None])
    absorbed = float((normal.pose_side[:, :, None] * held).sum())
    weights = 1 / (1 + (residuals**2).sum(axis=1) / scale**2 / CAUCHY**2)
    square = float((weights * (residuals**2).sum(axis=1)).sum()) / scale**2
    return matrix, side, square - absorbed


def _scale(residuals: FloatArray) -> float:
    """Robust standard deviation of a coordinate."""
    return max(LEAST_SCALE_PX, 1.4826 * float(np.median(np.abs(residuals))))


def _cost(rows: Rows, unknowns: Unknowns, knowns: Knowns, scale: float) -> float:
    square = (residuals_of(rows, unknowns, knowns) ** 2).sum(axis=1) / scale**2
    robust = CAUCHY**2 * np.log1p(square / CAUCHY**2)
    return float(robust.sum()) + prior_cost(unknowns, knowns)


def _columns(camera: int, cameras: int) -> NDArray[np.intp]:
    """Where lens, camera and shape of a picture of `camera` stand among all unknowns."""
    lens = camera * LENS + np.arange(LENS)
    place = cameras * LENS + camera * CAMERA + np.arange(CAMERA)
    shape = cameras * (LENS + CAMERA) + np.arange(SHAPE)
    return np.concatenate([lens, place, shape])


def _normal(rows: Rows, unknowns: Unknowns, knowns: Knowns, scale: float) -> _Normal:
    residuals, by_common, by_pose = jacobians(rows, unknowns, knowns)
    square = (residuals**2).sum(axis=1) / scale**2
    root = np.sqrt(1 / (1 + square / CAUCHY**2)) / scale
    residuals = residuals * root[:, None]
    by_common, by_pose = by_common * root[:, None, None], by_pose * root[:, None, None]
    cameras, instants = len(unknowns.lenses), len(unknowns.world_from_board)
    size = cameras * (LENS + CAMERA) + SHAPE
    off, weight = priors(unknowns, knowns)
    normal = _Normal(
        common=np.diag(weight),
        common_side=off * weight,
        mixed=np.zeros((instants, size, POSE)),
        # So little that it only keeps an instant with too few points from being singular.
        pose=np.tile(1e-9 * np.eye(POSE), (instants, 1, 1)),
        pose_side=np.zeros((instants, POSE)),
        cost=_cost(rows, unknowns, knowns, scale),
    )
    squareness = square_weight(unknowns)
    for camera, (fx, fy) in enumerate(unknowns.lenses[:, :2]):
        pair = slice(camera * LENS, camera * LENS + 2)
        normal.common[pair, pair] += squareness[camera] * np.array([[1.0, -1.0], [-1.0, 1.0]])
        normal.common_side[pair] += squareness[camera] * (fx - fy) * np.array([-1.0, 1.0])
    ends = np.append(rows.starts[1:], len(residuals))
    for one, first, end in zip(rows.sightings, rows.starts, ends, strict=True):
        common = by_common[first:end].reshape(-1, LENS + CAMERA + SHAPE)
        pose = by_pose[first:end].reshape(-1, POSE)
        side = residuals[first:end].ravel()
        columns = _columns(one.camera, cameras)
        normal.common[np.ix_(columns, columns)] += common.T @ common
        normal.common_side[columns] += common.T @ side
        normal.mixed[one.instant][columns] += common.T @ pose
        normal.pose[one.instant] += pose.T @ pose
        normal.pose_side[one.instant] += pose.T @ side
    if knowns.moving:
        expected, sigma = expected_velocity(unknowns, knowns)
        normal.pose[:, range(6, 12), range(6, 12)] += 1 / sigma**2
        normal.pose_side[:, 6:] += (expected - unknowns.velocity) / sigma**2
    else:
        normal.mixed[:, :, 6:] = 0
        normal.pose[:, 6:, :] = normal.pose[:, :, 6:] = 0
        normal.pose[:, range(6, 12), range(6, 12)] = 1.0
        normal.pose_side[:, 6:] = 0
    return normal


def _free(knowns: Knowns, cameras: int) -> NDArray[np.bool_]:
    """Which of the common unknowns are to be found."""
    places = np.ones((cameras, CAMERA), dtype=bool)
    places[0] = False
    # Only a board whose movement is known from its neighbours tells who is late.
    places[:, 6] &= knowns.moving and bool(np.median(np.diff(knowns.times)) <= LONGEST_GAP)
    shape = np.concatenate([np.full(BENDS, knowns.shaped), np.full(SHAPE - BENDS, knowns.backed)])
    return np.concatenate([(knowns.lens_sigma > 0).ravel(), places.ravel(), shape])


def _reduced(
    normal: _Normal, free: NDArray[np.bool_], damping: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Reduce to the common unknowns; also the poses' inverses times their mixed part."""
    pose = normal.pose.copy()
    diagonal = np.arange(POSE)
    pose[:, diagonal, diagonal] *= 1 + damping
    mixed = normal.mixed[:, free]
    carried = np.linalg.solve(pose, mixed.transpose(0, 2, 1))
    common = normal.common[np.ix_(free, free)]
    common = common + damping * np.diag(np.diag(common))
    common = common - np.einsum("tcp,tpd->cd", mixed, carried)
    held = np.linalg.solve(pose, normal.pose_side[:, :, None])
    side = normal.common_side[free] - np.einsum("tcp,tpo->c", mixed, held)
    return common, side, np.asarray(carried, dtype=np.float64)


def _step(
    normal: _Normal, free: NDArray[np.bool_], damping: float
) -> tuple[FloatArray, FloatArray]:
    """Find the changes of all common unknowns, and (T, 12) of the poses."""
    common, side, carried = _reduced(normal, free, damping)
    change = np.zeros(len(free))
    if free.any():
        change[free] = np.linalg.lstsq(common, side, rcond=1e-14)[0]
    pose = normal.pose.copy()
    diagonal = np.arange(POSE)
    pose[:, diagonal, diagonal] *= 1 + damping
    held = np.linalg.solve(pose, normal.pose_side[:, :, None])[:, :, 0]
    return change, held - np.einsum("tpc,c->tp", carried, change[free])


def _moved(unknowns: Unknowns, common: FloatArray, pose: FloatArray, knowns: Knowns) -> Unknowns:
    cameras = len(unknowns.lenses)
    lens, place, shape = np.split(common, [cameras * LENS, cameras * (LENS + CAMERA)])
    return replace(
        unknowns,
        lenses=unknowns.lenses + lens.reshape(cameras, LENS),
        camera_from_world=_turned(unknowns.camera_from_world, place.reshape(-1, CAMERA)[:, :6]),
        world_from_board=_turned(unknowns.world_from_board, pose[:, :6]),
        velocity=unknowns.velocity + pose[:, 6:],
        shape=unknowns.shape + shape,
        late=unknowns.late + place.reshape(-1, CAMERA)[:, 6],
    )


def _turned(matrices: FloatArray, change: FloatArray) -> FloatArray:
    """Turn each of `matrices` (N, 4, 4) by a small (N, 6) turn and shift.

    The turn leaves the translation as it is.
    """
    turned = matrices.copy()
    turned[:, :3, :3] = Rotation.from_rotvec(change[:, :3]).as_matrix() @ matrices[:, :3, :3]
    turned[:, :3, 3] += change[:, 3:]
    return turned


def _covariance(
    rows: Rows, unknowns: Unknowns, knowns: Knowns, scale: float, free: NDArray[np.bool_]
) -> FloatArray:
    """Of the common unknowns; see :class:`Solution`.

    Errors that all points of a picture share (blur, a bent board, a late time stamp) do not average
    out within it. How much they add is seen from how far the gradients of whole instants scatter,
    compared with what independent points would give (the "sandwich" of White 1980, clustered).
    """
    normal = _normal(rows, unknowns, knowns, scale)
    common, _, _ = _reduced(normal, free, 0.0)
    covariance = np.zeros((len(free), len(free)))
    if not free.any():
        return covariance
    inverse = np.asarray(np.linalg.pinv(common, hermitian=True), dtype=np.float64)
    covariance[np.ix_(free, free)] = inverse * _shared(rows, unknowns, knowns, scale, free, inverse)
    return covariance


def _shared(
    rows: Rows,
    unknowns: Unknowns,
    knowns: Knowns,
    scale: float,
    free: NDArray[np.bool_],
    inverse: FloatArray,
) -> float:
    """Factor by which variances are larger than with independent points; at least 1."""
    residuals, by_common, _ = jacobians(rows, unknowns, knowns)
    weight = 1 / (1 + (residuals**2).sum(axis=1) / scale**2 / CAUCHY**2) / scale**2
    cameras = len(unknowns.lenses)
    gradients = np.zeros((len(unknowns.world_from_board), len(free)))
    ends = np.append(rows.starts[1:], len(residuals))
    for one, first, end in zip(rows.sightings, rows.starts, ends, strict=True):
        part = by_common[first:end] * weight[first:end, None, None]
        gradients[one.instant][_columns(one.camera, cameras)] += np.einsum(
            "nkc,nk->c", part, residuals[first:end]
        )
    gradients = gradients[:, free]
    instants = len(gradients)
    if instants < 3:
        return 1.0
    meat = gradients.T @ gradients * instants / (instants - 1)
    scatter = np.diag(inverse @ meat @ inverse) / np.maximum(np.diag(inverse), 1e-300)
    return max(1.0, float(np.median(scatter)))
