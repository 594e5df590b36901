"""Opens a session file to read it without ever changing it, whatever state it was left in.

In: a path. Out: the rows in order. A file whose writers were killed still has part of its rows in
the log beside it (``-wal``); they are read too. A file that is being written can be read.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from app.session.errors import from_os, from_sqlite, missing, not_a_session
from app.session.schema import file_version

_HEADER = b"SQLite format 3\x00"
_WAIT = 5.0
# Bytes 18 and 19 of the header: 2 says that there is a log, 1 that there is none.
_JOURNAL_BYTES = slice(18, 20)


class Row(NamedTuple):
    """One row of the table ``event``, unchecked."""

    seq: int
    time_ns: int
    kind: str
    body: str
    previous_hash: str
    hash: str


def read_rows(path: Path) -> list[Row]:
    """Read all rows of the session file at `path`, in order.

    Raises
    ------
    SessionError
        If it is missing, not a session file, damaged or of a later program.
    """
    try:
        with _opened(path) as connection:
            file_version(connection, path)
            # A changed byte may make a text no UTF-8; the chain then names the row.
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            select = "SELECT seq, time_ns, kind, body, previous_hash, hash FROM event ORDER BY seq"
            return [Row(*row) for row in connection.execute(select)]
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise from_sqlite(path, error) from error
    except OSError as error:
        raise from_os(path, error) from error


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise missing(path)
    with path.open("rb") as file:
        if file.read(len(_HEADER)) != _HEADER:
            raise not_a_session(path)
    if not _has_log(path):
        with closing(_in_memory(path)) as connection:
            # A writer that came while the file was read may have moved rows under our hands.
            if not _has_log(path):
                yield connection
                return
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT)
        connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError:
        # On media that cannot be written SQLite finds no place for the index of the log.
        with tempfile.TemporaryDirectory(prefix="coilpilot-") as folder:
            copy = _copied(path, Path(folder))
            with closing(sqlite3.connect(copy)) as connection:
                yield connection
        return
    with closing(connection):
        yield connection


def _log(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _has_log(path: Path) -> bool:
    log = _log(path)
    return log.is_file() and log.stat().st_size > 0


def _in_memory(path: Path) -> sqlite3.Connection:
    """Open the bytes of a file that has no log: not even a lock touches the file."""
    content = bytearray(path.read_bytes())
    content[_JOURNAL_BYTES] = b"\x01\x01"
    connection = sqlite3.connect(":memory:")
    connection.deserialize(bytes(content))
    return connection


def _copied(path: Path, folder: Path) -> Path:
    copy = folder / path.name
    shutil.copyfile(path, copy)
    if _has_log(path):
        shutil.copyfile(_log(path), _log(copy))
    return copy
