"""Capture times on the host's clock, from the stamps of a camera's own clock.

In: for each frame the driver's stamp and when the host had the frame, ``time.monotonic_ns()``. Out:
when the frame was taken, on the host's clock.

A frame reaches the host after its capture, sometimes much later, never sooner: of all differences
host minus driver the smallest are right. A line under the recent ones, their lower envelope,
follows offset and drift of the camera's clock; what lies above it is delay on the way. A constant
part of that delay remains in the result. It is the same for all frames of a camera.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

WINDOW_NS = 30_000_000_000
"""Differences of so long a time count: long against delays, short against changes of drift."""

BIN_NS = 500_000_000
"""Of each so long piece only the smallest difference is kept."""

STEEPEST = 500e-6
"""Drift beyond which no quartz is: a steeper line would be an accident."""

JUMP_NS = 250_000_000
"""Differences that change by more tell that one of the clocks was set anew."""

BACKWARDS_JUMPS = 1
FORWARD_JUMPS = 5
"""So many frames in a row must say so before all is forgotten. Forward it may be a long delay."""


@dataclass(frozen=True, slots=True)
class ClockEstimate:
    """What is known of a camera's clock.

    Attributes
    ----------
    offset_ns
        Host time minus driver time at the newest frame.
    drift
        How much faster the host's clock runs than the camera's, as a ratio (1e-6 is 1 ppm).
    frames
        Frames since the clock was last set anew.
    resets
        How often it was.
    """

    offset_ns: int
    drift: float
    frames: int
    resets: int


class CameraClock:
    """Maps one camera's stamps to the host's clock. Used by one thread at a time.

    Parameters
    ----------
    wrap_ns
        Stamps start anew from zero after so long, or None. A counter of 32 bits in microseconds
        has 2**32 * 1000.
    """

    def __init__(self, wrap_ns: int | None = None) -> None:
        self._wrap_ns = wrap_ns
        self._turns = 0
        self._last_raw: int | None = None
        self._last_given: int | None = None
        self._lowest: deque[tuple[int, int]] = deque()
        self._strange = 0
        self._frames = 0
        self._resets = 0
        self._offset_ns = 0
        self._drift = 0.0

    @property
    def estimate(self) -> ClockEstimate | None:
        """Offset and drift so far; None before the first frame."""
        if self._frames == 0:
            return None
        return ClockEstimate(self._offset_ns, self._drift, self._frames, self._resets)

    def capture_time_ns(self, driver_ns: int, host_ns: int) -> int:
        """Give when the frame was taken that has stamp `driver_ns` and was there at `host_ns`.

        Never later than `host_ns`, and later than that of the frame before.
        """
        driver_ns = self._unwrapped(driver_ns)
        self._note(driver_ns, host_ns - driver_ns)
        taken = min(driver_ns + self._offset_ns, host_ns)
        if self._last_given is not None:
            taken = max(taken, self._last_given + 1)
        self._last_given = min(taken, max(host_ns, (self._last_given or 0) + 1))
        return self._last_given

    def _unwrapped(self, raw: int) -> int:
        if self._wrap_ns is None:
            return raw
        if self._last_raw is not None and raw < self._last_raw - self._wrap_ns // 2:
            self._turns += 1
        self._last_raw = raw
        return raw + self._turns * self._wrap_ns

    def _note(self, driver_ns: int, difference: int) -> None:
        if self._lowest and self._is_jump(driver_ns, difference):
            self._lowest.clear()
            self._resets += 1
            self._frames = self._strange = 0
        self._frames += 1
        newest = self._lowest[-1] if self._lowest else None
        if newest is not None and driver_ns // BIN_NS == newest[0] // BIN_NS:
            if difference < newest[1]:
                self._lowest[-1] = (driver_ns, difference)
        else:
            self._lowest.append((driver_ns, difference))
        while self._lowest[0][0] < driver_ns - WINDOW_NS:
            self._lowest.popleft()
        self._fit(driver_ns)

    def _is_jump(self, driver_ns: int, difference: int) -> bool:
        """Whether this frame shows that a clock was set anew."""
        change = difference - self._offset_ns
        backwards = driver_ns < self._lowest[-1][0] - BIN_NS
        if abs(change) <= JUMP_NS and not backwards:
            self._strange = 0
            return False
        self._strange += 1
        # Nothing reaches the host before it was taken: a smaller difference is certain at once.
        needed = BACKWARDS_JUMPS if change < 0 or backwards else FORWARD_JUMPS
        return self._strange >= needed

    def _fit(self, now_ns: int) -> None:
        """Put the line under all points that is highest at their middle (lower convex hull)."""
        hull: list[tuple[int, int]] = []
        for point in self._lowest:
            while len(hull) > 1 and _turns_down(hull[-2], hull[-1], point):
                hull.pop()
            hull.append(point)
        middle = (self._lowest[0][0] + self._lowest[-1][0]) / 2
        start, end = hull[0], hull[-1]
        for first, second in pairwise(hull):
            if first[0] <= middle <= second[0]:
                start, end = first, second
        # Over a short time the delays decide on the slope, not the clocks.
        long_enough = end[0] - start[0] >= WINDOW_NS // 6
        slope = (end[1] - start[1]) / (end[0] - start[0]) if long_enough else 0.0
        self._drift = min(max(slope, -STEEPEST), STEEPEST)
        self._offset_ns = round(
            min(lowest + self._drift * (now_ns - time) for time, lowest in self._lowest)
        )


def _turns_down(first: tuple[int, int], middle: tuple[int, int], last: tuple[int, int]) -> bool:
    """Whether `middle` lies on or above the line from `first` to `last`."""
    across = (middle[0] - first[0]) * (last[1] - first[1])
    return across <= (middle[1] - first[1]) * (last[0] - first[0])
