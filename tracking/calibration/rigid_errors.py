"""Small errors of rigid transforms: their algebra, their covariances, and means over many.

An error of a transform is a (6,) vector, as in :class:`~tracking.poses.PoseQuality`: a rotation
vector (rad) applied from the left, then the shift of the origin (mm), both along the axes that the
transform leads to: ``R = exp(w) R0``, ``t = t0 + v``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation
from scipy.stats import chi2

FloatArray = NDArray[np.float64]

HUBER = 2.5
"""Distance in standard deviations from which an observation counts only in proportion."""


def skew(vectors: FloatArray) -> FloatArray:
    """Give matrices (..., 3, 3) that take the cross product with `vectors` (..., 3)."""
    x, y, z = np.moveaxis(np.asarray(vectors, dtype=np.float64), -1, 0)
    zero = np.zeros_like(x)
    rows = np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]])
    return np.moveaxis(rows, (0, 1), (-2, -1))


def turns(vectors: FloatArray) -> FloatArray:
    """Give the rotation matrices (N, 3, 3) of rotation vectors (N, 3)."""
    return np.asarray(Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix(), dtype=np.float64)


def moved(transform: RigidTransform, error: FloatArray) -> RigidTransform:
    """Apply `error` (6,) to `transform`."""
    return RigidTransform.from_components(
        transform.translation + error[3:],
        Rotation.from_rotvec(error[:3]) * transform.rotation,
    )


def error_between(transform: RigidTransform, reference: RigidTransform) -> FloatArray:
    """Error (6,) that leads from `reference` to `transform`."""
    turn = (transform.rotation * reference.rotation.inv()).as_rotvec()
    return np.concatenate([turn, transform.translation - reference.translation])


def relative_covariance(
    first: RigidTransform,
    first_covariance: FloatArray,
    second: RigidTransform,
    second_covariance: FloatArray,
) -> FloatArray:
    """Covariance (6, 6) of the error of ``first^-1 * second``, of independent errors.

    From ``w = R1^T (w2 - w1)`` and ``v = R1^T (v2 - v1 + [t2 - t1] x w1)``.
    """
    back = first.rotation.as_matrix().T
    by_second = np.zeros((6, 6))
    by_second[:3, :3] = by_second[3:, 3:] = back
    by_first = -by_second.copy()
    by_first[3:, :3] = back @ skew(second.translation - first.translation)
    return np.asarray(
        by_first @ first_covariance @ by_first.T + by_second @ second_covariance @ by_second.T
    )


@dataclass(frozen=True, eq=False, slots=True)
class MeanTransform:
    """A mean of transforms.

    Attributes
    ----------
    transform
        The mean.
    covariance
        (6, 6) of its error, as the scatter tells it.
    errors
        (N, 6) errors that lead from the mean to each transform.
    excess
        How many times larger than stated the scatter is (of standard deviations).
    """

    transform: RigidTransform
    covariance: FloatArray
    errors: FloatArray
    excess: float


def mean_transform(transforms: RigidTransform, covariances: FloatArray) -> MeanTransform:
    """Average by information, robustly.

    Parameters
    ----------
    transforms
        N of them, in the order in which they were observed.
    covariances
        (N, 6, 6) of their errors.
    """
    information = np.linalg.inv(covariances)
    mean = transforms[len(transforms) // 2]
    errors, weights = _errors(transforms, mean), np.ones(len(transforms))
    for _ in range(15):
        errors = _errors(transforms, mean)
        distance = np.sqrt(np.einsum("ni,nij,nj->n", errors, information, errors))
        usual = max(float(np.median(distance)) / np.sqrt(chi2.median(6)), 1e-12)
        weights = np.minimum(1.0, HUBER * np.sqrt(6) * usual / np.maximum(distance, 1e-12))
        weighted = weights[:, None, None] * information
        step = np.linalg.solve(weighted.sum(axis=0), np.einsum("nij,nj->i", weighted, errors))
        mean = moved(mean, step)
        if np.abs(step).max() < 1e-10:
            break
    white = np.einsum("nij,nj->ni", np.linalg.cholesky(information).transpose(0, 2, 1), errors)
    # Of N transforms 6 (N - 1) errors are free.
    spread = float((weights[:, None] * white**2).sum()) / max(6 * (len(errors) - 1), 1)
    covariance = np.linalg.inv((weights[:, None, None] * information).sum(axis=0))
    return MeanTransform(
        mean, covariance * spread * persistence(white), errors, float(np.sqrt(spread))
    )


def persistence(white: FloatArray) -> float:
    """By how much errors that last from one observation to the next enlarge a mean's variance.

    `white` (N, K) errors in their standard deviations, in the order in which they were observed.
    Of a first-order autoregressive process, ``(1 + r) / (1 - r)``; never less than 1.
    """
    if len(white) < 3:
        return 1.0
    correlation = float((white[1:] * white[:-1]).sum() / max((white**2).sum(), 1e-300))
    # The mean was taken off, which makes the estimate too low by about 1 / N.
    held = min(max(correlation + 1.0 / len(white), 0.0), 0.98)
    # A correlation that chance alone gives is none.
    if held < 2.0 / np.sqrt(white.size):
        return 1.0
    return (1.0 + held) / (1.0 - held)


def bound_95(covariance: FloatArray) -> float:
    """Length that a Gaussian error of `covariance` (3, 3) stays below 95 times of 100, at least."""
    return float(np.sqrt(chi2.ppf(0.95, 3) * np.linalg.eigvalsh(covariance)[-1]))


def _errors(transforms: RigidTransform, mean: RigidTransform) -> FloatArray:
    turn = (transforms.rotation * mean.rotation.inv()).as_rotvec()
    return np.concatenate([turn, transforms.translation - mean.translation], axis=1)
