"""The outbox: writes events to stdout without ever making the control thread wait.

When the window does not read, states give way to newer states; pulses and errors wait.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import BinaryIO

from app.stimulate.messages import ErrorEvent, Event, StateEvent, encode_event

ERROR_LIMIT = 100
"""Errors beyond this many that nobody reads are dropped. Pulses never are; they are few, because
a window that does not read does not renew its lease either."""


class Outbox:
    """A queue with one writer thread; :meth:`put` may be called from any thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._events: deque[Event] = deque()
        self._errors = 0
        self._state: StateEvent | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Send `event` when the window reads; returns at once."""
        with self._changed:
            if isinstance(event, StateEvent):
                self._state = event
            elif not isinstance(event, ErrorEvent):
                self._events.append(event)
            elif self._errors < ERROR_LIMIT:
                self._errors += 1
                self._events.append(event)
            self._changed.notify()

    def close(self, timeout_s: float = 1.0) -> None:
        """Send what waits, unless the window does not take it within `timeout_s`."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (event := self._next()) is not None:
            try:
                self._stream.write(encode_event(event))
                self._stream.flush()
            except (OSError, ValueError):  # the window is gone; stdin says so to the reader
                return

    def _next(self) -> Event | None:
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._state or self._closed)
            if self._events:
                event = self._events.popleft()
                self._errors -= isinstance(event, ErrorEvent)
                return event
            state, self._state = self._state, None
            return state
