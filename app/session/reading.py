"""Reads a session file: what happened, folded into pulses, targets and poses.

In: the path of a session file, also one whose writers were killed or are still at work. Out: a
:class:`Session`. The file itself is never changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.session import events as kinds
from app.session.errors import damaged
from app.session.events import (
    Calibration,
    Outcome,
    PoseRow,
    Poses,
    PulseIntended,
    PulseOutcome,
    PulsePose,
    Registration,
    SessionClosed,
    SessionOpened,
    TargetChosen,
)
from app.session.opening import ClockAnchor
from app.session.read_only import Row, read_rows


@dataclass(frozen=True, slots=True)
class Event:
    """One row: its number, ``time.monotonic_ns()``, its kind and its body as it stands there."""

    seq: int
    time_ns: int
    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pulse:
    """All that is known of one pulse.

    Attributes
    ----------
    number
        From 1, in the order in which pulses were intended.
    intended, intended_time_ns
        What was to be sent, and when that was written.
    ended
        What became of it; None if the file never says.
    pose
        Where the coil was; None if that was not recorded.
    target
        The target that was chosen when the pulse was intended.
    """

    number: int
    intended: PulseIntended
    intended_time_ns: int
    ended: PulseOutcome | None = None
    pose: PulsePose | None = None
    target: TargetChosen | None = None

    @property
    def outcome(self) -> Outcome:
        """What became of it; unknown if the file never says."""
        return Outcome.UNKNOWN if self.ended is None else self.ended.outcome

    @property
    def time_ns(self) -> int:
        """When its trigger went out, as far as known; else when it was intended."""
        known = None if self.ended is None else self.ended.time_ns
        return self.intended_time_ns if known is None else known


@dataclass(frozen=True, slots=True)
class Session:
    """A session as recorded.

    Attributes
    ----------
    path, opened, anchor
        The file, its first row and the pair of clock readings in it.
    events
        Every row in order.
    pulses, targets, registrations, calibrations, poses
        The rows of these kinds, understood.
    closed
        None if the session did not end in order (or has not ended).
    faults
        A sentence for each row whose body could not be understood; `events` still has it.
    """

    path: Path
    opened: SessionOpened
    anchor: ClockAnchor
    events: tuple[Event, ...] = field(repr=False)
    pulses: tuple[Pulse, ...] = field(repr=False)
    targets: tuple[TargetChosen, ...]
    registrations: tuple[Registration, ...]
    calibrations: tuple[Calibration, ...]
    poses: tuple[PoseRow, ...] = field(repr=False)
    closed: SessionClosed | None
    faults: tuple[str, ...]

    @property
    def start_ns(self) -> int:
        """Monotonic time at which the session was opened."""
        return self.anchor.monotonic_ns

    def utc(self, time_ns: int) -> datetime:
        """Give the UTC time of a monotonic time of this session."""
        return self.anchor.utc_at(time_ns)


def read_session(path: Path) -> Session:
    """Read the session file at `path` without changing it.

    Raises
    ------
    SessionError
        If it is missing, not a session file, damaged or of a later program.
    """
    path = Path(path)
    events = tuple(
        Event(row.seq, row.time_ns, row.kind, _object(row, path)) for row in read_rows(path)
    )
    if not events or events[0].kind != kinds.SESSION_OPENED:
        raise damaged(path, "it does not begin with session_opened")
    try:
        opened = SessionOpened.model_validate(events[0].body)
        anchor = ClockAnchor(opened.anchor.monotonic_ns, opened.anchor.utc)
        datetime.fromisoformat(anchor.utc)
    except ValueError as error:
        raise damaged(path, "its first event cannot be understood") from error
    fold = _Fold()
    for event in events[1:]:
        fold.take(event)
    return Session(
        path=path,
        opened=opened,
        anchor=anchor,
        events=events,
        pulses=tuple(fold.pulses.values()),
        targets=tuple(fold.targets),
        registrations=tuple(fold.registrations),
        calibrations=tuple(fold.calibrations),
        poses=tuple(fold.poses),
        closed=fold.closed,
        faults=tuple(fold.faults),
    )


@dataclass(slots=True)
class _Fold:
    """The state of a session after the events taken so far."""

    pulses: dict[str, Pulse] = field(default_factory=dict)
    targets: list[TargetChosen] = field(default_factory=list)
    registrations: list[Registration] = field(default_factory=list)
    calibrations: list[Calibration] = field(default_factory=list)
    poses: list[PoseRow] = field(default_factory=list)
    closed: SessionClosed | None = None
    faults: list[str] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Take the next event in; one that cannot be understood becomes a fault."""
        try:
            self._understand(event)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"])
            self._fault(event, f"'{where}': {fault['msg']}")
        except KeyError as error:
            self._fault(event, f"no pulse {error} was intended")

    def _understand(self, event: Event) -> None:
        body = event.body
        match event.kind:
            case kinds.PULSE_INTENDED:
                self._intend(event, PulseIntended.model_validate(body))
            case kinds.PULSE_OUTCOME:
                ended = PulseOutcome.model_validate(body)
                self.pulses[ended.pulse_id] = replace(self.pulses[ended.pulse_id], ended=ended)
            case kinds.PULSE_POSE:
                pose = PulsePose.model_validate(body)
                self.pulses[pose.pulse_id] = replace(self.pulses[pose.pulse_id], pose=pose)
            case kinds.TARGET_CHOSEN:
                self.targets.append(TargetChosen.model_validate(body))
            case kinds.REGISTRATION:
                self.registrations.append(Registration.model_validate(body))
            case kinds.CALIBRATION:
                self.calibrations.append(Calibration.model_validate(body))
            case kinds.POSES:
                self.poses.extend(Poses.model_validate(body).rows)
            case kinds.SESSION_CLOSED:
                self.closed = SessionClosed.model_validate(body)

    def _intend(self, event: Event, intended: PulseIntended) -> None:
        if intended.pulse_id in self.pulses:
            self._fault(event, f"pulse {intended.pulse_id!r} was intended before")
            return
        number = len(self.pulses) + 1
        target = self._target(intended.target_id)
        self.pulses[intended.pulse_id] = Pulse(number, intended, event.time_ns, target=target)

    def _target(self, target_id: str | None) -> TargetChosen | None:
        """Find the newest target of that id; the one chosen last if the pulse names none."""
        for target in reversed(self.targets):
            if target_id is None or target.target_id == target_id:
                return target
        return None

    def _fault(self, event: Event, what: str) -> None:
        self.faults.append(f"Event {event.seq} ({event.kind}) is not understood: {what}.")


def _object(row: Row, path: Path) -> dict[str, Any]:
    try:
        body = json.loads(row.body)
    except (ValueError, TypeError) as error:
        raise damaged(path, f"event {row.seq} is no JSON") from error
    if not isinstance(body, dict):
        raise damaged(path, f"event {row.seq} is no JSON object")
    return body
