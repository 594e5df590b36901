"""Firing: turns requests into recorded pulses, each sent at most once.

A pulse goes through three steps: its intent is written to the session file; when that is durable
and the pulse is due, the interlock sends it or refuses it; its outcome is written. During a train
the intent of the next pulse is written ahead, in the interval before it.

Used by the control thread only: :meth:`Firing.step` does what is due and says when to come back.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from app.stimulate.gate import GateState
from app.stimulate.interlock import Interlock, Outcome, PulseResult
from app.stimulate.messages import PulseEvent, PulseSource
from app.stimulate.recorder import Entry
from app.stimulate.trains import Train

WRITE_AHEAD_NS = 250_000_000
"""The intent of a train's next pulse is written at most so long before it is due."""
RECORD_LIMIT_NS = 2_000_000_000
"""A session file that takes longer than this to take an intent is at fault."""
CLOSEST = 0.9
"""After a late pulse the next is never closer than this share of the train's period."""
POSE_GRACE_NS = 100_000_000
"""A pulse of a train that is due while the pose lease has just run out waits so long for the next
image: one that comes a little late must not end a train. Nothing is sent meanwhile."""
LATE_LOOK_NS = 1_000_000
LOOK_NS = 10_000_000
"""How often "fire on target" looks whether the coil has been on target long enough."""


class Writes(Protocol):
    """The part of the recorder that firing needs."""

    def write(self, entry: Entry, *, keep: bool = False) -> Future[None]:
        """See :meth:`app.stimulate.recorder.Recorder.write`."""


@dataclass(frozen=True, slots=True)
class OnTarget:
    """Fire by itself when the coil has been on target for `dwell_s`, at most every `interval_s`."""

    dwell_s: float
    interval_s: float


@dataclass(frozen=True, slots=True)
class _Pulse:
    pulse_id: str
    source: PulseSource
    train_id: str | None
    number: int
    intensity: int
    navigated: bool
    target_id: str | None
    stops: int


@dataclass(frozen=True, slots=True)
class _Pending:
    pulse: _Pulse
    recorded: Future[None]
    due_ns: int
    give_up_ns: int


@dataclass(slots=True)
class _RunningTrain:
    train: Train
    train_id: str
    stops: int
    next_index: int = 0
    start_ns: int | None = None
    last_ns: int | None = None

    def due_ns(self, now_ns: int) -> int:
        """When the next pulse is due: by the schedule, but never too close to the last one."""
        if self.start_ns is None or self.last_ns is None:
            return now_ns
        scheduled = self.start_ns + self.train.due_ns(self.next_index)
        return max(scheduled, self.last_ns + round(CLOSEST * self.train.period_s * 1e9))


