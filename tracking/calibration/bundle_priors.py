"""What is expected of the unknowns of bundle adjustment before any picture is looked at.

In: values of the unknowns. Out: how far they are off what is expected, and the weights of that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracking.calibration.bundle_model import CAMERA, Knowns, Unknowns

FloatArray = NDArray[np.float64]

SHAPE_SIGMA = np.array([1.0, 1.0, 1.0, 0.002, *[0.01] * 3, *[8.0] * 3])
"""How far a board may be expected to deviate: three bends in mm at its edge, its aspect, and turn
(rad) and shift (mm) of what is printed on its back."""

LATE_SIGMA = 0.03
"""By how much one camera may be expected to be later than another, s."""

SPEED_CHANGE = np.array([0.3] * 3 + [50.0] * 3)
"""How far the board's velocity may be off the one between its neighbours a second apart: rad/s,
then mm/s. Looser, and every picture would get a pose of its own by being late."""

STILLNESS = np.array([0.02] * 3 + [4.0] * 3)
"""Least doubt about a velocity, in the same units."""

ONE_SIDED = 4.0
"""The doubt grows by this where only one neighbour tells the velocity."""

UNKNOWN_SPEED = np.array([0.2] * 3 + [60.0] * 3)
"""The doubt where none does."""

SQUARE_SIGMA = 0.003
"""How much wider than high a sensor's pixels may be expected to be."""

LONGEST_GAP = 0.4
"""Neighbouring instants further apart, s, do not tell a velocity."""


def priors(unknowns: Unknowns, knowns: Knowns) -> tuple[FloatArray, FloatArray]:
    """Deviations from what is expected of the common unknowns, and their weights."""
    cameras = len(unknowns.lenses)
    place, place_sigma = np.zeros((cameras, CAMERA)), np.full((cameras, CAMERA), np.inf)
    place[:, 6], place_sigma[:, 6] = -unknowns.late, LATE_SIGMA
    off = np.concatenate(
        [(knowns.lenses - unknowns.lenses).ravel(), place.ravel(), -unknowns.shape]
    )
    sigma = np.concatenate([knowns.lens_sigma.ravel(), place_sigma.ravel(), SHAPE_SIGMA])
    weight = np.divide(1.0, sigma**2, out=np.zeros_like(sigma), where=sigma > 0)
    return off, weight


def square_weight(unknowns: Unknowns) -> FloatArray:
    """(C,) weight of the difference of the focal lengths: pixels are nearly square."""
    return np.asarray(1 / (SQUARE_SIGMA * unknowns.lenses[:, :2].mean(axis=1)) ** 2)


def expected_velocity(unknowns: Unknowns, knowns: Knowns) -> tuple[FloatArray, FloatArray]:
    """Velocity by the neighbouring instants, and (T, 6) how far it may be off."""
    times, poses = knowns.times, unknowns.world_from_board
    index = np.arange(len(times))
    joined = np.concatenate([[False], np.diff(times) <= LONGEST_GAP, [False]])
    first, last = np.where(joined[:-1], index - 1, index), np.where(joined[1:], index + 1, index)
    gap = (times[last] - times[first])[:, None]
    near = gap > 0
    span = np.where(near, gap, 1.0)
    turn = np.einsum("nij,nkj->nik", poses[last, :3, :3], poses[first, :3, :3])
    # The axis of a small turn, from the part of its matrix that is not symmetric.
    axis = np.stack(
        [
            turn[:, 2, 1] - turn[:, 1, 2],
            turn[:, 0, 2] - turn[:, 2, 0],
            turn[:, 1, 0] - turn[:, 0, 1],
        ],
        axis=1,
    )
    moved = np.concatenate([axis / 2, poses[last, :3, 3] - poses[first, :3, 3]], axis=1)
    # Between two neighbours the change of velocity cancels, beside one of them it does not.
    between = (joined[:-1] & joined[1:])[:, None]
    sigma = np.maximum(SPEED_CHANGE * span, STILLNESS) * np.where(between, 1.0, ONE_SIDED)
    sigma = np.where(near, sigma, UNKNOWN_SPEED)
    return np.where(near, moved / span, 0.0), sigma


def prior_cost(unknowns: Unknowns, knowns: Knowns) -> float:
    """Give the sum of squares, in standard deviations, by which the unknowns are off."""
    off, weight = priors(unknowns, knowns)
    cost = float((off**2 * weight).sum())
    cost += float(
        ((unknowns.lenses[:, 0] - unknowns.lenses[:, 1]) ** 2 * square_weight(unknowns)).sum()
    )
    if knowns.moving:
        expected, sigma = expected_velocity(unknowns, knowns)
        cost += float((((unknowns.velocity - expected) / sigma) ** 2).sum())
    return cost
