"""Writes the session file: one SQLite database to which rows are only ever added.

In: events (kind, body, time). Out: their sequence numbers, returned once the rows are on the
disk. Two processes may write to the same file at the same time; the hash chain runs through the
rows of both.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.session.errors import (
    SessionError,
    check_folder,
    damaged,
    from_os,
    from_sqlite,
    is_busy,
    missing,
)
from app.session.opening import clock_anchor, opening_facts
from app.session.schema import (
    FIRST_PREVIOUS_HASH,
    Body,
    canonical_json,
    file_version,
    migrate,
    row_hash,
)

BUSY_LIMIT = 5.0
"""How long a write waits for the other process's write, seconds (such a write takes some ms)."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event on its way into the file. `body` is canonical JSON, so it can change no more."""

    kind: str
    body: str
    time_ns: int

    @classmethod
    def of(cls, kind: str, body: Body, time_ns: int | None = None) -> NewEvent:
        """Make one, now unless `time_ns` is given.

        Raises
        ------
        ValueError, TypeError
            If `body` holds NaN, infinity or something that is no JSON.
        """
        return cls(kind, canonical_json(body), time.monotonic_ns() if time_ns is None else time_ns)


class SessionWriter:
    """An open session file to write to. May be used from several threads.

    Make one with :meth:`create` (a new file) or :meth:`attach` (a file that another process or an
    earlier run created).
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._lock = threading.Lock()
        self._closed = False

    @property
    def path(self) -> Path:
        """The session file."""
        return self._path

    @classmethod
    def create(cls, path: Path, opening: Body) -> SessionWriter:
        """Make a new session file whose first row is ``session_opened``.

        Parameters
        ----------
        path
            The file; its folder must be there, the file must not.
        opening
            What the caller knows of the session (subject, feed ...). Session id, clock anchor,
            versions, units and frames are added.

        Raises
        ------
        SessionError
            If the file cannot be made. Nothing is left behind.
        """
        path = Path(path)
        check_folder(path.parent)
        if os.path.lexists(path):
            raise _exists(path)
        # Made under another name and then moved, so that the name never stands for half a file.
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
        first = _first_event(opening)
        try:
            try:
                _make_file(partial, first)
                _move_into_place(partial, path)
            except sqlite3.Error as error:
                raise from_sqlite(path, error) from error
            except FileExistsError as error:
                raise _exists(path) from error
            except OSError as error:
                raise from_os(path, error) from error
        finally:
            _remove(partial)
        try:
            return cls._opened(path, checkpoints=True)
        except SessionError:
            _remove(path)
            raise

    @classmethod
    def attach(cls, path: Path) -> SessionWriter:
        """Open a session file that is there, to write more to it.

        Only the creator moves finished rows from the log into the file as it goes; an attached
        writer never has to stop for that. The last one to close the file does it for all.

        Raises
        ------
        SessionError
            If the file is missing, not a session, damaged, of a later program or not writable.
        """
        path = Path(path)
        if not path.is_file():
            raise missing(path)
        return cls._opened(path, checkpoints=False)

    @classmethod
    def _opened(cls, path: Path, *, checkpoints: bool) -> SessionWriter:
        connection: sqlite3.Connection | None = None
        try:
            connection = _connect(path, "rw")
            version = file_version(connection, path)
            _make_durable(connection, path)
            if not checkpoints:
                connection.execute("PRAGMA wal_autocheckpoint = 0")
            migrate(connection, version)
            _check_end(connection, path)
            connection.execute("PRAGMA busy_timeout = 1")
        except (sqlite3.Error, UnicodeDecodeError, SessionError) as error:
            if connection is not None:
                connection.close()
            if isinstance(error, SessionError):
                raise
            raise from_sqlite(path, error) from error
        return cls(path, connection)

    def append(self, kind: str, body: Body, *, time_ns: int | None = None) -> int:
        """Write one event; returns its sequence number once it is on the disk.

        Parameters
        ----------
        kind, body
            See ``app.session.events``.
        time_ns
            ``time.monotonic_ns()`` of what happened; now if None.

        Raises
        ------
        SessionError
            If it could not be written. It then must not be shown as recorded.
        ValueError, TypeError
            If `body` holds NaN, infinity or something that is no JSON.
        """
        return self.append_many([NewEvent.of(kind, body, time_ns)])[0]

    def append_many(self, events: Sequence[NewEvent]) -> list[int]:
        """Write `events` in order, all of them or none; returns their sequence numbers.

        Raises
        ------
        SessionError
            If they could not be written.
        """
        with self._lock:
            if self._closed:
                raise SessionError(
                    f"The session file {self._path} was closed.", "Start a new session to record."
                )
            try:
                return self._write(events)
            except sqlite3.Error as error:
                # A failed COMMIT leaves the transaction open; after some errors SQLite has
                # already rolled back, and rolling back may itself fail on a dead disk.
                with suppress(sqlite3.Error):
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                raise from_sqlite(self._path, error) from error

    def _write(self, events: Sequence[NewEvent]) -> list[int]:
        _begin(self._connection)
        seq, previous = _end_of_chain(self._connection)
        written: list[int] = []
        for event in events:
            seq += 1
            digest = row_hash(previous, seq, event.time_ns, event.kind, event.body)
            self._connection.execute(
                "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)",
                (seq, event.time_ns, event.kind, event.body, previous, digest),
            )
            previous = digest
            written.append(seq)
        self._connection.execute("COMMIT")
        return written

    def close(self) -> None:
        """Close the file. Safe to call twice. What was written is on the disk already."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            # Closing only tidies the log; that a full or removed disk stops it loses nothing.
            with suppress(sqlite3.Error):
                self._connection.close()


