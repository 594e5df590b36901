"""A calibration while it runs: pictures in, what was found and what is missing out.

In: a collector, frames from any thread. Out: a :class:`Snapshot`, which a window reads whenever it
draws. The collector lives in a thread of its own: neither the window nor a camera waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from tracking.calibration.collector import CalibrationError, Collector, Progress
from tracking.calibration.result import CalibrationResult
from tracking.frames import Frame


class Stage(StrEnum):
    """How far a calibration is."""

    GATHERING = "gathering"
    SOLVING = "solving"
    SOLVED = "solved"


@dataclass(frozen=True, eq=False, slots=True)
class Snapshot:
    """The state of a calibration at one moment.

    Attributes
    ----------
    stage
        See :class:`Stage`.
    frames
        Camera name -> the newest frame that was looked at.
    progress
        What the collector says of what it has; None before the first frames.
    results
        Empty unless solved.
    sentence
        Why solving failed; empty if it did not.
    """

    stage: Stage
    frames: Mapping[str, Frame]
    progress: Progress | None
    results: tuple[CalibrationResult, ...]
    sentence: str


class Gathering:
    """Runs one collector in its own thread.

    Parameters
    ----------
    collector
        Used by that thread only from here on.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._condition = threading.Condition()
        self._offered: tuple[Frame, ...] | None = None
        self._busy = False
        self._solve_wanted = False
        self._closed = False
        self._snapshot = Snapshot(Stage.GATHERING, MappingProxyType({}), None, (), "")
        self._thread = threading.Thread(target=self._run, name="calibration", daemon=True)
        self._thread.start()

    @property
    def snapshot(self) -> Snapshot:
        """The newest state."""
        return self._snapshot

    def offer(self, frames: Sequence[Frame], *, wait: bool = False) -> bool:
        """Give the frames of one instant; False once closed, or while solving or solved.

        Parameters
        ----------
        frames
            At most one of each camera.
        wait
            Wait until they were looked at, as for a recording, where none may be missed. A live
            camera does not wait: frames that were not looked at yet are replaced.
        """
        with self._condition:
            if not self._gathers():
                return False
            self._offered = tuple(frames)
            self._condition.notify_all()
            if wait:
                self._condition.wait_for(
                    lambda: not self._gathers() or (self._offered is None and not self._busy)
                )
            return self._gathers()

    def solve(self) -> None:
        """Begin to solve with what was gathered. The snapshot says when that is done."""
        with self._condition:
            if self._gathers():
                self._solve_wanted = True
                self._snapshot = replace(self._snapshot, stage=Stage.SOLVING, sentence="")
                self._condition.notify_all()

    def resume(self) -> None:
        """Go on gathering with all that there is, after a result that was not good enough."""
        with self._condition:
            if self._snapshot.stage is Stage.SOLVED and not self._closed:
                self._snapshot = replace(
                    self._snapshot, stage=Stage.GATHERING, results=(), sentence=""
                )

    def close(self) -> None:
        """End the thread. Safe to call twice; waits for a solution that is being computed."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self._thread.join()

    def _gathers(self) -> bool:
        return not self._closed and self._snapshot.stage is Stage.GATHERING

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(
                    lambda: self._closed or self._solve_wanted or self._offered is not None
                )
                if self._closed:
                    return
                frames, self._offered = self._offered, None
                solve, self._solve_wanted = self._solve_wanted, False
                self._busy = True
            if solve:
                self._solve()
            elif frames is not None:
                self._look_at(frames)
            with self._condition:
                self._busy = False
                self._condition.notify_all()

    def _look_at(self, frames: Sequence[Frame]) -> None:
        progress = self._collector.add(frames)
        newest = {**self._snapshot.frames, **{frame.camera: frame for frame in frames}}
        with self._condition:
            self._snapshot = replace(
                self._snapshot, frames=MappingProxyType(newest), progress=progress
            )

    def _solve(self) -> None:
        results: tuple[CalibrationResult, ...] = ()
        sentence, stage = "", Stage.SOLVED
        try:
            results = self._collector.solve()
        except CalibrationError as error:
            sentence, stage = str(error), Stage.GATHERING
        with self._condition:
            self._snapshot = replace(
                self._snapshot, stage=stage, results=results, sentence=sentence
            )
