"""The pose history of one body: where it was at a given time.

In: every :class:`~tracking.poses.BodyPose` that the tracker gives. Out: the newest one, and the
pose at any time between two frames in which the body was really seen.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from tracking.poses import POSE_LIMIT_NS, BodyPose, PoseQuality, TrackingState


class Missing(StrEnum):
    """Why there is no pose at a time."""

    NOT_YET = "not yet"
    """No frame after that time has been processed yet: ask again."""
    TOO_OLD = "too old"
    """The time lies before what the history holds."""
    LOST_THEN = "lost then"
    """The body was not seen around that time."""


class PoseUnavailable(LookupError):
    """There is no pose at the time asked for; `reason` tells the kind, the message the story."""

    def __init__(self, reason: Missing, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, eq=False, slots=True)
class InterpolatedPose:
    """The pose of a body at a time between two tracked frames.

    Attributes
    ----------
    body
        Name of the body's frame.
    time_ns
        The time asked for.
    state
        Always tracked: nothing else is interpolated.
    world_from_body
        Position interpolated linearly, rotation by slerp, mm.
    quality
        Of the neighbour with the larger standard deviation.
    gap_ns
        Time between the two neighbours; 0 if a frame was taken exactly then.
    age_ns
        Time to the nearer neighbour.
    """

    body: str
    time_ns: int
    state: TrackingState
    world_from_body: RigidTransform
    quality: PoseQuality
    gap_ns: int
    age_ns: int


class PoseHistory:
    """Ring buffer of one body's poses. Safe to use from any thread.

    Parameters
    ----------
    body
        Name of the body's frame.
    capacity
        How many tracked poses are kept: 4096 are over two minutes at 30 frames/s.
    """

    def __init__(self, body: str, capacity: int = 4096) -> None:
        self.body = body
        self._lock = threading.Lock()
        self._tracked: deque[BodyPose] = deque(maxlen=capacity)
        self._newest: BodyPose | None = None

    def append(self, pose: BodyPose) -> None:
        """Add `pose`; only a tracked one that is newer than all before it can be interpolated.

        Raises
        ------
        ValueError
            If the pose is of another body.
        """
        if pose.body != self.body:
            raise ValueError(
                f"A pose of '{pose.body}' is not part of the history of '{self.body}'."
            )
        with self._lock:
            self._newest = pose
            seen = pose.state is TrackingState.TRACKED
            if seen and (not self._tracked or pose.time_ns > self._tracked[-1].time_ns):
                self._tracked.append(pose)

    def newest(self) -> BodyPose | None:
        """Give what was appended last, whatever its state; None before the first."""
        with self._lock:
            return self._newest

    def at(self, time_ns: int) -> InterpolatedPose:
        """Pose at `time_ns` (``time.monotonic_ns()``), never extrapolated.

        Raises
        ------
        PoseUnavailable
            If no frame after that time is there yet, if the time is too old, or if the body was
            out of sight for longer than the pose limit around it.
        """
        with self._lock:
            before, after = self._neighbours(time_ns)
        return _interpolate(before, after, time_ns)

    def _neighbours(self, time_ns: int) -> tuple[BodyPose, BodyPose]:
        newest, tracked = self._newest, self._tracked
        if not tracked or time_ns > tracked[-1].time_ns:
            if newest is not None and _gone_by(newest, time_ns):
                raise PoseUnavailable(
                    Missing.LOST_THEN, f"'{self.body}' was not in sight at that time."
                )
            raise PoseUnavailable(
                Missing.NOT_YET,
                f"No frame with '{self.body}' after that time has been processed yet.",
            )
        if time_ns < tracked[0].time_ns:
            raise PoseUnavailable(
                Missing.TOO_OLD,
                f"That time lies before the first kept pose of '{self.body}' by "
                f"{(tracked[0].time_ns - time_ns) / 1e9:.1f} s.",
            )
        index = bisect_left(tracked, time_ns, key=lambda pose: pose.time_ns)
        after = tracked[index]
        if after.time_ns == time_ns:
            return after, after
        before = tracked[index - 1]
        gap = after.time_ns - before.time_ns
        if gap > POSE_LIMIT_NS:
            raise PoseUnavailable(
                Missing.LOST_THEN,
                f"'{self.body}' was out of sight for {gap / 1e6:.0f} ms around that time; "
                f"the limit is {POSE_LIMIT_NS / 1e6:.0f} ms.",
            )
        return before, after


def _gone_by(newest: BodyPose, time_ns: int) -> bool:
    return newest.state is TrackingState.LOST and newest.time_ns >= time_ns


def _interpolate(before: BodyPose, after: BodyPose, time_ns: int) -> InterpolatedPose:
    first, second = before.world_from_body, after.world_from_body
    if first is None or second is None or before.quality is None or after.quality is None:
        raise ValueError("A tracked pose must have a transform and a quality.")
    gap = after.time_ns - before.time_ns
    share = (time_ns - before.time_ns) / gap if gap else 0.0
    turn = (second.rotation * first.rotation.inv()).as_rotvec()
    rotation = Rotation.from_rotvec(share * turn) * first.rotation
    position = np.asarray(first.translation) * (1 - share) + np.asarray(second.translation) * share
    worse = max(before.quality, after.quality, key=lambda quality: quality.sigma_mm)
    return InterpolatedPose(
        body=before.body,
        time_ns=time_ns,
        state=TrackingState.TRACKED,
        world_from_body=RigidTransform.from_components(position, rotation),
        quality=worse,
        gap_ns=gap,
        age_ns=min(time_ns - before.time_ns, after.time_ns - time_ns),
    )
