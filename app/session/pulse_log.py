"""The list of pulses of the open session, as the operator sees it.

In: what was recorded about each pulse, from several threads. Out: immutable rows, in the order of
the pulses. Nothing is entered here before it is durably recorded; a pulse that the session file
would not take is entered as just that.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from enum import StrEnum

from app.navigate.pulse_poses import PulsePose


class Verdict(StrEnum):
    """What is known of a pulse and the target."""

    WAITING = "…"
    HIT = "hit"
    MISS = "miss"
    NO_POSE = "no pose"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    NOT_RECORDED = "not recorded"


@dataclass(frozen=True, slots=True)
class PulseRow:
    """One pulse.

    Attributes
    ----------
    pulse_id, number
        Its identity, and its place in the session counted from 1.
    time_ns
        When it was sent or refused, ``time.monotonic_ns()``.
    source
        What sent it: single, train or on target.
    intensity
        %MSO.
    navigated
        False for a pulse sent with navigation waived.
    outcome
        fired, refused or unknown.
    reason
        Why it was refused or is unknown, or why it has no pose.
    recorded
        False for a pulse that the session file would not take.
    pose
        None until known.
    """

    pulse_id: str
    number: int
    time_ns: int
    source: str
    intensity: float
    navigated: bool
    outcome: str
    reason: str
    recorded: bool = True
    pose: PulsePose | None = None

    @property
    def verdict(self) -> Verdict:
        """Hit or miss, or why neither can be said."""
        if not self.recorded:
            return Verdict.NOT_RECORDED
        if self.outcome == "refused":
            return Verdict.REFUSED
        if self.outcome == "unknown":
            return Verdict.UNKNOWN
        if self.pose is None:
            return Verdict.WAITING
        if self.pose.hit is None:
            return Verdict.NO_POSE
        return Verdict.HIT if self.pose.hit else Verdict.MISS


class PulseLog:
    """Rows by pulse, safe to fill from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: tuple[PulseRow, ...] = ()
        self._poses: dict[str, PulsePose] = {}

    @property
    def rows(self) -> tuple[PulseRow, ...]:
        """All pulses so far; the same object as long as nothing has changed."""
        return self._rows

    def add(self, row: PulseRow) -> None:
        """Enter a pulse that has an outcome; its place in the list gives its number."""
        with self._lock:
            pose = self._poses.pop(row.pulse_id, None)
            self._rows = (*self._rows, replace(row, number=len(self._rows) + 1, pose=pose))

    def complete(self, pose: PulsePose) -> None:
        """Enter the recorded pose of a pulse; it may come before the pulse's outcome."""
        with self._lock:
            for index in range(len(self._rows) - 1, -1, -1):
                if self._rows[index].pulse_id == pose.pulse_id:
                    changed = replace(self._rows[index], pose=pose)
                    self._rows = (*self._rows[:index], changed, *self._rows[index + 1 :])
                    return
            self._poses[pose.pulse_id] = pose

    def counts(self) -> tuple[int, int, int]:
        """Pulses fired, hits among them, and misses."""
        rows = [row for row in self._rows if row.outcome == "fired"]
        hits = sum(row.verdict is Verdict.HIT for row in rows)
        misses = sum(row.verdict is Verdict.MISS for row in rows)
        return len(rows), hits, misses
