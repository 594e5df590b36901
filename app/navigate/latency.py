"""How long after capture a pose was on screen: the last minutes' figures, and their percentiles."""

from __future__ import annotations

from collections import deque

import numpy as np

KEPT = 36_000


class LatencyLog:
    """Delays in nanoseconds, the newest 20 minutes at 30 frames a second. One thread only."""

    def __init__(self) -> None:
        self._delays: deque[int] = deque(maxlen=KEPT)

    def add(self, delay_ns: int) -> None:
        """Enter one delay."""
        self._delays.append(delay_ns)

    def __len__(self) -> int:
        return len(self._delays)

    def percentile_ms(self, percent: float) -> float | None:
        """Give the delay, ms, that `percent` of the poses did not exceed; None without any."""
        if not self._delays:
            return None
        return float(np.percentile(np.array(self._delays), percent)) / 1e6
