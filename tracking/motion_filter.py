"""Where a body is going: an error-state filter of its pose and velocity.

In: what each camera's images say of the pose, each at its own capture time. Out: the expected pose
and velocity with covariance at any time nearby, and whether a measurement can be the same body.

State: pose, and twist (angular velocity, velocity of the body's origin; ``world`` axes), with a
(12, 12) covariance of their left-hand errors (Sola 2017, "Quaternion kinematics for the error-state
Kalman filter"). The velocity is constant but for white acceleration noise. How strong that is
changes by the hour between a resting head and a coil on its way: of a few strengths the one is
used under which the recent measurements were most likely.

The filter's pose is used to expect, to gate and to search. It is never published as measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

GATE = 22.458
"""Chi-square of six degrees of freedom that chance exceeds one time in a thousand."""

STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
"""Acceleration noise to choose from: standard deviation of the velocity's change in 0.1 s, mm/s."""

MEMORY = 0.9
"""Weight of what went before, per measurement, in the choice of the strength: about ten count."""

LEVER_MM = 100.0
"""Turns are as fast as they move a point this far away."""

START_SPEED, START_TURN = 300.0, 2.0
"""Standard deviation of the velocity (mm/s, rad/s) of a body just found."""

LONGEST_BACK_S = 0.05
"""A measurement that comes late by more than this is passed over."""


@dataclass(frozen=True, eq=False, slots=True)
class MotionState:
    """A body's motion at one time.

    Attributes
    ----------
    time_ns
        For which the rest holds.
    rotation, translation
        (3, 3) and (3,) mm of ``world_from_body``.
    twist
        (6,) angular velocity (rad/s) and velocity of the origin (mm/s), ``world`` axes.
    covariance
        (12, 12) of the left-hand error of the pose about the body's origin (rad, mm) and of twist.
    """

    time_ns: int
    rotation: FloatArray
    translation: FloatArray
    twist: FloatArray
    covariance: FloatArray

    @property
    def world_from_body(self) -> FloatArray:
        """The pose as a (4, 4) matrix."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.rotation, self.translation
        return matrix

    @property
    def speed(self) -> float:
        """Of the body's origin and of points one lever away from it, mm/s."""
        turning = float(np.linalg.norm(self.twist[:3])) * LEVER_MM
        return float(np.linalg.norm(self.twist[3:])) + turning


class MotionFilter:
    """Follows one body. Used by one thread at a time.

    Parameters
    ----------
    time_ns, world_from_body, covariance
        First pose seen, a (4, 4) matrix, and its (6, 6) covariance as in
        :class:`~tracking.poses.PoseQuality`.
    """

    def __init__(self, time_ns: int, world_from_body: FloatArray, covariance: FloatArray) -> None:
        matrix = world_from_body
        start = np.diag([0.0] * 6 + [START_TURN**2] * 3 + [START_SPEED**2] * 3)
        start[:6, :6] = covariance
        self._state = MotionState(
            time_ns, matrix[:3, :3].copy(), matrix[:3, 3].copy(), np.zeros(6), start
        )
        self._likelihoods = np.zeros(len(STRENGTHS))
        self._strength = STRENGTHS[-1]
        self._expected: dict[tuple[int, float], MotionState] = {}

    @property
    def state(self) -> MotionState:
        """Motion after the newest measurement, at its time."""
        return self._state

    @property
    def strength(self) -> float:
        """Acceleration noise in force: change of velocity in 0.1 s at one sigma, mm/s."""
        return self._strength

    def expect(self, time_ns: int, least_strength: float = 0.0) -> MotionState:
        """Motion at `time_ns` (``time.monotonic_ns()``), before or after the newest measurement.

        The further away, the larger its covariance; at least as large as with acceleration noise
        of `least_strength`.
        """
        strength = max(self._strength, least_strength)
        known = self._expected.get((time_ns, strength))
        if known is None:
            # Asked for by every camera, for gating and for solving, at one and the same time.
            dt = (time_ns - self._state.time_ns) / 1e9
            known = _shaken(_carried(self._state, time_ns), dt, strength)
            self._expected[time_ns, strength] = known
        return known

    def update(self, time_ns: int, world_from_body: FloatArray, covariance: FloatArray) -> bool:
        """Take in a pose (4, 4) measured at `time_ns`; False if it is out of reach.

        A pose that lies further from the expected one than chance brings it one time in a thousand,
        even if the body accelerated as strongly as any, is out of reach, and so is one that comes
        more than 50 ms late. A late one otherwise takes part through the velocity.
        """
        if (time_ns - self._state.time_ns) / 1e9 < -LONGEST_BACK_S:
            return False
        innovation = _innovation(self._state, time_ns, world_from_body, covariance)
        distances, likelihoods = _judge(innovation)
        if distances[-1] > GATE:
            return False
        self._likelihoods = MEMORY * self._likelihoods + likelihoods
        # A sudden start is taken as such at once, without waiting for the memory to fade.
        possible = np.where(distances <= GATE, self._likelihoods, -np.inf)
        chosen = int(np.argmax(possible))
        self._strength = STRENGTHS[chosen]
        self._state = _corrected(innovation, self._strength)
        self._expected.clear()
        return True


