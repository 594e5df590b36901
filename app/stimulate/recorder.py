"""The recorder: puts pulses and states into the session file, in order, on a thread of its own.

In: entries. Out: one future per entry, done once the entry is durably on the disk, or failed with
a :class:`RecordError`. Entries that wait together are committed together, so a train keeps time
even on a slow disk.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


class RecordError(Exception):
    """Something could not be recorded; the message is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event for the session file; the kinds and bodies are those of ``app.session.events``."""

    kind: str
    body: Mapping[str, Any]
    time_ns: int


class PulseRecord(Protocol):
    """An open session file, used from the recorder's thread only."""

    def write(self, entries: Sequence[Entry]) -> None:
        """Write all or none, durable on return; raises :class:`RecordError`."""

    def close(self) -> None:
        """Close the file."""


@dataclass(frozen=True, slots=True)
class _Open:
    path: Path
    done: Future[None] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _Write:
    entry: Entry
    keep: bool
    done: Future[None] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _Close:
    done: Future[None] = field(default_factory=Future)


class Recorder:
    """Records from any thread without blocking it.

    Parameters
    ----------
    open_record
        Opens a session file; raises :class:`RecordError`.
    """

    def __init__(self, open_record: Callable[[Path], PulseRecord]) -> None:
        self._open_record = open_record
        self._record: PulseRecord | None = None
        self._unsaved: list[Entry] = []
        self._jobs: queue.SimpleQueue[_Open | _Write | _Close] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def open(self, path: Path) -> Future[None]:
        """Record into `path` from now on."""
        job = _Open(path)
        self._jobs.put(job)
        return job.done

    def write(self, entry: Entry, *, keep: bool = False) -> Future[None]:
        """Write `entry` after all that were given before.

        With `keep` (outcomes: the pulse has happened) an entry that failed is written again
        before the next one.
        """
        job = _Write(entry, keep)
        self._jobs.put(job)
        return job.done

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, close the file, end the thread."""
        self._jobs.put(_Close())
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            writes, other = self._next_batch()
            if writes:
                self._write_batch(writes)
            if isinstance(other, _Open):
                self._switch(other)
            elif isinstance(other, _Close):
                self._close_record()
                return

    def _next_batch(self) -> tuple[list[_Write], _Open | _Close | None]:
        """Wait for work; all writes up to the next job of another kind."""
        writes: list[_Write] = []
        job: _Open | _Write | _Close = self._jobs.get()
        while isinstance(job, _Write):
            writes.append(job)
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return writes, None
        return writes, job

    def _write_batch(self, writes: list[_Write]) -> None:
        try:
            if self._record is None:
                raise RecordError("No session is open: open one, so that every pulse is recorded.")
            self._record.write([*self._unsaved, *(job.entry for job in writes)])
        except RecordError as error:
            self._unsaved += [job.entry for job in writes if job.keep]
            for job in writes:
                job.done.set_exception(error)
            return
        self._unsaved.clear()
        for job in writes:
            job.done.set_result(None)

    def _switch(self, job: _Open) -> None:
        self._close_record()
        try:
            self._record = self._open_record(job.path)
        except RecordError as error:
            job.done.set_exception(error)
        else:
            job.done.set_result(None)

    def _close_record(self) -> None:
        if self._record is None:
            return
        # An outcome that the disk refuses to the last stays an intent without outcome, which
        # reads as unknown.
        with suppress(RecordError):
            if self._unsaved:
                self._record.write(self._unsaved)
        self._unsaved.clear()
        self._record.close()
        self._record = None
