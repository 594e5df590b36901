"""The control thread's work on a bench: fake clock, simulated device, a disk that obeys."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

from app.stimulate.control import Control
from app.stimulate.messages import (
    Arm,
    Connect,
    ErrorEvent,
    OpenSession,
    PulseEvent,
    RenewOperatorLease,
    RenewPoseLease,
    SetIntensity,
)
from app.stimulate.recorder import Entry, RecordError
from app.stimulate.simulated import SimulatedFault, SimulatedStimulator

MS = 1_000_000


class FakeClock:
    def __init__(self) -> None:
        self.now = 10_000 * MS

    def __call__(self) -> int:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)


class FakeDisk:
    """Durable at once, or on :meth:`settle` when `held`, or never when `full`."""

    def __init__(self) -> None:
        self.held = False
        self.full = False
        self.durable: list[Entry] = []
        self._waiting: list[tuple[Entry, Future[None]]] = []

    def open(self, path: Path) -> Future[None]:
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def write(self, entry: Entry, *, keep: bool = False) -> Future[None]:
        done: Future[None] = Future()
        if self.held and entry.kind.startswith("pulse"):
            self._waiting.append((entry, done))
        else:
            self._finish(entry, done)
        return done

    def settle(self) -> None:
        self.held = False
        waiting, self._waiting = self._waiting, []
        for entry, done in waiting:
            self._finish(entry, done)

    def _finish(self, entry: Entry, done: Future[None]) -> None:
        if self.full:
            done.set_exception(RecordError("The disk is full: free some space."))
        else:
            self.durable.append(entry)
            done.set_result(None)

    def bodies(self, kind: str) -> list[dict]:
        return [dict(entry.body) for entry in self.durable if entry.kind == kind]


class Bench:
    """Control with everything around it in the test's hand."""

    def __init__(
        self, fault: SimulatedFault = SimulatedFault.NONE, *, after_pulses: int = 0
    ) -> None:
        self.clock = FakeClock()
        self.disk = FakeDisk()
        self.events: list = []
        self.wire: list[tuple[str, int]] = []
        self.device = SimulatedStimulator(
            fault,
            after_pulses,
            wire_log=self.on_wire,
            clock=self.clock,
            wait=self.clock.wait,
        )
        self.control = Control(
            self.disk, self.events.append, lambda name, options: self.device, "run", self.clock
        )
        self.request = 0

    def on_wire(self, command: str, time_ns: int) -> None:
        self.wire.append((command, time_ns))

    def send(self, *commands) -> None:
        for command in commands:
            self.control.submit(command)
        self.control._step()

    def operator(self) -> None:
        self.send(RenewOperatorLease(given_ns=self.clock.now))

    def pose(self, *, on_target: bool = True, age_ms: float = 0.0) -> None:
        self.send(
            RenewPoseLease(
                pose_time_ns=self.clock.now - round(age_ms * MS),
                on_target=on_target,
                target_id="m1",
                errors={"distance_to_target": 1.5},
            )
        )

    def run(self, ms: float, *, step_ms: float = 5.0) -> None:
        """Let time pass without a word from the window."""
        end = self.clock.now + round(ms * MS)
        while self.clock.now < end:
            self.clock.now = min(end, self.clock.now + round(step_ms * MS))
            self.control._step()

    def navigate(self, ms: float, *, on_target: bool = True) -> None:
        """Let time pass with a window that renews both leases."""
        end = self.clock.now + round(ms * MS)
        while self.clock.now < end:
            self.operator()
            self.pose(on_target=on_target)
            self.run(min(20.0, (end - self.clock.now) / MS))

    def make_ready(self, intensity: int = 50) -> None:
        self.send(
            OpenSession(path="x"), Connect(driver="simulated"), SetIntensity(percent=intensity)
        )
        self.operator()
        self.send(Arm())
        self.navigate(400)
        assert self.state == "ready", self.errors

    def next_request(self) -> str:
        self.request += 1
        return f"request-{self.request}"

    @property
    def standing(self):
        return self.control._interlock.standing()

    @property
    def state(self) -> str:
        return self.standing.state.value

    @property
    def triggers(self) -> list[int]:
        return [time_ns for command, time_ns in self.wire if command == "trigger"]

    @property
    def pulses(self) -> list[PulseEvent]:
        return [event for event in self.events if isinstance(event, PulseEvent)]

    @property
    def errors(self) -> list[str]:
        return [event.sentence for event in self.events if isinstance(event, ErrorEvent)]
