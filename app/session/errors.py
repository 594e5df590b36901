"""What can go wrong with a session file, said in a sentence with its remedy."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path


class SessionError(Exception):
    """A session file that cannot be written or read.

    Attributes
    ----------
    sentence
        What is wrong, naming the file or folder.
    remedy
        What the operator can do.
    """

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence} {remedy}")
        self.sentence = sentence
        self.remedy = remedy


NO_SPACE = "Free some space on that disk or choose another folder, then start a new session."
_NOT_A_SESSION = "Choose a file that Coilpilot recorded."
_DAMAGED = (
    "Leave it as it is, fetch it from your backup, and start a new session to go on recording."
)


def not_a_session(path: Path) -> SessionError:
    """Say that `path` holds something else."""
    return SessionError(f"{path} is not a session file.", _NOT_A_SESSION)


def damaged(path: Path, what: str) -> SessionError:
    """Say that `path` is a session file whose content cannot be trusted."""
    return SessionError(f"The session file {path} is damaged ({what}).", _DAMAGED)


def newer(path: Path, version: int, known: int) -> SessionError:
    """Say that `path` was written by a later program."""
    return SessionError(
        f"The session file {path} has version {version}, this program knows up to {known}.",
        "Open it with a newer Coilpilot.",
    )


def missing(path: Path) -> SessionError:
    """Say that there is no file at `path`."""
    return SessionError(f"There is no session file {path}.", "Check the name and the folder.")


def from_os(path: Path, error: OSError) -> SessionError:
    """Say what the operating system refused at `path`."""
    reason = error.strerror or type(error).__name__
    return SessionError(
        f"{path} cannot be written or read ({reason}).",
        "Check that the disk is connected, has space and lets you write, or choose another folder.",
    )


def is_busy(error: sqlite3.Error) -> bool:
    """Whether `error` only says that another connection holds the lock."""
    return _primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def from_sqlite(path: Path, error: sqlite3.Error | UnicodeDecodeError) -> SessionError:
    """Say what SQLite refused at `path`.

    Of a damaged file SQLite may give a text or even a message that is no UTF-8.
    """
    if isinstance(error, UnicodeDecodeError):
        return damaged(path, "a text in it cannot be read")
    code = _primary_code(error)
    if code == sqlite3.SQLITE_FULL:
        return SessionError(f"The disk is full: the session file {path} cannot grow.", NO_SPACE)
    if code == sqlite3.SQLITE_IOERR:
        return SessionError(f"The disk refused to write the session file {path}.", NO_SPACE)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return SessionError(
            f"The session file {path} cannot be opened or written.",
            "Check that you may write in its folder, or choose another folder.",
        )
    if is_busy(error):
        return SessionError(
            f"Another program holds the session file {path}.", "Close that program and try again."
        )
    if code == sqlite3.SQLITE_NOTADB:
        return not_a_session(path)
    return damaged(path, str(error))


def _primary_code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def check_folder(folder: Path) -> None:
    """Raise :class:`SessionError` unless `folder` is there and lets this user write."""
    if not folder.is_dir():
        raise SessionError(
            f"The session folder {folder} is not there.", "Create it or choose another folder."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SessionError(
            f"The session folder {folder} does not let you write.",
            "Change its permissions or choose another folder.",
        )