@dataclass(frozen=True, eq=False, slots=True)
class _Innovation:
    """A measurement beside what was expected of it without acceleration.

    `state` is the expected one, `dt` the time for which it was carried ahead, `lag` how much
    earlier than it the measurement was taken, `difference` and `noise` those of the measurement.
    """

    state: MotionState
    dt: float
    lag: float
    difference: FloatArray
    noise: FloatArray

    @property
    def spread(self) -> FloatArray:
        """Covariance (6, 6) of the difference without acceleration."""
        across = self.state.covariance[:, :6] + self.lag * self.state.covariance[:, 6:]
        return across[:6] + self.lag * across[6:] + self.noise


def _innovation(
    before: MotionState, time_ns: int, matrix: FloatArray, noise: FloatArray
) -> _Innovation:
    dt = (time_ns - before.time_ns) / 1e9
    state, ahead, lag = (_carried(before, time_ns), dt, 0.0) if dt >= 0 else (before, 0.0, dt)
    rotation = _turn(state.twist[:3] * lag) @ state.rotation
    difference = np.concatenate(
        [
            _rotation_vector(matrix[:3, :3] @ rotation.T),
            matrix[:3, 3] - state.translation - lag * state.twist[3:],
        ]
    )
    return _Innovation(state, ahead, lag, difference, noise)


def _judge(innovation: _Innovation) -> tuple[FloatArray, FloatArray]:
    """Squared Mahalanobis distances and log likelihoods (but for a constant) by strength."""
    wander = _POSE_DENSITIES * innovation.dt**3 / 3
    spreads = innovation.spread + wander[:, :, None] * np.eye(6)
    solved = np.linalg.solve(spreads, innovation.difference[:, None])[:, :, 0]
    distances = np.asarray(solved @ innovation.difference, dtype=np.float64)
    _, logarithms = np.linalg.slogdet(spreads)
    return distances, -0.5 * (distances + logarithms)


def _corrected(innovation: _Innovation, strength: float) -> MotionState:
    state = _shaken(innovation.state, innovation.dt, strength)
    seen = np.hstack([np.eye(6), innovation.lag * np.eye(6)])
    across = seen @ state.covariance
    gain = np.linalg.solve(across @ seen.T + innovation.noise, across).T
    step = gain @ innovation.difference
    # Joseph's form keeps the covariance symmetric and positive.
    kept = np.eye(12) - gain @ seen
    covariance = kept @ state.covariance @ kept.T + gain @ innovation.noise @ gain.T
    rotation = _turn(step[:3]) @ state.rotation
    return MotionState(
        state.time_ns,
        rotation @ (1.5 * np.eye(3) - 0.5 * rotation.T @ rotation),
        state.translation + step[3:6],
        state.twist + step[6:],
        (covariance + covariance.T) / 2,
    )


def _carried(state: MotionState, time_ns: int) -> MotionState:
    """Constant velocity, without acceleration."""
    dt = (time_ns - state.time_ns) / 1e9
    covariance = state.covariance.copy()
    covariance[:6] += dt * covariance[6:]
    covariance[:, :6] += dt * covariance[:, 6:]
    return MotionState(
        time_ns,
        _turn(state.twist[:3] * dt) @ state.rotation,
        state.translation + dt * state.twist[3:],
        state.twist,
        covariance,
    )


def _shaken(state: MotionState, dt: float, strength: float) -> MotionState:
    """Add white acceleration noise over `dt` s, ahead or back (Bar-Shalom 2001, 6.2.2)."""
    density = (strength / STRENGTHS[0]) ** 2 * _POSE_DENSITIES[0]
    covariance = state.covariance.copy()
    every, other = np.arange(6), np.arange(6, 12)
    covariance[every, every] += density * abs(dt) ** 3 / 3
    covariance[every, other] += math.copysign(dt * dt / 2, dt) * density
    covariance[other, every] += math.copysign(dt * dt / 2, dt) * density
    covariance[other, other] += density * abs(dt)
    return MotionState(state.time_ns, state.rotation, state.translation, state.twist, covariance)


_POSE_DENSITIES = np.array(
    [[(one / LEVER_MM) ** 2 / 0.1] * 3 + [one**2 / 0.1] * 3 for one in STRENGTHS]
)
"""(strengths, 6) power density of the acceleration: rad^2/s^3 and mm^2/s^3."""


def _turn(vector: FloatArray) -> FloatArray:
    return np.asarray(cv2.Rodrigues(vector)[0], dtype=np.float64)


def _rotation_vector(turn: FloatArray) -> FloatArray:
    return np.asarray(cv2.Rodrigues(turn)[0], dtype=np.float64).reshape(3)
