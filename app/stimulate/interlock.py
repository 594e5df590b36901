"""The interlock: the gate and the driver under one lock, the only door to the device.

A trigger is put on the wire inside the lock, straight after the gate said yes; STOP and expiring
leases change the gate inside the same lock. So nothing can come between the check and the pulse.
The lock is never held while the device is waited for: STOP needs it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.stimulate.driver import (
    Capability,
    CommandRefused,
    DriverDescription,
    StimulatorDriver,
    StimulatorError,
    TriggerTimeout,
)
from app.stimulate.gate import Gate, GateState
from app.stimulate.leases import OperatorLease, PoseLease, is_valid


class Outcome(StrEnum):
    """What became of a pulse."""

    FIRED = "fired"
    REFUSED = "refused"
    """Surely not sent."""
    UNKNOWN = "unknown"
    """Sent, or partly sent, and not answered: it may have fired."""


@dataclass(frozen=True, slots=True)
class PulseResult:
    """Outcome of one attempt, the time of its trigger (None when refused), and the reason."""

    outcome: Outcome
    time_ns: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything about the gate at one moment.

    Times left are in nanoseconds, negative when run out, None when there never was a lease.
    """

    state: GateState
    description: DriverDescription | None
    intensity: int | None
    temperature_c: float | None
    coil_present: bool | None
    note: str | None
    arm_refusal: str | None
    pulse_refusal: str | None
    session_open: bool
    waived: bool
    on_target: bool
    on_target_since_ns: int | None
    operator_left_ns: int | None
    pose_left_ns: int | None
    disarm_due_ns: int | None
    target_id: str | None
    stops: int


