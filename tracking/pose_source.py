"""Poses that come ready from another tracker or a recorded sequence, for the rest of the program.

In: a :class:`PoseSource`. Out: what :class:`~tracking.pipeline.TrackingPipeline` gives of cameras:
pose histories, and a call with each :class:`~tracking.tracker.TrackedFrames`, whose frames and
detections are empty. A body that falls silent is predicted, then lost, by the same limit.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

from tracking.foreign_poses import lost
from tracking.frames import FrameSourceError
from tracking.history import PoseHistory
from tracking.pipeline import PATIENCE_S, TICK_S, PipelineCounters
from tracking.poses import POSE_LIMIT_NS, BodyPose, TrackingState
from tracking.tracker import TrackedFrames
from tracking.turns import Turns

SEEN_NS = 75_000_000
"""A body measured this long ago still counts as seen: the slowest trackers give 15 poses/s."""
GATHER_S = 0.005
"""How long the poses of one instant are waited for, once the first of them has come."""
BACKLOG = 256
"""So many poses wait for the tracker's thread at most; then the oldest goes."""

Poses = tuple[BodyPose, ...]


class PoseSourceError(FrameSourceError):
    """A source of poses that cannot be opened or has stopped; the message says which and why."""


class PoseSource(Protocol):
    """Poses of bodies, one after another. Read by one thread only."""

    @property
    def name(self) -> str:
        """What it is, for a person."""
        ...

    @property
    def bodies(self) -> tuple[str, ...]:
        """Names of all bodies whose poses may come."""
        ...

    @property
    def fault(self) -> str | None:
        """What is wrong at the moment, in one sentence; None if all is well. From any thread."""
        ...

    def read(self) -> Poses | None:
        """Wait for the next poses, tracked or lost; None once the source has ended or was closed.

        Their times are ``time.monotonic_ns()`` at the measurement.

        Raises
        ------
        PoseSourceError
            If there can be no more poses.
        """
        ...

    def close(self) -> None:
        """End the source. Safe to call twice and from another thread."""
        ...


class PoseBoard:
    """The last word on each body, and what it is worth later. For one thread."""

    def __init__(self, bodies: Sequence[str]) -> None:
        self._last: dict[str, BodyPose | None] = dict.fromkeys(bodies)

    def put(self, poses: Sequence[BodyPose]) -> None:
        """Take new poses; a body that is not on the board gets a place."""
        for pose in poses:
            self._last[pose.body] = pose

    def states(self, now_ns: int) -> Mapping[str, BodyPose]:
        """Pose and state of every body at `now_ns`: tracked, then predicted, then lost."""
        return MappingProxyType(
            {body: _aged(body, last, now_ns) for body, last in self._last.items()}
        )

    def tracked_frames(self, time_ns: int, now_ns: int) -> TrackedFrames:
        """Give the states at `now_ns` as the tracker would, of the instant `time_ns`."""
        return TrackedFrames(
            time_ns=time_ns,
            frames=MappingProxyType({}),
            detections=MappingProxyType({}),
            poses=self.states(now_ns),
            processing_ns=0,
        )


