"""Records for the window process without making it wait: one thread writes, in order.

In: events and tracked poses, from any thread. Out: rows of the session file; `on_recorded` for
each event once it is on the disk (only then may it be shown as recorded), `on_failure` once if
writing fails. Both are called on the writing thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from app.session.errors import SessionError
from app.session.events import POSES, PoseRow, Poses
from app.session.schema import Body
from app.session.store import NewEvent, SessionWriter
from tracking.poses import BodyPose, TrackingState

POSE_PERIOD_NS = 100_000_000
"""Of each body's poses one in this time is recorded, and each at which its state changed."""

POSE_BATCH = 0.5
"""Seconds for which poses are gathered into one row. A kill loses at most this much of them."""

_MOST_AT_ONCE = 256

_log = logging.getLogger(__name__)


def _nothing_to_tell(_seq: int, _event: NewEvent) -> None:
    """Tell nobody."""


class SessionRecorder:
    """Takes over an open :class:`~app.session.store.SessionWriter` and closes it at the end.

    Once writing has failed it stays failed: nothing more is written, `failure` says why and
    `unrecorded` counts the events that are not in the file.
    """

    def __init__(
        self,
        writer: SessionWriter,
        *,
        on_recorded: Callable[[int, NewEvent], None] = _nothing_to_tell,
        on_failure: Callable[[SessionError], None],
    ) -> None:
        self._writer = writer
        self._on_recorded = on_recorded
        self._on_failure = on_failure
        self._changed = threading.Condition()
        self._waiting: deque[NewEvent] = deque()
        self._poses: list[PoseRow] = []
        self._poses_due = 0.0
        self._last_pose: dict[str, tuple[int, TrackingState]] = {}
        self._closing = False
        self._failure: SessionError | None = None
        self._unrecorded = 0
        self._thread = threading.Thread(target=self._run, name="session-recorder", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> SessionError | None:
        """Why nothing is recorded any more; None while all is well."""
        return self._failure

    @property
    def unrecorded(self) -> int:
        """How many events were handed in and are not in the file because writing failed."""
        with self._changed:
            return self._unrecorded

    def record(self, kind: str, body: Body, *, time_ns: int | None = None) -> None:
        """Hand in an event; returns at once.

        Raises
        ------
        SessionError
            If the recorder was closed.
        ValueError, TypeError
            If `body` holds NaN, infinity or something that is no JSON.
        """
        event = NewEvent.of(kind, body, time_ns)
        with self._changed:
            if self._closing:
                raise SessionError(
                    f"The recording to {self._writer.path} has ended.",
                    "Start a new session to record.",
                )
            if self._failure is not None:
                self._unrecorded += 1
                return
            self._waiting.append(event)
            self._changed.notify()

    def record_poses(self, poses: Iterable[BodyPose]) -> None:
        """Hand in tracked poses of the newest images; most are passed over, see above.

        Returns at once. After :meth:`close` or a failure nothing is recorded.
        """
        with self._changed:
            if self._closing or self._failure is not None:
                return
            for pose in poses:
                self._take_pose(pose)
            self._changed.notify()

    def close(self) -> None:
        """Write all that was handed in and close the file. Safe to call twice."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._writer.close()

    def _take_pose(self, pose: BodyPose) -> None:
        slot = pose.time_ns // POSE_PERIOD_NS
        if self._last_pose.get(pose.body) == (slot, pose.state):
            return
        self._last_pose[pose.body] = (slot, pose.state)
        if not self._poses:
            self._poses_due = time.monotonic() + POSE_BATCH
        self._poses.append(pose_row(pose))

    def _run(self) -> None:
        while True:
            with self._changed:
                events = self._next()
                if not events:
                    return
            try:
                written = self._writer.append_many(events)
            except SessionError as error:
                self._fail(error, len(events))
                return
            for seq, event in zip(written, events, strict=True):
                self._tell(partial(self._on_recorded, seq, event))

    def _next(self) -> list[NewEvent]:
        """Wait until there is something to write; empty once closed and all is written."""
        while True:
            due = bool(self._poses) and (self._closing or time.monotonic() >= self._poses_due)
            if due:
                body = Poses(rows=tuple(self._poses)).body()
                self._waiting.append(NewEvent.of(POSES, body, self._poses[-1][0]))
                self._poses.clear()
            if self._waiting or self._closing:
                most = min(len(self._waiting), _MOST_AT_ONCE)
                return [self._waiting.popleft() for _ in range(most)]
            self._changed.wait(
                max(0.0, self._poses_due - time.monotonic()) if self._poses else None
            )

    def _fail(self, error: SessionError, lost: int) -> None:
        with self._changed:
            self._failure = error
            self._unrecorded += lost + len(self._waiting)
            self._waiting.clear()
            self._poses.clear()
        self._tell(partial(self._on_failure, error))

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            # Survives a listener that fails: what it shows may be wrong, the record goes on.
            _log.exception("A listener of the session recorder failed.")


def pose_row(pose: BodyPose) -> PoseRow:
    """Describe a tracked pose as a row of the event ``poses``."""
    transform = pose.world_from_body
    if transform is None or pose.quality is None:
        return (pose.time_ns, pose.body, pose.state.value, None, None, None, None)
    x, y, z = (round(float(v), 4) for v in transform.translation)
    qx, qy, qz, qw = (round(float(v), 7) for v in transform.rotation.as_quat(canonical=True))
    quality = pose.quality
    place = (x, y, z, qx, qy, qz, qw)
    if not quality.known:
        return (pose.time_ns, pose.body, pose.state.value, place, None, None, None)
    return (
        pose.time_ns,
        pose.body,
        pose.state.value,
        place,
        round(quality.rms_px, 4),
        round(quality.sigma_mm, 4),
        round(quality.sigma_deg, 5),
    )
