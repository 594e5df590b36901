"""A stimulator process with a stand-in for the window, for tests of the real process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.session.store import SessionWriter
from app.stimulate.client import StimulatorClient
from app.stimulate.messages import ErrorEvent, PulseEvent

PATIENCE_S = 20.0


def wait_until(condition: Callable[[], object], words: str = "nothing happened") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, words
        time.sleep(0.002)


class Window:
    """Renews the leases while `alive`; keeps what the process said and what reached the wire."""

    def __init__(self, folder: Path) -> None:
        self.session = folder / "test.session"
        self.wire_log = folder / "wire.log"
        SessionWriter.create(self.session, {}).close()
        self.events: list = []
        self.alive = True
        self.on_target = True
        self.client = StimulatorClient(self.events.append, ["--wire-log", str(self.wire_log)])
        self._beating = threading.Event()
        self._beat = threading.Thread(target=self._renew, name="beat")
        self._beat.start()

    def _renew(self) -> None:
        while not self._beating.wait(0.02):
            if self.alive:
                self.client.operator_lease()
                self.client.pose_lease(time.monotonic_ns(), self.on_target, "m1", {})

    def ready(self, **options) -> None:
        self.client.open_session(self.session)
        self.client.connect("simulated", options)
        self.client.set_intensity(50)
        wait_until(lambda: self.state and self.state.operator_lease_left_ms is not None)
        self.client.arm()
        wait_until(lambda: self.state.state == "ready", "it did not get ready")

    @property
    def state(self):
        return self.client.last_state

    def wire(self, command: str) -> list[int]:
        """Times at which `command` reached the device."""
        if not self.wire_log.exists():
            return []
        lines = [line.split(" ", 1) for line in self.wire_log.read_text().splitlines()]
        return [int(time_ns) for time_ns, what in lines if what.startswith(command)]

    @property
    def pulses(self) -> list[PulseEvent]:
        return [event for event in self.events if isinstance(event, PulseEvent)]

    @property
    def errors(self) -> list[str]:
        return [event.sentence for event in self.events if isinstance(event, ErrorEvent)]

    def close(self) -> None:
        self._beating.set()
        self._beat.join()
        self.client.close()


@contextmanager
def window(folder: Path) -> Iterator[Window]:
    opened = Window(folder)
    try:
        yield opened
    finally:
        opened.close()
