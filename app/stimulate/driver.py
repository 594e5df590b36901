"""What every stimulator looks like from inside the program.

A driver translates these few calls into one device's language. It decides nothing: whether a pulse
may go is settled by :mod:`app.stimulate.gate` before :meth:`StimulatorDriver.send_trigger`.

Threads: all calls come from one control thread, except :meth:`StimulatorDriver.disarm`, which may
come from any thread at any time, also while another call is waiting for the device to answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class StimulatorError(Exception):
    """The device or its link failed; the message is a sentence for the operator."""


class CommandRefused(StimulatorError):
    """The command was surely not carried out: the device, or the driver for it, said no."""


class TriggerTimeout(StimulatorError):
    """No answer to a trigger: whether a pulse went out is unknown. Never send it again."""


class Capability(StrEnum):
    """What a device can do; the panel shows only what the driver declares."""

    SET_INTENSITY = "set_intensity"
    ARM = "arm"
    SOFTWARE_TRIGGER = "software_trigger"
    TTL_TRIGGER = "ttl_trigger"
    DEVICE_TRAIN = "device_train"
    READBACK = "readback"
    TEMPERATURE = "temperature"
    UNPROMPTED_EVENTS = "unprompted_events"


class DeviceState(StrEnum):
    """What the device says of itself."""

    STANDBY = "standby"
    CHARGING = "charging"
    """Armed, and not ready yet: after arming, or after a pulse."""
    READY = "ready"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class DriverDescription:
    """What is known of a device before it is asked.

    Attributes
    ----------
    name
        What the operator sees.
    simulated
        True when no pulse can leave it.
    capabilities
        See :class:`Capability`.
    keep_alive_period_s
        How often :meth:`StimulatorDriver.keep_alive` must be called; None when never.
    arming_limit_s
        A device that is not ready so long after arming is at fault.
    minimum_interval_s
        Least time between two pulses.
    """

    name: str
    simulated: bool
    capabilities: frozenset[Capability]
    keep_alive_period_s: float | None
    arming_limit_s: float
    minimum_interval_s: float


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """One answer to a status question.

    Attributes
    ----------
    state
        See :class:`DeviceState`.
    intensity
        Percent of maximum stimulator output (%MSO).
    coil_present
        False when no coil is plugged in.
    temperature_c
        Coil temperature, degrees Celsius; None when the device does not tell.
    message
        Sentence that names the fault when `state` is FAULT, else None.
    """

    state: DeviceState
    intensity: int
    coil_present: bool = True
    temperature_c: float | None = None
    message: str | None = None


class StimulatorDriver(Protocol):
    """One stimulator. Every method raises :class:`StimulatorError` when the device fails it."""

    @property
    def description(self) -> DriverDescription:
        """What the device can do."""

    def connect(self) -> DeviceStatus:
        """Open the link, take remote control, leave the device disarmed."""

    def status(self) -> DeviceStatus:
        """Ask the device; for one that cannot answer, what it was last told."""

    def set_intensity(self, percent: int) -> None:
        """Set the output, %MSO, 0-100; returns once the device has taken it."""

    def arm(self) -> None:
        """Begin charging; returns at once, :meth:`status` tells when the device is ready."""

    def send_trigger(self) -> int:
        """Put the trigger on the wire and return the time just before, ``monotonic_ns``.

        Must not wait for the answer: the caller holds the lock that STOP needs. Raises
        :class:`CommandRefused` only when surely nothing was sent.
        """

    def confirm_trigger(self) -> None:
        """Wait for the answer to the trigger just sent.

        Raises :class:`TriggerTimeout` when none comes and :class:`CommandRefused` when the device
        says that it did not fire.
        """

    def disarm(self) -> None:
        """Make the device unable to fire; on the wire within 20 ms, from any thread and state."""

    def keep_alive(self) -> None:
        """Tell a device that disarms itself in silence that the program is still there."""

    def close(self) -> None:
        """Disarm, give back remote control, close the link. May be called twice."""
