"""The window's side of the stimulator process: starts it, talks to it, notices its end.

No call blocks: commands and leases are handed to a writer thread, events come back through a
callback on a reader thread. Leases are not queued, a newer one replaces the one that waits; STOP
goes before everything else, and drops what waits.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.stimulate.messages import (
    Arm,
    Command,
    Connect,
    Disarm,
    Disconnect,
    Event,
    Fire,
    FireOnTarget,
    MessageError,
    OpenSession,
    RenewOperatorLease,
    RenewPoseLease,
    SetIntensity,
    Shutdown,
    StartTrain,
    StateEvent,
    Stop,
    WaivePoseLease,
    encode_command,
    parse_event,
)

Options = Mapping[str, str | int | float | bool]
HIDDEN_SUBCOMMAND = "stimulator-process"
"""With this first argument a frozen program runs :func:`app.stimulate.process.main`."""
QUEUE_LIMIT = 1000
LEAVE_S = 2.0


@dataclass(frozen=True, slots=True)
class ProcessEnded:
    """The stimulator process is gone; `expected` when :meth:`StimulatorClient.close` ended it."""

    expected: bool
    sentence: str


ClientEvent = Event | ProcessEnded
OnEvent = Callable[[ClientEvent], None]


def process_command(arguments: Sequence[str] = ()) -> list[str]:
    """Command line that starts the stimulator process, from sources or from a frozen program."""
    if getattr(sys, "frozen", False):
        return [sys.executable, HIDDEN_SUBCOMMAND, *arguments]
    return [sys.executable, "-m", "app.stimulate.process", *arguments]


class StimulatorClient:
    """A running stimulator process.

    Parameters
    ----------
    on_event
        Called on the client's reader thread with every event, and at last with
        :class:`ProcessEnded`. Must not block.
    arguments
        Further arguments of the process, for instance ``["--wire-log", "FILE"]``.

    Raises
    ------
    OSError
        If the process cannot be started.
    """

    def __init__(self, on_event: OnEvent, arguments: Sequence[str] = ()) -> None:
        self._on_event = on_event
        self._last_state: StateEvent | None = None
        self._changed = threading.Condition()
        self._stop: Stop | None = None
        self._commands: deque[Command] = deque()
        self._operator: RenewOperatorLease | None = None
        self._pose: RenewPoseLease | None = None
        self._closing = False
        self._process = subprocess.Popen(
            process_command(arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=None if getattr(sys, "frozen", False) else _source_root(),
        )
        self._writer = threading.Thread(target=self._write, name="stimulator-writer", daemon=True)
        self._reader = threading.Thread(target=self._read, name="stimulator-reader", daemon=True)
        self._writer.start()
        self._reader.start()

    @property
    def last_state(self) -> StateEvent | None:
        """Newest state that the process told; None before the first."""
        return self._last_state

    @property
    def pid(self) -> int:
        """Process id of the stimulator process."""
        return self._process.pid

    def open_session(self, path: Path) -> None:
        """Record into the session file at `path`, which must exist."""
        self._put(OpenSession(path=str(path.absolute())))

    def connect(
        self,
        driver: str = "simulated",
        options: Options | None = None,
    ) -> None:
        """Connect a stimulator; see :func:`app.stimulate.drivers.make_driver`."""
        self._put(Connect(driver=driver, options=dict(options or {})))

    def disconnect(self) -> None:
        """Disarm and let go of the stimulator."""
        self._put(Disconnect())

    def set_intensity(self, percent: int) -> None:
        """Set the output, %MSO."""
        self._put(SetIntensity(percent=percent))

    def arm(self) -> None:
        """Arm."""
        self._put(Arm())

    def disarm(self) -> None:
        """Disarm."""
        self._put(Disarm())

    def stop(self) -> None:
        """STOP: goes before everything that waits, and drops it."""
        with self._changed:
            self._stop = Stop()
            self._commands = deque(
                command for command in self._commands if isinstance(command, OpenSession | Shutdown)
            )
            self._changed.notify()

    def fire(self) -> None:
        """Ask for one pulse."""
        self._put(Fire(request_id=uuid.uuid4().hex))

    def start_train(
        self, frequency_hz: float, pulses_per_train: int, trains: int = 1, interval_s: float = 0.0
    ) -> None:
        """Ask for a course of trains; see :class:`app.stimulate.trains.Train`."""
        self._put(
            StartTrain(
                request_id=uuid.uuid4().hex,
                frequency_hz=frequency_hz,
                pulses_per_train=pulses_per_train,
                trains=trains,
                interval_s=interval_s,
            )
        )

    def fire_on_target(
        self, enabled: bool, *, dwell_s: float = 0.5, interval_s: float = 4.0
    ) -> None:
        """Fire by itself while the coil is on target, or stop doing so."""
        self._put(FireOnTarget(enabled=enabled, dwell_s=dwell_s, interval_s=interval_s))

    def waive_pose_lease(self, waived: bool) -> None:
        """Work without navigation, or with it again."""
        self._put(WaivePoseLease(waived=waived))

    def operator_lease(self) -> None:
        """Say that the window answers; call from its event loop, at least five times a second."""
        with self._changed:
            self._operator = RenewOperatorLease(given_ns=time.monotonic_ns())
            self._changed.notify()

    def pose_lease(
        self,
        pose_time_ns: int,
        on_target: bool,
        target_id: str | None = None,
        errors: Mapping[str, float] | None = None,
    ) -> None:
        """Say where the coil is; call with every pair of tracked poses, on target or not.

        The parameters are those of :class:`app.stimulate.leases.PoseLease`.
        """
        message = RenewPoseLease(
            pose_time_ns=pose_time_ns,
            on_target=on_target,
            target_id=target_id,
            errors=dict(errors or {}),
        )
        with self._changed:
            self._pose = message
            self._changed.notify()

    def close(self) -> None:
        """Disarm and end the process; returns when it and both threads are gone.

        Takes a moment at most: a process that does not leave in time is killed. Safe to call
        twice, from any thread but the one that calls `on_event`.
        """
        with self._changed:
            self._closing = True
            self._stop = Stop()
            self._commands = deque([Shutdown()])
            self._changed.notify()
        try:
            self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._writer.join()
        self._reader.join()

    def _put(self, command: Command) -> None:
        with self._changed:
            if not self._closing and len(self._commands) < QUEUE_LIMIT:
                self._commands.append(command)
                self._changed.notify()

    def _next(self) -> Command | None:
        """Wait for what to send; None when nothing more will be."""
        with self._changed:
            self._changed.wait_for(self._anything)
            if self._stop is not None:
                stop, self._stop = self._stop, None
                return stop
            # Leases before commands, so that a pulse is judged by the newest of them.
            if self._operator is not None:
                operator, self._operator = self._operator, None
                return operator
            if self._pose is not None:
                pose, self._pose = self._pose, None
                return pose
            return self._commands.popleft() if self._commands else None

    def _anything(self) -> bool:
        waiting = self._stop or self._operator or self._pose or self._commands
        return bool(waiting) or self._closing

    def _write(self) -> None:
        assert self._process.stdin is not None
        try:
            while (command := self._next()) is not None:
                self._process.stdin.write(encode_command(command))
                if isinstance(command, Shutdown):
                    break
        except OSError:
            pass  # the process is gone; the reader tells
        finally:
            self._process.stdin.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            rest = b""
            while chunk := stream.read(65_536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._tell(line)
        status = self._process.wait()
        with self._changed:
            expected, self._closing = self._closing, True
            self._changed.notify()
        sentence = (
            "The stimulator process was closed."
            if expected
            else f"The stimulator process ended unexpectedly (status {status}): "
            "check that the stimulator is disarmed, then start it again."
        )
        self._on_event(ProcessEnded(expected, sentence))

    def _tell(self, line: bytes) -> None:
        try:
            event = parse_event(line)
        except MessageError:
            return  # nothing that the window could act on; the next state comes in 0.1 s
        if isinstance(event, StateEvent):
            self._last_state = event
        self._on_event(event)


def _source_root() -> Path:
    return Path(__file__).resolve().parents[2]