class PosePipeline:
    """Runs a source of poses as :class:`~tracking.pipeline.TrackingPipeline` runs cameras.

    One thread reads the source, one publishes.

    Parameters
    ----------
    source
        Closed by :meth:`stop`.
    on_tracked
        Called on the publishing thread with every result; must be quick.
    on_error
        Called on the reading thread when the source has ended with an error. What passes by
        itself, such as a lost connection, is only the source's `fault`.
    lossless
        Reading waits until there is room, instead of pushing the oldest poses out.
    turns
        Shared with a thread that also works much in Python, such as the window's.
    """

    def __init__(
        self,
        source: PoseSource,
        on_tracked: Callable[[TrackedFrames], None],
        *,
        on_error: Callable[[FrameSourceError], None],
        lossless: bool = False,
        turns: Turns | None = None,
    ) -> None:
        self._source = source
        self._on_tracked = on_tracked
        self._on_error = on_error
        self._lossless = lossless
        self._turns = Turns() if turns is None else turns
        self._board = PoseBoard(source.bodies)
        self._changed = threading.Condition()
        self._waiting: deque[Poses] = deque()
        self._ended = self._stopping = False
        self._finished = threading.Event()
        self._captured = self._processed = self._dropped = 0
        self.histories: Mapping[str, PoseHistory] = MappingProxyType(
            {body: PoseHistory(body) for body in source.bodies}
        )
        self._threads = [
            threading.Thread(target=self._read, name=f"poses of {source.name}", daemon=True),
            threading.Thread(target=self._track, name="tracker", daemon=True),
        ]

    @property
    def counters(self) -> PipelineCounters:
        """How many sets of poses have come, were published and were dropped."""
        with self._changed:
            return PipelineCounters(self._captured, self._processed, self._dropped)

    @property
    def fault(self) -> str | None:
        """What is wrong with the source at the moment, in one sentence."""
        return self._source.fault

    @property
    def finished(self) -> bool:
        """Whether the source has ended and all its poses were published."""
        return self._finished.is_set()

    def wait_finished(self, timeout_s: float | None = None) -> bool:
        """Wait until :attr:`finished`; False if `timeout_s` ran out first."""
        return self._finished.wait(timeout_s)

    def start(self) -> None:
        """Start both threads. To be called once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Close the source and wait for the threads. Safe to call twice, not from a callback."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._source.close()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _read(self) -> None:
        try:
            while not self._stopping:
                poses = self._source.read()
                if poses is None:
                    break
                self._put(poses)
        except FrameSourceError as error:
            self._on_error(error)
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, poses: Poses) -> None:
        with self._changed:
            if self._lossless:
                self._changed.wait_for(lambda: self._stopping or len(self._waiting) < BACKLOG)
            elif len(self._waiting) >= BACKLOG:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append(poses)
            self._captured += 1
            self._changed.notify_all()

    def _track(self) -> None:
        while not self._stopping:
            poses = self._take()
            now_ns = time.monotonic_ns()
            if poses:
                time_ns = max(pose.time_ns for pose in poses)
                self._board.put(poses)
                with self._turns.turn(PATIENCE_S):
                    self._publish(self._board.tracked_frames(time_ns, max(now_ns, time_ns)))
            elif not self._stopping:
                self._publish(self._board.tracked_frames(now_ns, now_ns))
            with self._changed:
                if self._ended and not self._waiting:
                    self._finished.set()

    def _take(self) -> list[BodyPose]:
        """Poses of one instant: those that come together, at most one of each body."""
        taken: dict[str, BodyPose] = {}
        wait_s = TICK_S
        expected = {
            body
            for body, pose in self._board.states(time.monotonic_ns()).items()
            if pose.state is TrackingState.TRACKED
        }
        with self._changed:
            while self._changed.wait_for(lambda: self._waiting or self._stopping, wait_s):
                if self._stopping or any(pose.body in taken for pose in self._waiting[0]):
                    break
                taken |= {pose.body: pose for pose in self._waiting.popleft()}
                self._processed += 1
                self._changed.notify_all()
                if expected <= taken.keys():
                    break
                wait_s = GATHER_S
        return list(taken.values())

    def _publish(self, tracked: TrackedFrames) -> None:
        for body, pose in tracked.poses.items():
            self.histories[body].append(pose)
        self._on_tracked(tracked)


def _aged(body: str, last: BodyPose | None, now_ns: int) -> BodyPose:
    """Give what the last word on a body is worth at `now_ns`."""
    if last is None or last.state is not TrackingState.TRACKED:
        return lost(body, now_ns)
    age_ns = now_ns - last.time_ns
    if age_ns <= SEEN_NS:
        return last
    if age_ns <= POSE_LIMIT_NS:
        return replace(last, state=TrackingState.PREDICTED)
    return lost(body, now_ns)
