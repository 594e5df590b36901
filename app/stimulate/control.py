"""Control: one thread that carries out commands, polls the device, watches leases, fires on time.

Commands arrive from the reader thread through :meth:`Control.submit`. Leases and STOP act right
there, on the reader thread, because they must not wait behind anything; all else is queued.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

from app.stimulate.driver import StimulatorDriver, StimulatorError
from app.stimulate.firing import Firing, OnTarget
from app.stimulate.gate import ARMED_STATES, GateState
from app.stimulate.interlock import Interlock, Standing
from app.stimulate.leases import LeaseRefused, OperatorLease, PoseLease
from app.stimulate.messages import (
    Arm,
    Command,
    Connect,
    Disarm,
    Disconnect,
    ErrorEvent,
    Event,
    Fire,
    FireOnTarget,
    OpenSession,
    RenewOperatorLease,
    RenewPoseLease,
    SetIntensity,
    Shutdown,
    StartTrain,
    StateEvent,
    Stop,
    TrainProgress,
    WaivePoseLease,
)
from app.stimulate.recorder import Entry, RecordError
from app.stimulate.trains import Train, TrainError, check_device

STATE_PERIOD_NS = 100_000_000
POLL_NS = 100_000_000
SETTLING_POLL_NS = 10_000_000
"""How often the device is asked while it charges."""
POLL_ROOM_NS = 20_000_000
"""The device is not asked when a pulse is due sooner than this."""
FINE_WAIT_NS = 1_500_000
SPIN_NS = 300_000
RECORD_WAIT_S = 2.0

MakeDriver = Callable[[str, Mapping[str, Any]], StimulatorDriver]
_LASTING = frozenset(GateState) - {GateState.FIRING, GateState.RECHARGING}


class Records(Protocol):
    """The part of the recorder that control needs; see :class:`app.stimulate.recorder.Recorder`."""

    def open(self, path: Path) -> Future[None]:
        """Record into `path` from now on."""

    def write(self, entry: Entry, *, keep: bool = False) -> Future[None]:
        """Write `entry` after all that were given before."""


class Control:
    """The stimulator process without its pipes.

    Parameters
    ----------
    recorder, send
        Where records and events go.
    make_driver
        Makes a driver from its name and options.
    run_id
        Prefix of pulse ids, unique to this run.
    clock
        ``time.monotonic_ns``.
    """

    def __init__(
        self,
        recorder: Records,
        send: Callable[[Event], None],
        make_driver: MakeDriver,
        run_id: str,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._recorder = recorder
        self._send = send
        self._make_driver = make_driver
        self._clock = clock
        self._interlock = Interlock(clock)
        self._firing = Firing(self._interlock, recorder, send, self._wake, clock, run_id)
        self._changed = threading.Condition()
        self._awake = False
        self._leaving = False
        self._commands: deque[tuple[Command, int]] = deque()
        self._polled_ns = 0
        self._alive_at_ns = 0
        self._state_at_ns = 0
        self._told: tuple[GateState, bool, bool] | None = None
        self._recorded: GateState | None = GateState.OFFLINE
        self._handlers: dict[type, Callable[[Any, int], None]] = {
            OpenSession: self._open_session,
            Connect: self._connect,
            Disconnect: self._disconnect,
            SetIntensity: self._set_intensity,
            Arm: self._arm,
            Fire: self._fire,
            StartTrain: self._start_train,
            FireOnTarget: self._fire_on_target,
            WaivePoseLease: self._waive,
        }

    def submit(self, command: Command) -> None:
        """Take a command; from the reader thread. Leases and STOP have acted on return."""
        match command:
            case RenewOperatorLease():
                self._renew(command, lambda: self._interlock.renew_operator(_operator(command)))
            case RenewPoseLease():
                self._renew(command, lambda: self._interlock.renew_pose(_pose(command)))
            case Stop():
                self._interlock.stop("Stopped by the operator.")
                self._wake()
            case Disarm():
                self._interlock.stop("Disarmed by the operator.")
                self._wake()
            case Shutdown():
                self.leave("The program was closed.")
            case _:
                with self._changed:
                    self._commands.append((command, self._interlock.stops))
                self._wake()

    def leave(self, reason: str) -> None:
        """Disarm now and end :meth:`run`; from any thread."""
        self._leaving = True
        self._interlock.stop(reason)
        self._wake()

    def run(self) -> None:
        """Work until :meth:`leave`; the device is disarmed and closed on the way out, always."""
        try:
            while not self._leaving:
                self._sleep_until(self._step())
        finally:
            self._disconnect(Disconnect(), self._interlock.stops)
            self._firing.halt()
            self._tell_state(self._interlock.standing())

    def _step(self) -> int:
        """Do what is due; returns when to come back."""
        self._interlock.watch()
        while (item := self._next_command()) is not None:
            command, stops = item
            self._handlers[type(command)](command, stops)
        due = self._firing.step()
        ask_again = self._ask_device()
        now = self._clock()
        standing = self._interlock.standing()
        if standing.state not in ARMED_STATES and self._recorded in ARMED_STATES:
            self._firing.fire_on_target(None, standing.stops)
        self._record_state(standing)
        if _gist(standing) != self._told or now >= self._state_at_ns:
            self._tell_state(standing)
        times = (
            due,
            standing.disarm_due_ns,
            ask_again,
            self._state_at_ns,
            _lapse_ns(standing, now),
        )
        return min(at for at in times if at is not None)

    def _next_command(self) -> tuple[Command, int] | None:
        with self._changed:
            return self._commands.popleft() if self._commands else None

    def _ask_device(self) -> int:
        """Poll the device and keep it alive when due, but not just before a pulse.

        Returns when to come back.
        """
        now = self._clock()
        pulse_ns = self._firing.next_pulse_ns
        if pulse_ns is not None and pulse_ns - now < POLL_ROOM_NS:
            return pulse_ns
        description = self._interlock.standing().description
        alive_s = description.keep_alive_period_s if description else None
        if alive_s is not None and now >= self._alive_at_ns:
            self._interlock.keep_alive()
            self._alive_at_ns = now + round(alive_s * 1e9)
        settling = self._interlock.state in (GateState.ARMING, GateState.RECHARGING)
        period = SETTLING_POLL_NS if settling else POLL_NS
        if now >= self._polled_ns + period:
            self._interlock.poll()
            self._polled_ns = now
        return self._polled_ns + period

    def _sleep_until(self, due_ns: int) -> None:
        """Return at `due_ns`, to a fraction of a millisecond, or as soon as something happens."""
        with self._changed:
            coarse_s = (due_ns - FINE_WAIT_NS - self._clock()) / 1e9
            if coarse_s > 0 and not self._awake:
                self._changed.wait(coarse_s)
            woken, self._awake = self._awake, False
        if woken:
            return
        rest_ns = due_ns - self._clock()
        if rest_ns > SPIN_NS:
            time.sleep((rest_ns - SPIN_NS) / 1e9)
        while self._clock() < due_ns:
            pass

    def _wake(self) -> None:
        with self._changed:
            self._awake = True
            self._changed.notify()

    def _renew(self, command: Command, renew: Callable[[], None]) -> None:
        try:
            renew()
        except LeaseRefused as error:
            self._error(command, str(error))

    def _error(self, command: Command, sentence: str) -> None:
        self._send(ErrorEvent(sentence=sentence, command=command.type))

    def _open_session(self, command: OpenSession, stops: int) -> None:
        if self._interlock.state in ARMED_STATES:
            self._error(command, "The session cannot be changed while armed: disarm first.")
            return
        sentence = _failure(self._recorder.open(Path(command.path)))
        self._interlock.session_opened(sentence is None)
        if sentence is not None:
            self._error(command, sentence)

    def _connect(self, command: Connect, stops: int) -> None:
        try:
            driver = self._make_driver(command.driver, command.options)
            self._interlock.connect(driver)
        except (StimulatorError, OSError) as error:
            self._error(command, str(error))
            return
        description = driver.description
        self._record(
            "stimulator_connected",
            {"name": description.name, "simulated": description.simulated},
        )

    def _disconnect(self, command: Disconnect, stops: int) -> None:
        try:
            self._interlock.disconnect("The stimulator was disconnected.")
        except (StimulatorError, OSError) as error:
            self._error(command, str(error))

    def _set_intensity(self, command: SetIntensity, stops: int) -> None:
        if self._firing.busy:  # the record of the pulse on its way names the intensity
            self._error(command, "A pulse or train is under way: wait, or press STOP.")
            return
        try:
            self._interlock.set_intensity(command.percent)
        except StimulatorError as error:
            self._error(command, str(error))
            return
        self._record("intensity_set", {"intensity": command.percent})

    def _arm(self, command: Arm, stops: int) -> None:
        refusal = self._interlock.standing().arm_refusal
        if refusal is None:
            # A session file that takes no more must be noticed here, not at the first pulse.
            body = {"state": GateState.ARMING.value, "reason": None}
            entry = Entry("stimulator_state", body, self._clock())
            refusal = _failure(self._recorder.write(entry))
            self._recorded = GateState.ARMING
        if refusal is None:
            try:
                self._interlock.arm(stops)
            except StimulatorError as error:
                refusal = str(error)
        if refusal is not None:
            self._error(command, refusal)

    def _fire(self, command: Fire, stops: int) -> None:
        refusal = self._firing.fire(command.request_id, stops)
        if refusal is not None:
            self._error(command, refusal)

    def _start_train(self, command: StartTrain, stops: int) -> None:
        try:
            train = Train(
                command.frequency_hz,
                command.pulses_per_train,
                command.trains,
                command.interval_s,
            )
            description = self._interlock.standing().description
            if description is not None:
                check_device(train, description.minimum_interval_s)
        except TrainError as error:
            self._error(command, str(error))
            return
        refusal = self._firing.start_train(command.request_id, train, stops)
        if refusal is not None:
            self._error(command, refusal)

    def _fire_on_target(self, command: FireOnTarget, stops: int) -> None:
        if command.enabled and self._interlock.standing().waived:
            self._error(command, "Fire on target needs navigation: switch navigation on.")
            return
        wanted = OnTarget(command.dwell_s, command.interval_s) if command.enabled else None
        self._firing.fire_on_target(wanted, stops)

    def _waive(self, command: WaivePoseLease, stops: int) -> None:
        if command.waived and self._firing.busy:
            self._error(command, "A pulse or train is under way: wait, or press STOP.")
            return
        self._interlock.waive_navigation(command.waived)
        if command.waived:
            self._firing.fire_on_target(None, stops)
        self._record("navigation_waived", {"waived": command.waived})

    def _record_state(self, standing: Standing) -> None:
        """Record a lasting change of state; what comes and goes with each pulse is left out."""
        if standing.state is self._recorded or standing.state not in _LASTING:
            return
        self._recorded = standing.state
        self._record("stimulator_state", {"state": standing.state.value, "reason": standing.note})

    def _record(self, kind: str, body: Mapping[str, Any]) -> None:
        if self._interlock.standing().session_open:
            written = self._recorder.write(Entry(kind, body, self._clock()))
            written.add_done_callback(self._tell_failure)

    def _tell_failure(self, written: Future[None]) -> None:
        error = written.exception()
        if error is not None:
            self._send(ErrorEvent(sentence=str(error)))

    def _tell_state(self, standing: Standing) -> None:
        self._told = _gist(standing)
        now = self._clock()
        self._state_at_ns = now + STATE_PERIOD_NS
        self._send(state_event(standing, self._firing, now))


def _gist(standing: Standing) -> tuple[GateState, bool, bool]:
    """Give what the window is told of at once when it changes."""
    return standing.state, standing.on_target, standing.pulse_refusal is None


def _lapse_ns(standing: Standing, now_ns: int) -> int | None:
    """When the next lease runs out, if nothing renews it; None if none is valid."""
    left = (standing.pose_left_ns, standing.operator_left_ns)
    return min((now_ns + one + 1 for one in left if one is not None and one >= 0), default=None)


def state_event(standing: Standing, firing: Firing, now_ns: int) -> StateEvent:
    """Say `standing` as it is told to the window."""
    device, progress = standing.description, firing.train_progress
    return StateEvent(
        time_ns=now_ns,
        state=standing.state.value,
        device=device.name if device else None,
        simulated=device.simulated if device else False,
        capabilities=sorted(device.capabilities) if device else [],
        intensity=standing.intensity,
        temperature_c=standing.temperature_c,
        coil_present=standing.coil_present,
        session_open=standing.session_open,
        armed=standing.state in ARMED_STATES,
        waived=standing.waived,
        on_target=standing.on_target,
        fire_on_target=firing.on_target is not None,
        train=TrainProgress(*progress) if progress else None,
        why_not_arm=standing.arm_refusal,
        why_not=standing.pulse_refusal,
        note=standing.note,
        operator_lease_left_ms=_milliseconds(standing.operator_left_ns),
        pose_lease_left_ms=_milliseconds(standing.pose_left_ns),
    )


def _milliseconds(time_ns: int | None) -> float | None:
    return None if time_ns is None else time_ns / 1e6


def _operator(message: RenewOperatorLease) -> OperatorLease:
    return OperatorLease(message.given_ns)


def _pose(message: RenewPoseLease) -> PoseLease:
    return PoseLease(message.pose_time_ns, message.on_target, message.target_id, message.errors)


def _failure(written: Future[None]) -> str | None:
    """Wait for the disk; only while nothing is armed. The sentence of a failure, or None."""
    try:
        written.result(RECORD_WAIT_S)
    except RecordError as error:
        return str(error)
    except TimeoutError:
        return "The session file did not answer: check its disk."
    return None
