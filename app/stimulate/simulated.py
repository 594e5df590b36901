"""The simulated stimulator: a device that behaves, and on demand misbehaves, without hardware.

It charges, gets ready, recharges after each pulse, warms its coil, and refuses what a real device
refuses. Faults are planted by the constructor. Each command can be written to a wire log with its
time: what reached the device, as seen from the device.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import StrEnum

from app.stimulate.driver import (
    Capability,
    CommandRefused,
    DeviceState,
    DeviceStatus,
    DriverDescription,
    TriggerTimeout,
)

CHARGING_S = 0.3
RECHARGE_S = 0.015
COIL_LIMIT_C = 40.0
ROOM_C = 22.0
HEATING_C_PER_PULSE = 0.02
"""At full output; it goes with the square of the intensity."""
COOLING_HALF_TIME_S = 300.0
REPLY_TIMEOUT_S = 0.3

WireLog = Callable[[str, int], None]
"""Receives each command and its ``monotonic_ns`` time."""


class SimulatedFault(StrEnum):
    """What goes wrong."""

    NONE = "none"
    SILENT_TRIGGER = "silent_trigger"
    """The trigger is never answered."""
    COIL_MISSING = "coil_missing"
    OVERHEAT = "overheat"
    """The coil is over its limit after the first pulse."""
    NEVER_READY = "never_ready"
    """Charging never ends."""


class SimulatedStimulator:
    """A stimulator in memory; safe to call from several threads.

    Parameters
    ----------
    fault, after_pulses
        What goes wrong, and after how many good pulses (for a fault of the trigger).
    wire_log
        Called with each command.
    clock, wait
        Time and waiting, replaceable for tests.
    """

    description = DriverDescription(
        name="Simulated stimulator",
        simulated=True,
        capabilities=frozenset(
            {
                Capability.SET_INTENSITY,
                Capability.ARM,
                Capability.SOFTWARE_TRIGGER,
                Capability.READBACK,
                Capability.TEMPERATURE,
            }
        ),
        keep_alive_period_s=None,
        arming_limit_s=2.0,
        minimum_interval_s=0.02,
    )

    def __init__(
        self,
        fault: SimulatedFault = SimulatedFault.NONE,
        after_pulses: int = 0,
        *,
        wire_log: WireLog | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._fault = fault
        self._after_pulses = after_pulses
        self._wire_log = wire_log
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._open = False
        self._intensity = 0
        self._ready_at_ns: int | None = None
        self._pulses = 0
        self._heat_c = 0.0
        self._heat_at_ns = clock()

    def connect(self) -> DeviceStatus:
        """Open; a device is found in standby with its dial at 0."""
        with self._lock:
            self._log("connect")
            self._open = True
            self._ready_at_ns = None
            return self._status()

    def status(self) -> DeviceStatus:
        """Answer at once."""
        with self._lock:
            self._check_open()
            return self._status()

    def set_intensity(self, percent: int) -> None:
        """Set the output, %MSO."""
        with self._lock:
            self._log(f"intensity {percent}")
            self._check_open()
            if not 0 <= percent <= 100:
                raise CommandRefused(f"{percent} % is no intensity: choose 0 to 100 %.")
            self._intensity = percent

    def arm(self) -> None:
        """Begin charging."""
        with self._lock:
            self._log("arm")
            self._check_open()
            if self._fault is SimulatedFault.COIL_MISSING:
                raise CommandRefused("No coil is connected to the stimulator: plug it in.")
            if self._temperature_c() > COIL_LIMIT_C:
                raise CommandRefused("The coil is too hot: let it cool before arming.")
            never = self._fault is SimulatedFault.NEVER_READY
            self._ready_at_ns = self._clock() + round((1e9 if never else CHARGING_S) * 1e9)

    def send_trigger(self) -> int:
        """Fire if ready."""
        with self._lock:
            now = self._clock()
            self._log("trigger")
            self._check_open()
            if self._status().state is not DeviceState.READY:
                raise CommandRefused("The stimulator was not ready for the pulse.")
            self._ready_at_ns = now + round(RECHARGE_S * 1e9)
            self._heat_c = self._temperature_c() - ROOM_C
            self._heat_c += HEATING_C_PER_PULSE * (self._intensity / 100) ** 2
            self._heat_at_ns = now
            self._pulses += 1
            if self._fault is SimulatedFault.OVERHEAT:
                self._heat_c = COIL_LIMIT_C + 1 - ROOM_C
            return now

    def confirm_trigger(self) -> None:
        """Answer at once, or never."""
        if self._fault is SimulatedFault.SILENT_TRIGGER and self._pulses > self._after_pulses:
            self._wait(REPLY_TIMEOUT_S)
            raise TriggerTimeout("The stimulator did not answer the trigger.")

    def disarm(self) -> None:
        """Drop the charge."""
        with self._lock:
            self._log("disarm")
            self._ready_at_ns = None

    def keep_alive(self) -> None:
        """Need nothing."""

    def close(self) -> None:
        """Disarm and close."""
        with self._lock:
            self._log("close")
            self._ready_at_ns = None
            self._open = False

    def _status(self) -> DeviceStatus:
        now = self._clock()
        temperature = self._temperature_c()
        if temperature > COIL_LIMIT_C:
            self._ready_at_ns = None
        if self._ready_at_ns is None:
            state = DeviceState.STANDBY
        else:
            state = DeviceState.READY if now >= self._ready_at_ns else DeviceState.CHARGING
        return DeviceStatus(
            state=state,
            intensity=self._intensity,
            coil_present=self._fault is not SimulatedFault.COIL_MISSING,
            temperature_c=temperature,
        )

    def _temperature_c(self) -> float:
        age_s = (self._clock() - self._heat_at_ns) / 1e9
        return float(ROOM_C + self._heat_c * 2.0 ** (-age_s / COOLING_HALF_TIME_S))

    def _check_open(self) -> None:
        if not self._open:
            raise CommandRefused("The stimulator is not connected: connect it first.")

    def _log(self, command: str) -> None:
        if self._wire_log is not None:
            self._wire_log(command, self._clock())
