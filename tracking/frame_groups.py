"""Frames of several cameras, put together if they were taken together, else each on its own.

In: frames from one thread per camera. Out: groups for the one thread that takes them: a frame of
each camera as far as they were released together (a few ms apart at most), none older than need be.
Cameras that take turns are never paired: each frame is given as it comes. Only a frame that is due
at the same time is waited for, and for a bounded time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from tracking.frames import Frame

LATE_S = 0.015
"""How long a frame waits for its companions from the other cameras."""

LOSSLESS_LATE_S = 1.0
"""The same when nothing may be lost, where the companions are only still being decoded."""

SILENT_S = 0.5
"""A camera without frames for this long is no longer waited for."""

TOGETHER_NS = 4_000_000
"""Frames of different cameras at most this far apart were taken together."""

TURN_SHARE = 4
"""At high rates together means: closer than this part of the interval between two frames."""

LEAST_INTERVALS = 3
"""So many intervals of a camera tell when its next frame is due."""

BACKLOG = 3
"""Frames of a camera that may wait to be taken: they bridge a moment in which the tracker is held
up, so that no frame is lost."""

STALE_S = 0.05
"""A frame that has waited longer is passed over for a newer one: where the tracker is too slow for
good, a backlog would only make every pose old."""


def taken_together(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Part `frames` of different cameras into those taken together, in order of time."""
    groups: list[list[Frame]] = []
    for frame in sorted(frames, key=lambda one: one.time_ns):
        if groups and frame.time_ns - groups[-1][0].time_ns <= TOGETHER_NS:
            groups[-1].append(frame)
        else:
            groups.append([frame])
    return groups


class FrameGroups:
    """A short queue per camera and the rules by which frames are taken together. Thread-safe.

    Parameters
    ----------
    cameras
        Names of the cameras.
    lossless
        Nothing is dropped: whoever puts a frame in waits until it was taken *and* the taker is
        back for more. So the next frame is not captured before it can be worked on, and its age
        is not spent waiting.
    """

    def __init__(self, cameras: Sequence[str], *, lossless: bool) -> None:
        self._lossless = lossless
        self._condition = threading.Condition()
        self._waiting: dict[str, deque[tuple[Frame, float]]] = {}
        self._alive = set(cameras)
        self._last_put = dict.fromkeys(cameras, time.monotonic())
        self._last_time_ns: dict[str, int] = {}
        self._intervals: dict[str, deque[int]] = {name: deque(maxlen=8) for name in cameras}
        self._captured = 0
        self._dropped = 0
        self._visits = 0
        self._taken_on: dict[str, int] = {}
        self._closed = False

    def put(self, frame: Frame) -> bool:
        """Offer `frame`; False once closed."""
        with self._condition:
            if self._closed:
                return False
            self._captured += 1
            before = self._last_time_ns.get(frame.camera)
            if before is not None and frame.time_ns > before:
                self._intervals[frame.camera].append(frame.time_ns - before)
            self._last_time_ns[frame.camera] = frame.time_ns
            arrived = self._last_put[frame.camera] = time.monotonic()
            queue = self._waiting.setdefault(frame.camera, deque())
            queue.append((frame, arrived))
            if len(queue) > BACKLOG:
                queue.popleft()
                self._dropped += 1
            self._condition.notify_all()
            if self._lossless:
                self._condition.wait_for(lambda: self._closed or self._done_with(frame))
        return True

    def _done_with(self, frame: Frame) -> bool:
        """Whether the taker has come back since it took `frame`."""
        waits = any(frame is one for one, _ in self._waiting.get(frame.camera, ()))
        return not waits and self._visits > self._taken_on[frame.camera]

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

    def counts(self) -> tuple[int, int]:
        """Frames captured, frames dropped."""
        with self._condition:
            return self._captured, self._dropped

    def exhausted(self) -> bool:
        """Whether every camera has ended and no frame is left."""
        with self._condition:
            return not self._alive and not self._waiting

    def take(self, timeout_s: float) -> list[Frame]:
        """Wait for a group and take it; empty after `timeout_s` without one, or once closed."""
        deadline = time.monotonic() + timeout_s
        with self._condition:
            self._visits += 1
            self._condition.notify_all()
            while not self._closed:
                now = time.monotonic()
                ready_at = self._ready_at(now)
                if ready_at is not None and ready_at <= now:
                    return self._take_group()
                until = deadline if ready_at is None else min(ready_at, deadline)
                if now >= deadline:
                    break
                self._condition.wait(max(0.0, until - now))
        return []

    def _ready_at(self, now: float) -> float | None:
        """When what waits may be taken; None if nothing waits."""
        if not self._waiting:
            return None
        awaited = {name for name in self._alive if now - self._last_put[name] < SILENT_S}
        first = min(queue[0][0].time_ns for queue in self._waiting.values())
        if all(name in self._waiting or not self._is_due(name, first) for name in awaited):
            return now
        late = LOSSLESS_LATE_S if self._lossless else LATE_S
        return min(queue[0][1] for queue in self._waiting.values()) + late

    def _is_due(self, camera: str, time_ns: int) -> bool:
        """Whether a frame of `camera` taken together with one at `time_ns` may still come.

        Of a camera that is not known well enough it may.
        """
        intervals, last = self._intervals[camera], self._last_time_ns.get(camera)
        if self._lossless or last is None or len(intervals) < LEAST_INTERVALS:
            return True
        interval = sorted(intervals)[len(intervals) // 2]
        steps = max(1, round((time_ns - last) / interval))
        return abs(time_ns - last - steps * interval) <= 1.5 * self._tolerance_ns()

    def _tolerance_ns(self) -> int:
        gaps = [gap // TURN_SHARE for intervals in self._intervals.values() for gap in intervals]
        return min([TOGETHER_NS, *gaps])

    def _pass_over_stale(self) -> None:
        oldest_kept = time.monotonic() - STALE_S
        for queue in self._waiting.values():
            while len(queue) > 1 and queue[0][1] < oldest_kept:
                queue.popleft()
                self._dropped += 1

    def _take_group(self) -> list[Frame]:
        if not self._lossless:
            self._pass_over_stale()
        tolerance = self._tolerance_ns()
        oldest = [queue[0][0] for queue in self._waiting.values()]
        first = min(frame.time_ns for frame in oldest)
        group = [frame for frame in oldest if frame.time_ns <= first + tolerance]
        for frame in group:
            queue = self._waiting[frame.camera]
            queue.popleft()
            if not queue:
                del self._waiting[frame.camera]
            self._taken_on[frame.camera] = self._visits
        self._condition.notify_all()
        return group
