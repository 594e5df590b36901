"""How much later than its frames say each camera really took them, learned from moving bodies.

In: what every pose of a moving body tells of each camera's time. Out: the shift of each camera
with its standard deviation, and the shift to apply: none until it is beyond doubt.

Where two cameras differ in latency, a body that moves is seen at two places that no pose explains.
The size of the contradiction along the motion, over the speed, is the difference of the latencies.
Only differences can be seen: the first camera's time is taken as right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracking.pose_fit import TimeShift

NOISE_PX = 0.1
"""Corner noise assumed; calibration errors of some tenths of a pixel are common to many poses."""

MEMORY = 0.998
"""Weight of what was told before, per pose: about five hundred count."""

SIGNIFICANT_SIGMAS = 6.0
LEAST_S, MOST_S = 0.002, 0.05
LEAST_POSES = 60
"""A shift is applied if it is this many standard deviations and this long, and no longer, and
this many poses have told of it."""


@dataclass(frozen=True, slots=True)
class CameraShift:
    """Shift of a camera's true capture times against its stated ones, and its sd, s."""

    shift_s: float
    sigma_s: float
    poses: int

    @property
    def significant(self) -> bool:
        """Whether it is beyond doubt and large enough to matter."""
        size = abs(self.shift_s)
        return (
            self.poses >= LEAST_POSES
            and LEAST_S <= size <= MOST_S
            and size > SIGNIFICANT_SIGMAS * self.sigma_s
        )


@dataclass(slots=True)
class _Sum:
    information: float = 0.0
    gradient: float = 0.0
    poses: int = 0


class TimeShifts:
    """Collects what moving bodies tell of the cameras' times. Used by one thread at a time.

    Parameters
    ----------
    cameras
        Names; the first one's time is the measure of the others.
    """

    def __init__(self, cameras: Sequence[str]) -> None:
        self._reference = cameras[0]
        self._sums = {name: _Sum() for name in cameras[1:]}
        self._applied_ns = dict.fromkeys(cameras, 0)

    @property
    def estimates(self) -> Mapping[str, CameraShift]:
        """Camera name -> its shift as far as known; without entry: nothing is known yet."""
        return {
            name: CameraShift(
                shift_s=self._applied_ns[name] / 1e9 + one.gradient / one.information,
                sigma_s=NOISE_PX / math.sqrt(one.information),
                poses=one.poses,
            )
            for name, one in self._sums.items()
            if one.information > 0.0
        }

    def applied_ns(self, camera: str) -> int:
        """Nanoseconds to add to the capture times of `camera`."""
        return self._applied_ns[camera]

    def add(self, told: Mapping[str, TimeShift]) -> None:
        """Take in what one pose tells; only poses that the first camera takes part in count."""
        if self._reference not in told:
            return
        for name, shift in told.items():
            if name != self._reference:
                self._add(name, shift)

    def _add(self, name: str, shift: TimeShift) -> None:
        known = self._sums[name]
        known.information = MEMORY * known.information + shift.information
        known.gradient = MEMORY * known.gradient + shift.gradient
        known.poses += 1
        rest = CameraShift(
            known.gradient / max(known.information, 1e-12),
            NOISE_PX / math.sqrt(max(known.information, 1e-12)),
            known.poses,
        )
        if rest.significant:
            self._applied_ns[name] += round(rest.shift_s * 1e9)
            self._sums[name] = _Sum()
