"""A sender's time stamps brought to this machine's monotonic clock.

In: the stamp of a message and the time at which it arrived. Out: the time of the measurement here.

A message is never early, only late: of the differences arrival - stamp, the smallest of the last
half minute is the offset of the clocks plus the quickest way through the network (the lower
envelope). A message that took longer is dated back by as much, so a pose that waited in a queue
shows its age. A stamp that would lie in the future by more than the clocks can have drifted is not
believed; if it goes on, the sender's clock was set and the estimate starts again.
"""

from __future__ import annotations

from collections import deque

WINDOW = 30
"""Seconds, and as many minima, over which the envelope reaches: drift of 50 ppm makes 1.5 ms."""
LEAP_NS = 1_000_000_000
"""Differences smaller than the envelope by more than this are not believed at once."""
PATIENCE = 5
"""After so many such messages in a row the sender's clock was set."""


class SenderClock:
    """The clock of one connection. For one thread."""

    def __init__(self) -> None:
        self._minima: deque[tuple[int, int]] = deque(maxlen=WINDOW)
        self._leaps = 0
        self.late_ns = 0
        """How much longer than the quickest the newest message was on its way."""

    def place(self, stamp_ns: int | None, arrival_ns: int) -> tuple[int, int | None]:
        """Give the time of the measurement, and the stamp if it is believed.

        Parameters
        ----------
        stamp_ns
            The sender's clock; None if it gives no time: then the arrival is the time.
        arrival_ns
            ``time.monotonic_ns()`` when the message came.
        """
        if stamp_ns is None:
            return arrival_ns, None
        gap = arrival_ns - stamp_ns
        if self._minima and gap < self._offset() - LEAP_NS:
            self._leaps += 1
            if self._leaps < PATIENCE:
                return arrival_ns, None
            self._minima.clear()
        self._leaps = 0
        self._enter(gap, arrival_ns)
        offset = self._offset()
        self.late_ns = gap - offset
        return stamp_ns + offset, stamp_ns

    def _enter(self, gap: int, arrival_ns: int) -> None:
        second = arrival_ns // 1_000_000_000
        if self._minima and self._minima[-1][0] == second:
            gap = min(gap, self._minima.pop()[1])
        self._minima.append((second, gap))
        while self._minima[0][0] <= second - WINDOW:
            self._minima.popleft()

    def _offset(self) -> int:
        return min(gap for _, gap in self._minima)
