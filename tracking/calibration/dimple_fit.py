"""A coil laid onto touched dimples and touched points of its face.

In: where the dimples are on the coil, where the tip touched them and the face on the coil body.
Out: a :class:`DimpleFit`; and what a wrong order or mirrored positions would explain better.

Paired points by singular values (Arun, Huang and Blostein 1987) give the start, then robust least
squares of dimples and face together, each touch weighed by its covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import RigidTransform

from tracking.calibration.rigid_errors import HUBER, moved

FloatArray = NDArray[np.float64]

MOST_PERMUTED = 7
"""With more dimples only pairs are exchanged in search of the order in which they were touched."""


@dataclass(frozen=True, eq=False, slots=True)
class DimpleFit:
    """What the touches tell.

    Attributes
    ----------
    coil_body_from_coil
        Best transform.
    covariance
        (6, 6) of its error, as :mod:`tracking.calibration.rigid_errors` has it.
    dimple_errors
        (N, 3) touch minus dimple, in the coil's frame, mm.
    face_errors
        (M,) distance of the touches of the face from z = 0, mm.
    """

    coil_body_from_coil: RigidTransform
    covariance: FloatArray
    dimple_errors: FloatArray
    face_errors: FloatArray

    @property
    def rms(self) -> float:
        """RMS distance of dimples from their touches, mm."""
        return float(np.sqrt((self.dimple_errors**2).sum(axis=1).mean()))

    @property
    def face_rms(self) -> float:
        """RMS distance of the touches of the face from it, mm; 0 if there are none."""
        return float(np.sqrt(np.mean(self.face_errors**2))) if len(self.face_errors) else 0.0


def fit_dimples(
    positions: FloatArray,
    touched: FloatArray,
    touch_covariances: FloatArray,
    face: FloatArray,
    face_covariances: FloatArray,
) -> DimpleFit:
    """Fit.

    Parameters
    ----------
    positions
        (N, 3) dimples in the coil's frame, mm.
    touched, touch_covariances
        (N, 3) and (N, 3, 3) where they were touched, in the coil body's frame, and how sure.
    face, face_covariances
        (M, 3) and (M, 3, 3) touches of the face, M may be 0.
    """
    start = paired_points(positions, touched)
    white = np.linalg.cholesky(np.linalg.inv(touch_covariances)).transpose(0, 2, 1)

    def misses(error: FloatArray) -> FloatArray:
        pose = moved(start, error)
        of_dimples = np.einsum("nij,nj->ni", white, touched - pose.apply(positions))
        if not len(face):
            return np.asarray(of_dimples.ravel())
        normal = pose.rotation.as_matrix()[:, 2]
        sigma = np.sqrt(np.einsum("i,nij,j->n", normal, face_covariances, normal))
        of_face = (face - pose.translation) @ normal / sigma
        return np.concatenate([of_dimples.ravel(), of_face])

    found = least_squares(
        misses,
        np.zeros(6),
        jac="3-point",
        loss="huber",
        f_scale=HUBER,
        x_scale=[1e-3] * 3 + [0.1] * 3,
    )
    pose = moved(start, found.x)
    white_misses = misses(found.x)
    jacobian = np.asarray(found.jac, dtype=np.float64)
    usual = np.minimum(np.abs(white_misses), 2 * HUBER)
    # Dimples are drilled and found with an error of their own, which only the misses tell.
    excess = max(1.0, float(usual @ usual) / max(len(usual) - 6, 1))
    back = pose.inv()
    return DimpleFit(
        coil_body_from_coil=pose,
        covariance=np.asarray(np.linalg.inv(jacobian.T @ jacobian) * excess, dtype=np.float64),
        dimple_errors=back.apply(touched) - positions,
        face_errors=back.apply(face)[:, 2] if len(face) else np.zeros(0),
    )


def paired_points(
    points: FloatArray, targets: FloatArray, *, mirrored: bool = False
) -> RigidTransform:
    """Lay `points` (N, 3) onto `targets` by least squares: ``target_from_point``.

    `mirrored`: of the points with their x reversed.
    """
    source = points * [-1.0, 1.0, 1.0] if mirrored else points
    middle, target_middle = source.mean(axis=0), targets.mean(axis=0)
    left, _, right = np.linalg.svd((targets - target_middle).T @ (source - middle))
    turn = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, target_middle - turn @ middle
    return RigidTransform.from_matrix(matrix)


def plain_rms(points: FloatArray, targets: FloatArray, *, mirrored: bool = False) -> float:
    """RMS distance, mm, that :func:`paired_points` leaves."""
    source = points * [-1.0, 1.0, 1.0] if mirrored else points
    laid = paired_points(points, targets, mirrored=mirrored).apply(source)
    return float(np.sqrt(((laid - targets) ** 2).sum(axis=1).mean()))


def best_order(positions: FloatArray, touched: FloatArray) -> tuple[tuple[int, ...], float]:
    """Find the order of dimples that fits the touches best, and the RMS distance it leaves, mm.

    The order gives for each touch the index of its dimple.
    """
    likely = _likely(_orders(len(positions)), positions, touched)
    rms = [plain_rms(positions[list(order)], touched) for order in likely]
    best = int(np.argmin(rms))
    return likely[best], rms[best]


def symmetric_orders(positions: FloatArray, limit: float) -> list[tuple[int, ...]]:
    """Find orders, other than the given one, in which the dimples look the same within `limit`."""
    same = tuple(range(len(positions)))
    orders = [order for order in _orders(len(positions)) if order != same]
    likely = _likely(orders, positions, positions)
    return [order for order in likely if plain_rms(positions[list(order)], positions) < limit]


def _orders(count: int) -> Sequence[tuple[int, ...]]:
    if count <= MOST_PERMUTED:
        return list(permutations(range(count)))
    orders = [tuple(range(count)), tuple(reversed(range(count)))]
    for first in range(count):
        for second in range(first + 1, count):
            order = list(range(count))
            order[first], order[second] = order[second], order[first]
            orders.append(tuple(order))
    return orders


def _likely(
    orders: Sequence[tuple[int, ...]], positions: FloatArray, touched: FloatArray, most: int = 12
) -> list[tuple[int, ...]]:
    """Keep the orders whose distances between dimples are most like those between touches."""
    table = np.array(orders)
    wanted = np.linalg.norm(touched[:, None] - touched, axis=2)
    known = np.linalg.norm(positions[:, None] - positions, axis=2)
    misfit = ((known[table[:, :, None], table[:, None, :]] - wanted) ** 2).sum(axis=(1, 2))
    return [orders[index] for index in np.argsort(misfit, kind="stable")[:most].tolist()]
