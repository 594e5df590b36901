"""One calibration that a person has begun: its pictures and what gathers them, joined."""

from __future__ import annotations

import threading

from app.calibrate.gathering import Gathering, Snapshot
from app.calibrate.instants import Instants
from tracking.calibration.collector import Collector


class CannotBegin(Exception):
    """A calibration that cannot be begun; the message says why and what to do."""


class Run:
    """Pictures going to a collector until it is closed.

    Parameters
    ----------
    collector, instants
        Belong to the run from here on.
    """

    def __init__(self, collector: Collector, instants: Instants) -> None:
        self._gathering = Gathering(collector)
        self._instants = instants
        instants.start(self._gathering)

    @property
    def snapshot(self) -> Snapshot:
        """The newest state."""
        return self._gathering.snapshot

    @property
    def trouble(self) -> str:
        """What is wrong with the pictures' source; empty if nothing is."""
        return self._instants.trouble

    @property
    def ended(self) -> bool:
        """Whether no more pictures will come."""
        return self._instants.ended

    def solve(self) -> None:
        """Begin to solve."""
        self._gathering.solve()

    def resume(self) -> None:
        """Gather on."""
        self._gathering.resume()

    def close(self) -> None:
        """End all threads and close the cameras; waits for a solution that is being computed."""
        self._gathering.close()
        self._instants.close()

    def abandon(self) -> None:
        """Let :meth:`close` happen by itself: for whoever must not wait, such as the window."""
        threading.Thread(target=self.close, name="calibration ends", daemon=True).start()