class Firing:
    """The pulses of one run of the process.

    Parameters
    ----------
    interlock
        Sends or refuses.
    recorder
        Takes intents and outcomes.
    report
        Told of every pulse once its outcome is on the disk, or could not be written; from any
        thread.
    wake
        Called, from any thread, when an intent has become durable.
    clock
        ``time.monotonic_ns``.
    run_id
        Prefix of the pulse ids, unique to this run.
    """

    def __init__(
        self,
        interlock: Interlock,
        recorder: Writes,
        report: Callable[[PulseEvent], None],
        wake: Callable[[], None],
        clock: Callable[[], int],
        run_id: str,
    ) -> None:
        self._interlock = interlock
        self._recorder = recorder
        self._report = report
        self._wake = wake
        self._clock = clock
        self._run_id = run_id
        self._count = 0
        self._trains = 0
        self._singles = 0
        self._pending: _Pending | None = None
        self._train: _RunningTrain | None = None
        self._on_target: OnTarget | None = None
        self._on_target_stops = 0
        self._last_attempt_ns: int | None = None

    @property
    def on_target(self) -> OnTarget | None:
        """The running "fire on target", if any."""
        return self._on_target

    @property
    def train_progress(self) -> tuple[int, int] | None:
        """Pulses sent and pulses in all of the running train; None when there is none."""
        if self._train is None:
            return None
        return self._train.next_index, self._train.train.pulses_total

    @property
    def next_pulse_ns(self) -> int | None:
        """When the next pulse is due; None when none is on its way."""
        if self._pending is not None:
            return self._pending.due_ns
        return self._train.due_ns(self._clock()) if self._train is not None else None

    @property
    def busy(self) -> bool:
        """Whether a pulse is on its way."""
        return self._pending is not None or self._train is not None

    def fire(self, request_id: str, stops: int) -> str | None:
        """Send one pulse if it may go now; returns why `request_id` was not taken at all."""
        if not self._interlock.consume(request_id):
            return "This request was used before: a pulse is never sent twice."
        self._singles += 1
        pulse = self._new_pulse("single", None, self._singles, stops)
        refusal = "A pulse is being sent." if self.busy else None
        refusal = refusal or self._interlock.standing().pulse_refusal
        if refusal is None:
            self._intend(pulse, self._clock())
        else:
            self._write_intent(pulse)
            self._finish(pulse, PulseResult(Outcome.REFUSED, None, refusal))
        return None

    def start_train(self, request_id: str, train: Train, stops: int) -> str | None:
        """Begin `train`; returns why not, as a sentence, or None when it runs."""
        if not self._interlock.consume(request_id):
            return "This request was used before: a train is never sent twice."
        refusal = "A pulse is being sent." if self.busy else self._interlock.begin_train(stops)
        if refusal is None:
            self._trains += 1
            self._train = _RunningTrain(train, f"{self._run_id}-t{self._trains:03d}", stops)
        return refusal

    def fire_on_target(self, on_target: OnTarget | None, stops: int) -> None:
        """Begin to fire on target, or with None stop it. A disarmed device ends it."""
        self._on_target = on_target
        self._on_target_stops = stops

    def step(self) -> int | None:
        """Do what is due; returns the time of the next thing to do, None when there is none."""
        self._end_on_target_after_stop()
        if self._pending is None:
            self._plan()
        pending = self._pending
        if pending is None:
            return self._look_again_ns()
        now = self._clock()
        if not pending.recorded.done():
            if now < pending.give_up_ns:
                return pending.give_up_ns
            self._fail(pending, "The session file did not answer.", in_file=True)
        elif (error := pending.recorded.exception()) is not None:
            self._fail(pending, str(error), in_file=False)
        elif now < pending.due_ns and not self._interrupted(pending.pulse):
            return pending.due_ns
        elif self._may_wait_for_pose(pending, now):
            return now + LATE_LOOK_NS
        else:
            self._attempt(pending)
        return self._clock()

    def halt(self) -> None:
        """Refuse the pulse that is on its way, and record it so; the process is leaving."""
        if self._pending is not None:
            result = PulseResult(Outcome.REFUSED, None, "The stimulator process was ended.")
            self._finish(self._pending.pulse, result)
        self._pending = None
        self._train = None
        self._on_target = None

    def _end_on_target_after_stop(self) -> None:
        if self._on_target is not None and self._interlock.stops != self._on_target_stops:
            self._on_target = None

    def _may_wait_for_pose(self, pending: _Pending, now: int) -> bool:
        """Whether a pulse of a train that is due may still wait for the next image."""
        return (
            pending.pulse.source == "train"
            and now < pending.due_ns + POSE_GRACE_NS
            and self._interlock.pose_is_late(POSE_GRACE_NS)
            and not self._interrupted(pending.pulse)
        )

    def _plan(self) -> None:
        now = self._clock()
        if self._train is not None:
            due = self._train.due_ns(now)
            if now >= due - WRITE_AHEAD_NS or self._interlock.state is not GateState.TRAIN:
                number = self._train.next_index + 1
                run = self._train
                self._intend(self._new_pulse("train", run.train_id, number, run.stops), due)
        elif self._on_target is not None and self._held_long_enough(self._on_target, now):
            self._singles += 1
            stops = self._on_target_stops
            self._intend(self._new_pulse("on_target", None, self._singles, stops), now)

    def _held_long_enough(self, on_target: OnTarget, now: int) -> bool:
        standing = self._interlock.standing()
        if standing.pulse_refusal is not None or standing.waived:
            return False
        since = standing.on_target_since_ns
        if since is None or now - since < on_target.dwell_s * 1e9:
            return False
        last = self._last_attempt_ns
        return last is None or now - last >= on_target.interval_s * 1e9

    def _look_again_ns(self) -> int | None:
        if self._train is not None:
            return self._train.due_ns(self._clock()) - WRITE_AHEAD_NS
        return self._clock() + LOOK_NS if self._on_target is not None else None

    def _new_pulse(
        self, source: PulseSource, train_id: str | None, number: int, stops: int
    ) -> _Pulse:
        self._count += 1
        standing = self._interlock.standing()
        return _Pulse(
            pulse_id=f"{self._run_id}-{self._count:05d}",
            source=source,
            train_id=train_id,
            number=number,
            intensity=standing.intensity or 0,
            navigated=not standing.waived,
            target_id=standing.target_id,
            stops=stops,
        )

    def _intend(self, pulse: _Pulse, due_ns: int) -> None:
        recorded = self._write_intent(pulse)
        give_up_ns = max(self._clock(), due_ns) + RECORD_LIMIT_NS
        self._pending = _Pending(pulse, recorded, due_ns, give_up_ns)
        recorded.add_done_callback(lambda _: self._wake())

    def _write_intent(self, pulse: _Pulse) -> Future[None]:
        body = {
            "pulse_id": pulse.pulse_id,
            "train_id": pulse.train_id,
            "number": pulse.number,
            "source": pulse.source,
            "intensity": pulse.intensity,
            "navigated": pulse.navigated,
            "lease": self._interlock.lease_evidence(),
            "target_id": pulse.target_id,
        }
        return self._recorder.write(Entry("pulse_intended", body, self._clock()))

    def _interrupted(self, pulse: _Pulse) -> bool:
        stopped = self._interlock.stops != pulse.stops
        return stopped or (pulse.source == "train" and self._interlock.state is not GateState.TRAIN)

    def _attempt(self, pending: _Pending) -> None:
        """Ask for a trigger, the only place that does; the pulse is no longer pending before."""
        pulse = pending.pulse
        self._pending = None
        result = self._interlock.trigger(in_train=pulse.source == "train", stops=pulse.stops)
        self._last_attempt_ns = self._clock()
        self._finish(pulse, result)
        run = self._train
        if run is None:
            return
        if result.outcome is Outcome.FIRED and result.time_ns is not None:
            run.start_ns = result.time_ns if run.start_ns is None else run.start_ns
            run.last_ns = result.time_ns
            run.next_index += 1
        if result.outcome is not Outcome.FIRED or run.next_index == run.train.pulses_total:
            self._end_train()

    def _fail(self, pending: _Pending, why: str, *, in_file: bool) -> None:
        """Give up a pulse whose intent could not be written; nothing stays armed."""
        self._pending = None
        reason = f"No pulse was sent because it could not be recorded: {why}"
        self._end_train()
        self._interlock.disarm(reason)
        result = PulseResult(Outcome.REFUSED, None, reason)
        if in_file:
            self._finish(pending.pulse, result)
        else:
            self._report(_event(pending.pulse, result, self._clock(), recorded=False))

    def _end_train(self) -> None:
        if self._train is not None:
            self._train = None
            self._interlock.end_train()

    def _finish(self, pulse: _Pulse, result: PulseResult) -> None:
        now = self._clock()
        body = {
            "pulse_id": pulse.pulse_id,
            "outcome": result.outcome.value,
            "time_ns": result.time_ns,
            "reason": result.reason,
            "lease": self._interlock.lease_evidence(),
        }
        written = self._recorder.write(
            Entry("pulse_outcome", body, result.time_ns or now), keep=True
        )

        def tell(done: Future[None]) -> None:
            self._report(_event(pulse, result, now, recorded=done.exception() is None))

        written.add_done_callback(tell)


def _event(pulse: _Pulse, result: PulseResult, now_ns: int, *, recorded: bool) -> PulseEvent:
    return PulseEvent(
        pulse_id=pulse.pulse_id,
        source=pulse.source,
        train_id=pulse.train_id,
        number=pulse.number,
        intensity=pulse.intensity,
        navigated=pulse.navigated,
        target_id=pulse.target_id,
        outcome=result.outcome.value,
        time_ns=now_ns if result.time_ns is None else result.time_ns,
        reason=result.reason,
        recorded=recorded,
    )
