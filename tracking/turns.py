"""Turns: two threads work one after the other instead of both at once.

Threads that run Python at the same time take the interpreter from each other hundreds of times in
a frame, and each hand-over costs more than the work between two of them: measured, tracking takes
7 ms alone and 30 ms while the window draws. Taking turns, each is done sooner. Nobody waits longer
than its patience: then it works all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Whose turn it is. Not a guard of data: a turn may overlap another when patience ran out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, patience_s: float) -> Iterator[None]:
        """Work when nobody else does, or after `patience_s` in any case."""
        alone = self._lock.acquire(timeout=patience_s)
        try:
            yield
        finally:
            if alone:
                self._lock.release()
