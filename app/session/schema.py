"""The session file's tables, its version and the hash chain over its rows.

One table, ``event``: rows are added, never changed. Each row's hash covers the row and the hash
before it, so that a changed, removed or inserted row breaks the chain at that place.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from app.session.errors import newer, not_a_session

JsonValue: TypeAlias = (
    str | int | float | bool | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None
)
Body: TypeAlias = Mapping[str, JsonValue]

APPLICATION_ID = 0x434F494C
"""``COIL``, in the header of every session file (``PRAGMA application_id``)."""

FIRST_PREVIOUS_HASH = "0" * 64

_CREATE = (
    """CREATE TABLE event (
        seq INTEGER PRIMARY KEY,
        time_ns INTEGER NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        previous_hash TEXT NOT NULL,
        hash TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX event_kind ON event (kind)",
    """CREATE TRIGGER event_never_changed BEFORE UPDATE ON event
        BEGIN SELECT RAISE(ABORT, 'a recorded event is never changed'); END""",
    """CREATE TRIGGER event_never_removed BEFORE DELETE ON event
        BEGIN SELECT RAISE(ABORT, 'a recorded event is never removed'); END""",
    # Also what keeps INSERT OR REPLACE from replacing: no delete trigger fires for that.
    """CREATE TRIGGER event_follows_the_last BEFORE INSERT ON event
        WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM event)
        BEGIN SELECT RAISE(ABORT, 'an event follows the last one'); END""",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_CREATE,)
"""``MIGRATIONS[v]`` takes a file from version `v` to `v` + 1; version 0 is an empty file."""

VERSION = len(MIGRATIONS)


def canonical_json(body: Body) -> str:
    """Write `body` so that equal bodies give equal text: sorted keys, no spaces, ASCII.

    Raises
    ------
    ValueError, TypeError
        If it holds NaN, infinity or something that is no JSON.
    """
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)


def row_hash(previous_hash: str, seq: int, time_ns: int, kind: str, body: str) -> str:
    """Hash one row: SHA-256 in hex over the previous hash and all of the row's columns."""
    text = json.dumps([previous_hash, seq, time_ns, kind, body], separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def file_version(connection: sqlite3.Connection, path: Path) -> int:
    """Give the version of the session file that `connection` has open.

    Raises
    ------
    SessionError
        If it is no session file or one of a later program.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID or version < 1:
        raise not_a_session(path)
    if version > VERSION:
        raise newer(path, version, VERSION)
    return int(version)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring an open file from `version` to :data:`VERSION`, all of it or nothing."""
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in MIGRATIONS[version:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
