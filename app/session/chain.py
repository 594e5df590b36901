"""Checks the hash chain of a session file: is every row as it was written, and none gone.

In: a path. Out: a :class:`ChainReport` that names the first row at fault. What the chain cannot
tell is that rows are missing at the very end; compare `last_hash` with one noted elsewhere (each
report of a session states it).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.session.errors import SessionError
from app.session.read_only import Row, read_rows
from app.session.schema import FIRST_PREVIOUS_HASH, row_hash


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a check of the chain found.

    Attributes
    ----------
    events
        How many rows were found intact, counted from the start.
    broken_at
        ``seq`` of the first row at fault; None if there is none (or no row can be named).
    fault
        What is wrong, a sentence; empty if the chain is intact.
    last_hash
        Hash of the last intact row.
    """

    events: int
    broken_at: int | None
    fault: str
    last_hash: str

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.fault


def verify_chain(path: Path) -> ChainReport:
    """Check every row of the session file at `path` against the chain.

    A file too damaged to be read at all gives a report with that as its fault.

    Raises
    ------
    SessionError
        If the file is missing.
    """
    path = Path(path)
    try:
        rows = read_rows(path)
    except SessionError as error:
        if not path.is_file():
            raise
        return ChainReport(0, None, error.sentence, FIRST_PREVIOUS_HASH)
    previous = FIRST_PREVIOUS_HASH
    for count, row in enumerate(rows):
        fault = _fault(row, count + 1, previous)
        if fault:
            return ChainReport(count, row.seq, fault, previous)
        previous = row.hash
    fault = "" if rows else "The file has no events."
    return ChainReport(len(rows), None, fault, previous)


def _fault(row: Row, seq: int, previous: str) -> str:
    if row.seq != seq:
        return f"Event {seq} is missing: event {row.seq} stands in its place."
    if row.previous_hash != previous:
        return f"Event {seq} does not follow from the event before it."
    try:
        expected = row_hash(row.previous_hash, row.seq, row.time_ns, row.kind, row.body)
    except TypeError:
        return f"Event {seq} was changed after it was written."
    return "" if row.hash == expected else f"Event {seq} was changed after it was written."
