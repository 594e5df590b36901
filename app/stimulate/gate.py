"""The gate: whether a pulse may go now, and if not, why not.

A pure state machine with an injected clock; no threads, no device. In: leases, what the device says
of itself, what the operator asks. Out: a state, a sentence when something is not permitted, and a
reason to disarm when one has come up.

A pulse may go when the device is ready, the operator lease is valid, and the pose lease is valid
and on target (or navigation is waived). How an armed device gets disarmed without being told:

* operator lease run out for longer than ``DISARM_AFTER_NS``;
* tracking was alive since arming and its lease has run out for longer than ``DISARM_AFTER_NS``.
  Never seen since arming: it stays armed and waits, because nothing can be fired meanwhile.
  Seen but off target: it stays armed, so that the operator can steer the coil to the target.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from app.stimulate.driver import DeviceState, DeviceStatus, DriverDescription
from app.stimulate.leases import (
    DISARM_AFTER_NS,
    OperatorLease,
    PoseLease,
    check_not_from_future,
    is_valid,
)

COIL_LIMIT_C = 40.0
ABOUT_TO_NS = 10_000_000


class GateState(StrEnum):
    """Where the stimulator stands."""

    OFFLINE = "offline"
    STANDBY = "standby"
    ARMING = "arming"
    READY = "ready"
    FIRING = "firing"
    RECHARGING = "recharging"
    TRAIN = "train"
    FAULT = "fault"
    """Latched: only connecting again leaves it."""


ARMED_STATES = frozenset(
    {
        GateState.ARMING,
        GateState.READY,
        GateState.FIRING,
        GateState.RECHARGING,
        GateState.TRAIN,
    }
)


class Gate:
    """Permission for one stimulator. Not safe for threads: the interlock holds a lock around it."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.state = GateState.OFFLINE
        self.description: DriverDescription | None = None
        self.status: DeviceStatus | None = None
        self.note: str | None = None
        """Why the device was last disarmed or is at fault; None after arming."""
        self.session_open = False
        self.waived = False
        self.stops = 0
        """Counts the operator's STOPs: what was asked before the latest one and is not yet done
        must not be done any more."""
        self.operator: OperatorLease | None = None
        self.pose: PoseLease | None = None
        self._tracked_since_arming = False
        self._on_target_since_ns: int | None = None
        self._arming_since_ns = 0
        self._used_requests: set[str] = set()

    @property
    def armed(self) -> bool:
        """Whether the device is, or may be, able to fire."""
        return self.state in ARMED_STATES

    def connected(self, description: DriverDescription, status: DeviceStatus) -> None:
        """Note that a device answered and is in standby; this acknowledges a fault."""
        self.description = description
        self.status = status
        self.note = None
        self.state = GateState.STANDBY

    def disconnected(self) -> None:
        """Note that there is no device any more."""
        self.state = GateState.OFFLINE
        self.description = None
        self.status = None

    def fault(self, reason: str) -> None:
        """Latch a fault of the device: nothing goes until it is connected again."""
        self.state = GateState.FAULT
        self.note = reason

    def disarmed(self, reason: str) -> None:
        """Note that the device was disarmed, by us or by itself."""
        if self.armed:
            self.state = GateState.STANDBY
            self.note = reason

    def stopped(self, reason: str) -> None:
        """Stop everything that was asked for so far."""
        self.stops += 1
        self.disarmed(reason)

    def observe(self, status: DeviceStatus) -> None:
        """Take what the device says of itself; the state follows, into FAULT if need be."""
        self.status = status
        if self.state in (GateState.OFFLINE, GateState.FAULT):
            return
        if status.state is DeviceState.FAULT:
            self.fault(status.message or "The stimulator reports a fault.")
        elif self.armed and not status.coil_present:
            self.fault("The coil was unplugged while armed.")
        elif self.state is GateState.ARMING:
            self._observe_arming(status)
        elif self.armed and status.state is DeviceState.STANDBY:
            self.disarmed(self._own_disarm_reason(status))
        elif self.state in (GateState.READY, GateState.RECHARGING):
            ready = status.state is DeviceState.READY
            self.state = GateState.READY if ready else GateState.RECHARGING

    def _observe_arming(self, status: DeviceStatus) -> None:
        assert self.description is not None
        if status.state is DeviceState.READY:
            self.state = GateState.READY
        elif self._clock() - self._arming_since_ns > self.description.arming_limit_s * 1e9:
            self.fault(
                f"The stimulator was not ready {self.description.arming_limit_s:g} s after arming."
            )

    def _own_disarm_reason(self, status: DeviceStatus) -> str:
        hot = self._heat_refusal(status)
        return " ".join(filter(None, ("The stimulator disarmed itself.", hot)))

    def renew_operator(self, lease: OperatorLease) -> None:
        """Take a newer operator lease; raises ``LeaseRefused`` for one from the future."""
        check_not_from_future(lease, self._clock())
        if self.operator is None or lease.given_ns > self.operator.given_ns:
            self.operator = lease

    def renew_pose(self, lease: PoseLease) -> None:
        """Take a newer pose lease; raises ``LeaseRefused`` for one from the future."""
        now = self._clock()
        check_not_from_future(lease, now)
        if self.pose is not None and lease.pose_time_ns <= self.pose.pose_time_ns:
            return
        kept = self.on_target
        self.pose = lease
        if is_valid(lease, now) and not self.waived:
            self._tracked_since_arming = True
        if not self.on_target:
            self._on_target_since_ns = None
        elif not kept or self._on_target_since_ns is None:
            self._on_target_since_ns = now

    @property
    def on_target(self) -> bool:
        """Whether a pose lease that permits pulses holds now."""
        return self.pose is not None and self.pose.on_target and is_valid(self.pose, self._clock())

    def on_target_since_ns(self) -> int | None:
        """Since when the coil is on target without a gap; None when it is not."""
        return self._on_target_since_ns if self.on_target else None

    def waive_navigation(self, waived: bool) -> None:
        """Do without the pose lease, or ask for it again."""
        self.waived = waived
        self._tracked_since_arming = False

    def arm_refusal(self) -> str | None:
        """Why arming is not permitted now, as a sentence; None when it is."""
        if self.state is GateState.OFFLINE:
            return "No stimulator is connected: connect one."
        if self.state is GateState.FAULT:
            return self._fault_sentence()
        if self.armed:
            return "The stimulator is armed already."
        if not self.session_open:
            return "No session is open: open one, so that every pulse is recorded."
        if not is_valid(self.operator, self._clock()):
            return "The window does not answer: wait until it does."
        if self.status is not None and not self.status.coil_present:
            return "No coil is connected to the stimulator: plug it in."
        return self._heat_refusal(self.status)

    def begin_arming(self) -> None:
        """Note that the arm command is about to be sent."""
        self.state = GateState.ARMING
        self.note = None
        self._arming_since_ns = self._clock()
        self._tracked_since_arming = False

    def pulse_refusal(self, *, in_train: bool = False) -> str | None:
        """Why a pulse may not go now, as a sentence; None when it may.

        `in_train` asks for a pulse of the train that is running.
        """
        return (
            self._state_refusal(in_train)
            or self._operator_refusal()
            or self._heat_refusal(self.status)
            or self._pose_refusal()
        )

    def _state_refusal(self, in_train: bool) -> str | None:
        if self.state is (GateState.TRAIN if in_train else GateState.READY):
            return None
        if self.state is GateState.FAULT:
            return self._fault_sentence()
        if self.state is GateState.STANDBY:
            return " ".join(filter(None, (self.note, "The stimulator is not armed: arm it.")))
        return {
            GateState.OFFLINE: "No stimulator is connected: connect one.",
            GateState.ARMING: "The stimulator is charging: wait.",
            GateState.READY: "The train has ended.",
            GateState.FIRING: "A pulse is being sent.",
            GateState.RECHARGING: "The stimulator is recharging: wait.",
            GateState.TRAIN: "A train is running: wait, or press STOP.",
        }[self.state]

    def _fault_sentence(self) -> str:
        return f"{self.note} Check the stimulator, then connect it again."

    def _operator_refusal(self) -> str | None:
        if not is_valid(self.operator, self._clock()):
            return "The window does not answer: wait until it does."
        if self.status is None or self.status.intensity <= 0:
            return "The intensity is 0 %: set one."
        return None

    def _heat_refusal(self, status: DeviceStatus | None) -> str | None:
        if status is None or status.temperature_c is None or status.temperature_c < COIL_LIMIT_C:
            return None
        return (
            f"The coil is at {status.temperature_c:.1f} °C (limit {COIL_LIMIT_C:.0f} °C): "
            "let it cool."
        )

    def _pose_refusal(self) -> str | None:
        if self.waived or self.on_target:
            return None
        if not is_valid(self.pose, self._clock()):
            return "No fresh coil pose: show the markers of head and coil to the cameras."
        return "The coil is not on the target: move it there."

    def pose_is_late(self, grace_ns: int) -> bool:
        """Whether the coil was on target and that lease ran out no more than `grace_ns` ago.

        Or is about to: it could run out between this look and the trigger.
        """
        if self.waived or self.pose is None or not self.pose.on_target:
            return False
        return -ABOUT_TO_NS < self._clock() - self.pose.valid_until_ns <= grace_ns

    def begin_pulse(self) -> None:
        """Note that a trigger is about to be sent."""
        if self.state is not GateState.TRAIN:
            self.state = GateState.FIRING

    def end_pulse(self) -> None:
        """Note that the trigger was answered."""
        if self.state is GateState.FIRING:
            self.state = GateState.RECHARGING

    def begin_train(self) -> None:
        """From READY: only pulses of the train go until :meth:`end_train`."""
        self.state = GateState.TRAIN

    def end_train(self) -> None:
        """Leave the train, however it ended."""
        if self.state is GateState.TRAIN:
            self.state = GateState.RECHARGING

    def consume(self, request_id: str) -> bool:
        """Whether `request_id` is new; the second time it is not, whatever became of the first."""
        if request_id in self._used_requests:
            return False
        self._used_requests.add(request_id)
        return True

    def disarm_reason(self) -> str | None:
        """Why an armed device must be disarmed now; None when it may stay armed."""
        now = self._clock()
        return next((reason for at, reason in self._disarm_times() if now >= at), None)

    def disarm_due_ns(self) -> int | None:
        """When :meth:`disarm_reason` will have one if no lease is renewed."""
        return min((at for at, _ in self._disarm_times()), default=None)

    def _disarm_times(self) -> list[tuple[int, str]]:
        if not self.armed:
            return []
        operator_ns = self.operator.valid_until_ns if self.operator is not None else 0
        times = [
            (operator_ns + DISARM_AFTER_NS, "Disarmed because the window stopped answering."),
        ]
        if self._tracked_since_arming and not self.waived and self.pose is not None:
            times.append(
                (
                    self.pose.valid_until_ns + DISARM_AFTER_NS,
                    "Disarmed because head or coil was lost from view.",
                )
            )
        return times
