"""How the head sways, how a hand guides the coil, and when a sleeve hides it.

In: times in seconds since the feed's start. Out: poses, smooth to the second derivative.
Every motion repeats after `PERIOD` seconds, so a feed of that length can be played in a loop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

FloatArray = NDArray[np.float64]

PERIOD = 60.0
"""Length of one round of practice, seconds."""

SWAY_SPEED = 1.5
"""Mean speed of the head body's origin, mm/s."""

BREATHING_HZ = 15 / PERIOD
NECK = np.array([0.0, -40.0, -110.0])
"""Point in ``mri`` about which the head turns, mm."""

COIL_KEYS = (
    # seconds, translation (mm) and rotation vector (degrees) of the coil in the target's frame
    (0.0, (96.0, -29.0, -228.0), (8.0, 6.0, 14.0)),
    (8.0, (4.0, -5.0, -4.0), (3.0, -4.0, 25.0)),
    (13.5, (0.2, -0.1, -0.4), (0.2, -0.2, 0.1)),
    (30.0, (-0.1, 0.2, -0.3), (-0.1, 0.2, -0.2)),
    (36.0, (9.6, -6.8, -2.4), (6.2, 5.0, -6.1)),
    (43.0, (9.0, -7.2, -2.8), (6.0, 5.2, -6.0)),
    (46.0, (0.1, 0.1, -0.4), (0.1, 0.1, 0.2)),
    (56.0, (0.2, -0.2, -0.3), (-0.2, 0.1, 0.1)),
    (60.0, (96.0, -29.0, -228.0), (8.0, 6.0, 14.0)),
)
SLEEVE_KEYS = ((36.6, 0.0), (37.8, 1.0), (42.0, 1.0), (43.2, 0.0))
"""Seconds and how far the sleeve has come: 0 out of sight, 1 hiding the coil's marker body."""


@dataclass(frozen=True, eq=False)
class PeriodicNoise:
    """A smooth random signal in several channels: a sum of harmonics of ``1 / PERIOD``.

    Attributes
    ----------
    harmonics
        (K,) whole multiples of the base frequency.
    amplitudes, phases
        (K, D), in the signal's unit and in radians.
    """

    harmonics: FloatArray
    amplitudes: FloatArray
    phases: FloatArray

    def at(self, seconds: FloatArray) -> FloatArray:
        """Values (N, D) at times (N,)."""
        angle = 2 * np.pi / PERIOD * np.outer(seconds, self.harmonics)
        waves = np.sin(angle[:, :, None] + self.phases)
        return np.asarray((waves * self.amplitudes).sum(axis=1), dtype=np.float64)


def band_noise(
    rng: np.random.Generator, low_hz: float, high_hz: float, rms: FloatArray
) -> PeriodicNoise:
    """Noise between two frequencies whose amplitude falls as 1/f, with RMS `rms` (D,) each."""
    harmonics = np.arange(
        np.ceil(low_hz * PERIOD), np.floor(high_hz * PERIOD) + 1, dtype=np.float64
    )
    shape = (len(harmonics), len(rms))
    raw = rng.rayleigh(size=shape) / harmonics[:, None]
    amplitudes = raw * rms / np.sqrt((raw**2).sum(axis=0) / 2)
    return PeriodicNoise(harmonics, amplitudes, rng.uniform(0, 2 * np.pi, shape))


def keyed(seconds: FloatArray, key_times: FloatArray, values: FloatArray) -> FloatArray:
    """Values (N, D) that rest at each key and pass between them along the quintic smoothstep.

    Velocity and acceleration are zero at the keys, so the whole is twice continuously
    differentiable. Before the first and after the last key the value stays.
    """
    after = np.clip(np.searchsorted(key_times, seconds, side="right"), 1, len(key_times) - 1)
    span = key_times[after] - key_times[after - 1]
    s = np.clip((seconds - key_times[after - 1]) / span, 0.0, 1.0)
    step = (s**3 * (10 + s * (6 * s - 15)))[:, None]
    return np.asarray(values[after - 1] * (1 - step) + values[after] * step, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class HeadSway:
    """How the patient's head moves about its rest: ``rest_from_mri`` as a function of time."""

    translation: PeriodicNoise
    rotation_deg: PeriodicNoise
    breathing: FloatArray
    scale: float = 1.0

    def rest_from_mri(self, seconds: FloatArray) -> RigidTransform:
        """Head poses (N,) relative to the head at rest, mm."""
        wave = np.sin(2 * np.pi * BREATHING_HZ * seconds)[:, None]
        shift = self.scale * (self.translation.at(seconds) + wave * self.breathing)
        turn = Rotation.from_rotvec(self.scale * self.rotation_deg.at(seconds), degrees=True)
        return RigidTransform.from_components(shift + NECK - turn.apply(NECK), turn)


def head_sway(rng: np.random.Generator, head_origin: FloatArray) -> HeadSway:
    """Make a sway in which `head_origin` (3,), in ``mri``, moves at `SWAY_SPEED` on average."""
    translation = band_noise(rng, 0.03, 0.4, np.array([1.0, 1.3, 0.6]))
    rotation = band_noise(rng, 0.03, 0.35, np.array([0.35, 0.25, 0.4]))
    breathing = np.array([0.0, 0.25, 0.2])
    times = np.arange(0.0, PERIOD, 0.02)
    scale = 1.0
    for _ in range(3):  # the rotation makes the speed not quite proportional to the scale
        sway = HeadSway(translation, rotation, breathing, scale)
        path = sway.rest_from_mri(times).apply(head_origin)
        speed = np.linalg.norm(np.diff(path, axis=0), axis=1).mean() / 0.02
        scale *= SWAY_SPEED / speed
    return HeadSway(translation, rotation, breathing, scale)


@dataclass(frozen=True, eq=False)
class CoilMotion:
    """How a hand guides the coil about the target: ``target_from_coil`` as a function of time."""

    tremor: PeriodicNoise

    def target_from_coil(self, seconds: FloatArray) -> RigidTransform:
        """Coil poses (N,) in the target's frame, mm."""
        key_times = np.array([time for time, _, _ in COIL_KEYS])
        keys = np.array([(*shift, *turn) for _, shift, turn in COIL_KEYS])
        path = keyed(seconds, key_times, keys) + self.tremor.at(seconds)
        return RigidTransform.from_components(
            path[:, :3], Rotation.from_rotvec(path[:, 3:], degrees=True)
        )


def coil_motion(rng: np.random.Generator) -> CoilMotion:
    """Make the motion with a tremor of 0.3 mm RMS in all (0.17 mm per axis) and 0.25 degrees."""
    rms = np.array([0.17, 0.17, 0.17, 0.15, 0.15, 0.15])
    return CoilMotion(band_noise(rng, 0.3, 2.5, rms))


def sleeve_advance(seconds: FloatArray) -> FloatArray:
    """How far (N,) the sleeve has come at times (N,): 0 out of sight, 1 hiding the coil."""
    times = np.array([time for time, _ in SLEEVE_KEYS])
    values = np.array([[value] for _, value in SLEEVE_KEYS])
    return keyed(seconds, times, values)[:, 0]