def _begin(connection: sqlite3.Connection) -> None:
    """Begin at once, so that the end of the chain is read under the lock under which it grows.

    SQLite's own wait looks ever less often, up to every 100 ms, and so may miss every gap of a
    busy writer for seconds (seen); here the lock is tried about every millisecond.
    """
    until = time.monotonic() + BUSY_LIMIT
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= until:
                raise


def _exists(path: Path) -> SessionError:
    return SessionError(
        f"There is already a file {path}.", "A session is never overwritten: choose another name."
    )


def _first_event(opening: Body) -> NewEvent:
    anchor = clock_anchor()
    body = {**opening, **opening_facts(anchor)}
    return NewEvent.of("session_opened", body, anchor.monotonic_ns)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(
        uri, uri=True, timeout=BUSY_LIMIT, isolation_level=None, check_same_thread=False
    )


def _make_durable(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise SessionError(
            f"The disk of {path} cannot hold a session file safely.",
            "Choose a folder on a disk of this machine, not on a network drive.",
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")


def _make_file(path: Path, first: NewEvent) -> None:
    connection = _connect(path, "rwc")
    try:
        _make_durable(connection, path)
        migrate(connection, 0)
    except BaseException:
        connection.close()
        raise
    writer = SessionWriter(path, connection)
    try:
        writer.append_many([first])
    finally:
        writer.close()


def _move_into_place(partial: Path, path: Path) -> None:
    """Rename without ever replacing a file that is there, and make the new name durable."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links; the name was free a moment ago.
        if path.exists():
            raise FileExistsError(path) from None
        partial.rename(path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink()


def _end_of_chain(connection: sqlite3.Connection) -> tuple[int, str]:
    last = connection.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    return (0, FIRST_PREVIOUS_HASH) if last is None else (int(last[0]), str(last[1]))


def _check_end(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse to write on after a file that SQLite or the chain's last row says is damaged."""
    (state,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if state != "ok":
        raise damaged(path, str(state))
    last = connection.execute(
        "SELECT previous_hash, seq, time_ns, kind, body, hash FROM event ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    if last is None:
        raise damaged(path, "it has no events")
    if row_hash(*last[:-1]) != last[-1]:
        raise damaged(path, f"event {last[1]} was changed after it was written")
