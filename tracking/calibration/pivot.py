"""The tip of a pointer from poses in which it rests in one point: pivoting.

In: poses of the pointer's body with their covariances. Out: a :class:`Pivot`: tip on the body, the
resting point, how sure both are, and whether the point stayed where it was.

Each pose says ``R p + t = c`` with the tip p on the body and the point c. Algebraic least squares
(Yaniv 2015) give the start, then every pose is weighed by its own covariance and an unrest of the
tip that is estimated with it (iterated, with Huber weights).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform
from scipy.stats import chi2

from tracking.calibration.rigid_errors import HUBER, persistence, skew

FloatArray = NDArray[np.float64]

ROUGH_MM = 2.0
"""A pose whose tip lies further from the point than this does not belong to the pivoting."""

TRIALS = 400
RUN = 10
"""So many poses in a row must belong to it: pivoting has begun, or has not ended yet."""

BLOCKS = 5
"""Parts of the recording that are compared with one another."""


@dataclass(frozen=True, eq=False, slots=True)
class Pivot:
    """What pivoting found.

    Attributes
    ----------
    tip
        (3,) in the body's frame, mm.
    point
        (3,) where it rested, in ``world``.
    covariance
        (3, 3) of the tip, in the body's frame.
    errors
        (N, 3) by which each pose's tip misses the point, in ``world``, mm.
    unrest
        Standard deviation per axis, mm, that the poses' own covariances do not explain.
    cone_deg, narrow_cone_deg
        Half the opening of the cone that the pointer was tilted through, and the same along the
        direction in which it was tilted least, degrees.
    drift, drift_sigma
        How far the point seems to move at most from part to part of the recording, and the
        standard deviation of that per axis, mm.
    held_out
        RMS distance, mm, by which a part of the recording misses the point that the others give.
    """

    tip: FloatArray
    point: FloatArray
    covariance: FloatArray
    errors: FloatArray
    unrest: float
    cone_deg: float
    narrow_cone_deg: float
    drift: float
    drift_sigma: float
    held_out: float

    @property
    def rms(self) -> float:
        """RMS distance of the tip from the point, mm."""
        return float(np.sqrt((self.errors**2).sum(axis=1).mean()))


@dataclass(frozen=True, eq=False, slots=True)
class _Fit:
    unknowns: FloatArray
    covariance: FloatArray
    errors: FloatArray
    white: FloatArray
    unrest: float


def resting(poses: RigidTransform) -> slice | None:
    """Find the stretch of `poses` in which the tip rests: without coming and going.

    Inside of it poses may still miss the point: that is for a test of slipping to judge. None if
    no point is common to enough poses.
    """
    count = len(poses)
    if count < 3 * RUN:
        return None
    turned, shifted = poses.rotation.as_matrix(), poses.translation
    rng = np.random.default_rng(0)
    best = np.zeros(count, dtype=bool)
    for _ in range(TRIALS):
        some = rng.choice(count, 4, replace=False)
        # Poses tilted about one axis leave a part open; any value of it serves here.
        unknowns = np.linalg.lstsq(_rows(turned[some]), -shifted[some].ravel(), rcond=1e-3)[0]
        miss = turned @ unknowns[:3] + shifted - unknowns[3:]
        near = (miss**2).sum(axis=1) < ROUGH_MM**2
        best = near if near.sum() > best.sum() else best
    runs = np.convolve(best, np.ones(RUN), "valid") >= 0.9 * RUN
    if not runs.any():
        return None
    begins = np.flatnonzero(runs)
    return slice(int(begins[0]), int(begins[-1]) + RUN)


def rested_elsewhere(poses: RigidTransform, stretch: slice, tip: FloatArray) -> bool:
    """Tell whether the tip also rested in another point, before or after `stretch`.

    There it stayed within 2 mm while the pointer was tilted.
    """
    for part in (poses[: stretch.start], poses[stretch.stop :]):
        for first in range(0, len(part) - 2 * RUN, RUN):
            some = part[first : first + 2 * RUN]
            tips = some.apply(tip)
            apart = np.linalg.norm(tips - np.median(tips, axis=0), axis=1)
            tilt = (some.rotation[0].inv() * some.rotation).magnitude().max()
            if apart.max() < ROUGH_MM and tilt > np.deg2rad(5.0):
                return True
    return False


def tilted(poses: RigidTransform) -> tuple[int, float, float]:
    """Count the poses with the tip at rest, and give the cone so far: as in :class:`Pivot`."""
    stretch = resting(poses)
    if stretch is None:
        return 0, 0.0, 0.0
    still = poses[stretch]
    rows, shifted = _rows(still.rotation.as_matrix()), still.translation
    unknowns = np.linalg.lstsq(rows, -shifted.ravel(), rcond=1e-6)[0]
    return len(still), *_cone(still, np.asarray(unknowns[:3], dtype=np.float64))


def solve_pivot(poses: RigidTransform, covariances: FloatArray) -> Pivot:
    """Solve for tip and point.

    Parameters
    ----------
    poses
        N ``world_from_body`` in the order of time, all with the tip at rest, N >= 10.
    covariances
        (N, 6, 6) of their errors, as in :class:`~tracking.poses.PoseQuality`.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the poses leave the tip open: no tilt at all, or about one axis only.
    """
    count = len(poses)
    fit = _fit(poses, covariances, np.zeros(count, dtype=np.int64))
    tip, point = fit.unknowns[:3], fit.unknowns[3:]
    held = persistence(fit.white)
    blocks = np.arange(count) * BLOCKS // count
    moving = _fit(poses, covariances, blocks)
    points = moving.unknowns[3:].reshape(BLOCKS, 3)
    sigmas = np.diag(moving.covariance)[3:] * held
    return Pivot(
        tip=tip,
        point=point,
        covariance=fit.covariance[:3, :3] * held,
        errors=fit.errors,
        unrest=fit.unrest,
        cone_deg=_cone(poses, tip)[0],
        narrow_cone_deg=_cone(poses, tip)[1],
        drift=float(np.linalg.norm(points - points.mean(axis=0), axis=1).max()),
        drift_sigma=float(np.sqrt(sigmas.max())),
        held_out=_held_out(poses, covariances, blocks),
    )


def _fit(poses: RigidTransform, covariances: FloatArray, blocks: NDArray[np.int64]) -> _Fit:
    """Solve with one point for each of `blocks`."""
    turned, shifted = poses.rotation.as_matrix(), poses.translation
    points = int(blocks.max()) + 1
    rows = np.zeros((len(poses), 3, 3 + 3 * points))
    rows[:, :, :3] = turned
    for axis in range(3):
        rows[np.arange(len(poses)), axis, 3 + 3 * blocks + axis] = -1.0
    flat = rows.reshape(-1, rows.shape[2])
    found, _, rank, _ = np.linalg.lstsq(flat, -shifted.ravel(), rcond=1e-6)
    if rank < flat.shape[1]:
        raise np.linalg.LinAlgError("the poses leave the tip open")
    unknowns: FloatArray = np.asarray(found, dtype=np.float64)
    unrest, covariance = 0.0, np.eye(len(unknowns))
    errors = (flat @ unknowns).reshape(-1, 3) + shifted
    white = errors
    for _ in range(30):
        spread = _spread(turned, unknowns[:3], covariances)
        unrest = _unrest(errors, spread, len(unknowns))
        precision = np.linalg.inv(spread + unrest**2 * np.eye(3))
        distance = np.sqrt(np.einsum("ni,nij,nj->n", errors, precision, errors))
        limit = HUBER * np.sqrt(3)
        precision *= (limit / np.maximum(distance, limit))[:, None, None]
        information = np.einsum("nia,nij,njb->ab", rows, precision, rows)
        covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
        step = -covariance @ np.einsum("nia,nij,nj->a", rows, precision, errors)
        unknowns = np.asarray(unknowns + step, dtype=np.float64)
        errors = (flat @ unknowns).reshape(-1, 3) + shifted
        white = np.einsum("nji,nj->ni", np.linalg.cholesky(precision), errors)
        if np.abs(step).max() < 1e-6:
            break
    return _Fit(unknowns, covariance, errors, white, unrest)


def _spread(turned: FloatArray, tip: FloatArray, covariances: FloatArray) -> FloatArray:
    """Covariances (N, 3, 3) of the tip in ``world`` by those of the poses."""
    by_error = np.concatenate(
        [-skew(turned @ tip), np.broadcast_to(np.eye(3), turned.shape)], axis=2
    )
    return np.asarray(by_error @ covariances @ by_error.transpose(0, 2, 1))


def _unrest(errors: FloatArray, spread: FloatArray, unknowns: int) -> float:
    """Find the unrest with which half of the errors lie within their median distance."""
    count = len(errors)
    wanted = chi2.median(3) * (1.0 - unknowns / (3.0 * count))
    values, axes = np.linalg.eigh(spread)
    along = np.einsum("nij,ni->nj", axes, errors) ** 2

    def distance(unrest: float) -> float:
        return float(np.median((along / (values + unrest**2)).sum(axis=1)))

    low, high = 0.0, float(np.sqrt(along.sum(axis=1).max())) + 1e-12
    if distance(low) <= wanted:
        return 0.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if distance(middle) > wanted else (low, middle)
    return high


def _rows(turned: FloatArray) -> FloatArray:
    return np.concatenate([turned, np.broadcast_to(-np.eye(3), turned.shape)], axis=2).reshape(
        -1, 6
    )


def _held_out(poses: RigidTransform, covariances: FloatArray, blocks: NDArray[np.int64]) -> float:
    misses = []
    for block in range(BLOCKS):
        out = blocks == block
        others = _fit(poses[~out], covariances[~out], np.zeros(int((~out).sum()), dtype=np.int64))
        tips = poses[out].apply(others.unknowns[:3])
        misses.append(np.linalg.norm(tips.mean(axis=0) - others.unknowns[3:]))
    return float(np.sqrt(np.mean(np.square(misses))))


def _cone(poses: RigidTransform, tip: FloatArray) -> tuple[float, float]:
    """Half the opening of the cone of tilts, and the same where it is narrowest, degrees."""
    length = float(np.linalg.norm(tip))
    along = tip / length if length > 1.0 else np.array([0.0, 0.0, 1.0])
    directions = poses.rotation.apply(along)
    middle = directions.mean(axis=0)
    middle /= np.linalg.norm(middle)
    angles = np.arccos(np.clip(directions @ middle, -1.0, 1.0))
    across = directions - (directions @ middle)[:, None] * middle
    lengths = np.linalg.norm(across, axis=1)
    tangents = across * (angles / np.maximum(lengths, 1e-12))[:, None]
    _, _, axes = np.linalg.svd(tangents, full_matrices=False)
    low, high = np.percentile(tangents @ axes[1], [2.5, 97.5])
    return (
        float(np.rad2deg(np.percentile(angles, 97.5))),
        float(np.rad2deg(high - low) / 2),
    )
