"""Frames of several live cameras, put together by nearness in time, for calibrating.

In: frames from one thread per camera. Out: instants: of each camera the frame taken less than half
an interval away from the others', as recordings are put together too. Unlike for tracking, cameras
that take turns are paired: what is shown to them is held still, and the solver knows each time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from statistics import median

from tracking.frames import Frame

SILENT_S = 0.5
"""A camera without frames for this long is no longer waited for."""

USUAL_INTERVAL_NS = 33_000_000
"""Taken for a camera's until its own is known."""


class NearestFrames:
    """The newest frame of each camera, given once all have one. Thread-safe.

    Parameters
    ----------
    cameras
        Names of the cameras.
    """

    def __init__(self, cameras: Sequence[str]) -> None:
        self._condition = threading.Condition()
        self._waiting: dict[str, Frame] = {}
        self._alive = set(cameras)
        self._heard = dict.fromkeys(cameras, time.monotonic())
        self._times_ns: dict[str, deque[int]] = {name: deque(maxlen=9) for name in cameras}
        self._closed = False

    def put(self, frame: Frame) -> bool:
        """Offer `frame`, in place of an older one of its camera; False once closed."""
        with self._condition:
            if self._closed:
                return False
            self._waiting[frame.camera] = frame
            self._heard[frame.camera] = time.monotonic()
            self._times_ns[frame.camera].append(frame.time_ns)
            self._condition.notify_all()
        return True

    def end(self, camera: str) -> None:
        """Say that `camera` gives no more frames."""
        with self._condition:
            self._alive.discard(camera)
            self._condition.notify_all()

    def close(self) -> None:
        """Let everybody go who waits."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def exhausted(self) -> bool:
        """Whether every camera has ended and no frame is left."""
        with self._condition:
            return not self._alive and not self._waiting

    def take(self, timeout_s: float) -> list[Frame]:
        """Wait for an instant and take it; empty after `timeout_s` without one, or once closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._is_ready(), timeout_s)
            if self._closed or not self._is_ready():
                return []
            first = min(frame.time_ns for frame in self._waiting.values())
            last = first + self._interval_ns() // 2
            group = [frame for frame in self._waiting.values() if frame.time_ns <= last]
            for frame in group:
                del self._waiting[frame.camera]
            return group

    def _is_ready(self) -> bool:
        if not self._waiting:
            return False
        heard_since = time.monotonic() - SILENT_S
        return all(name in self._waiting or self._heard[name] < heard_since for name in self._alive)

    def _interval_ns(self) -> int:
        """Of the slowest camera."""
        intervals = [
            median(late - early for early, late in zip(times, list(times)[1:], strict=False))
            for times in self._times_ns.values()
            if len(times) > 1
        ]
        return round(max(intervals, default=USUAL_INTERVAL_NS))