class Interlock:
    """Gate and driver together; every method may be called from any thread unless it says not."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._gate = Gate(clock)
        self._driver: StimulatorDriver | None = None

    def renew_operator(self, lease: OperatorLease) -> None:
        """Take a newer operator lease; raises ``LeaseRefused``."""
        with self._lock:
            self._gate.renew_operator(lease)

    def renew_pose(self, lease: PoseLease) -> None:
        """Take a newer pose lease; raises ``LeaseRefused``."""
        with self._lock:
            self._gate.renew_pose(lease)

    def waive_navigation(self, waived: bool) -> None:
        """Do without the pose lease, or ask for it again."""
        with self._lock:
            self._gate.waive_navigation(waived)

    def session_opened(self, is_open: bool) -> None:
        """Whether pulses can be recorded."""
        with self._lock:
            self._gate.session_open = is_open

    def consume(self, request_id: str) -> bool:
        """Whether `request_id` is used for the first time."""
        with self._lock:
            return self._gate.consume(request_id)

    @property
    def stops(self) -> int:
        """Changes with every STOP; see :attr:`Gate.stops`."""
        return self._gate.stops

    @property
    def state(self) -> GateState:
        """Where the stimulator stands."""
        return self._gate.state

    def connect(self, driver: StimulatorDriver) -> None:
        """Connect `driver` in place of the one before; control thread only."""
        self.disconnect("Another stimulator is being connected.")
        try:
            status = driver.connect()
        except Exception:
            driver.close()
            raise
        with self._lock:
            self._driver = driver
            self._gate.connected(driver.description, status)

    def disconnect(self, reason: str) -> None:
        """Disarm and close the device, if there is one; control thread only."""
        self.disarm(reason)
        with self._lock:
            driver, self._driver = self._driver, None
            self._gate.disconnected()
        if driver is not None:
            driver.close()

    def stop(self, reason: str) -> None:
        """STOP: disarm, and let nothing that was asked before be done after."""
        with self._lock:
            self._gate.stopped(reason)
        self.disarm(reason)

    def disarm(self, reason: str) -> None:
        """Make the device unable to fire, from any state and any thread.

        The gate is shut before the wire is touched, so a device that does not answer cannot delay
        it. When the device fails, the gate is at fault and its sentence says so.
        """
        with self._lock:
            self._gate.disarmed(reason)
            driver = self._driver
        if driver is None:
            return
        try:
            driver.disarm()
        except Exception as error:  # whatever a driver raises, the operator must be told
            with self._lock:
                self._gate.fault(
                    f"The stimulator did not confirm that it is disarmed ({error}) "
                    "Switch it off by hand."
                )

    def set_intensity(self, percent: int) -> None:
        """Set the output and read it back; control thread only. Raises ``StimulatorError``."""
        driver = self._connected_driver()
        with self._lock:
            if self._gate.state in (GateState.TRAIN, GateState.FIRING, GateState.FAULT):
                raise CommandRefused(
                    "The intensity cannot be changed during a train or a fault: stop it first."
                )
        driver.set_intensity(percent)
        status = driver.status()
        if status.intensity != percent:
            self.fault(f"The stimulator was set to {percent} % and reads {status.intensity} %.")
            return
        with self._lock:
            self._gate.observe(status)

    def arm(self, stops: int) -> None:
        """Begin arming, unless the device was stopped since `stops`; control thread only.

        Raises :class:`StimulatorError` with the reason why not.
        """
        driver = self._connected_driver()
        with self._lock:
            refusal = self._gate.arm_refusal()
            if refusal is None and self._gate.stops != stops:
                refusal = "Stopped meanwhile: arm again."
            if refusal is not None:
                raise CommandRefused(refusal)
            self._gate.begin_arming()
        try:
            if Capability.ARM in driver.description.capabilities:
                driver.arm()
        except StimulatorError:
            self.disarm("Arming failed.")
            raise
        with self._lock:
            still_armed = self._gate.armed
        if not still_armed:  # STOP came while the device was being told to arm
            self.disarm("Stopped while arming.")

    def trigger(self, *, in_train: bool, stops: int) -> PulseResult:
        """Send one pulse if it may go now; control thread only, never twice for one pulse.

        Parameters
        ----------
        in_train
            The pulse belongs to the train that is running.
        stops
            Value of :attr:`stops` when the pulse was asked for.
        """
        with self._lock:
            refusal = self._gate.pulse_refusal(in_train=in_train)
            if self._gate.stops != stops:
                refusal = self._gate.note or "Stopped before the pulse."
            driver = self._driver
            if refusal is not None or driver is None:
                return PulseResult(Outcome.REFUSED, None, refusal)
            self._gate.begin_pulse()
            asked_ns = self._clock()
            try:
                time_ns = driver.send_trigger()
            except CommandRefused as error:
                self._gate.end_pulse()
                return PulseResult(Outcome.REFUSED, None, str(error))
            except Exception as error:  # a broken driver must not take the watchdog with it
                return self._unknown(asked_ns, error)
        return self._confirmed(driver, time_ns)

    def _confirmed(self, driver: StimulatorDriver, time_ns: int) -> PulseResult:
        try:
            driver.confirm_trigger()
        except CommandRefused as error:
            with self._lock:
                self._gate.end_pulse()
            return PulseResult(Outcome.REFUSED, None, str(error))
        except Exception as error:  # as above
            return self._unknown(time_ns, error)
        with self._lock:
            self._gate.end_pulse()
        return PulseResult(Outcome.FIRED, time_ns, None)

    def _unknown(self, time_ns: int, error: Exception) -> PulseResult:
        silent = isinstance(error, TriggerTimeout)
        reason = str(error) if silent else f"The link failed during the trigger: {error}"
        self.fault(f"{reason} Whether a pulse went out is unknown.")
        return PulseResult(Outcome.UNKNOWN, time_ns, reason)

    def begin_train(self, stops: int) -> str | None:
        """Enter a train; returns the sentence why not, or None. Control thread only."""
        with self._lock:
            refusal = self._gate.pulse_refusal()
            if refusal is None and self._gate.stops != stops:
                refusal = "Stopped before the train."
            if refusal is None:
                self._gate.begin_train()
            return refusal

    def end_train(self) -> None:
        """Leave the train."""
        with self._lock:
            self._gate.end_train()

    def fault(self, reason: str) -> None:
        """Latch a fault and disarm."""
        with self._lock:
            self._gate.fault(reason)
        self.disarm(reason)

    def poll(self) -> None:
        """Ask the device how it is; control thread only. A device that fails is at fault."""
        driver = self._driver
        if driver is None or self._gate.state is GateState.FAULT:
            return
        try:
            status = driver.status()
        except Exception as error:  # a broken driver must not take the watchdog with it
            self.fault(f"The stimulator does not answer: {error}")
            return
        with self._lock:
            was_armed = self._gate.armed
            self._gate.observe(status)
            fell = was_armed and not self._gate.armed
            reason = self._gate.note or ""
        if fell:
            self.disarm(reason)

    def keep_alive(self) -> None:
        """Keep the device's own watchdog quiet, but only while the window answers.

        A device kept alive behind a frozen window would have lost its own protection.
        """
        driver = self._driver
        with self._lock:
            wanted = is_valid(self._gate.operator, self._clock())
        if driver is None or not wanted or self._gate.state is GateState.FAULT:
            return
        try:
            driver.keep_alive()
        except Exception as error:  # a broken driver must not take the watchdog with it
            self.fault(f"The stimulator does not answer: {error}")

    def watch(self) -> str | None:
        """Disarm when a lease ran out too long ago; returns the reason if it did."""
        with self._lock:
            reason = self._gate.disarm_reason()
        if reason is not None:
            self.disarm(reason)
        return reason

    def pose_is_late(self, grace_ns: int) -> bool:
        """See :meth:`Gate.pose_is_late`."""
        with self._lock:
            return self._gate.pose_is_late(grace_ns)

    def lease_evidence(self) -> Mapping[str, Any] | None:
        """Give the newest pose lease as it is recorded; None when waived or absent."""
        with self._lock:
            pose = None if self._gate.waived else self._gate.pose
            if pose is None:
                return None
            return {
                "pose_time_ns": pose.pose_time_ns,
                "age_ms": round((self._clock() - pose.pose_time_ns) / 1e6, 3),
                "on_target": pose.on_target,
                "target_id": pose.target_id,
                "errors": dict(pose.errors),
            }

    def standing(self) -> Standing:
        """Give the whole gate at this moment."""
        with self._lock:
            gate, now = self._gate, self._clock()
            status = gate.status
            return Standing(
                state=gate.state,
                description=gate.description,
                intensity=status.intensity if status else None,
                temperature_c=status.temperature_c if status else None,
                coil_present=status.coil_present if status else None,
                note=gate.note,
                arm_refusal=gate.arm_refusal(),
                pulse_refusal=gate.pulse_refusal(),
                session_open=gate.session_open,
                waived=gate.waived,
                on_target=gate.on_target,
                on_target_since_ns=gate.on_target_since_ns(),
                operator_left_ns=gate.operator.valid_until_ns - now if gate.operator else None,
                pose_left_ns=gate.pose.valid_until_ns - now if gate.pose else None,
                disarm_due_ns=gate.disarm_due_ns(),
                target_id=gate.pose.target_id if gate.pose and not gate.waived else None,
                stops=gate.stops,
            )

    def _connected_driver(self) -> StimulatorDriver:
        if self._driver is None:
            raise CommandRefused("No stimulator is connected: connect one.")
        return self._driver
