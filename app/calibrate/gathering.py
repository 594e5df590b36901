"""A calibration while it runs: pictures in, what was found and what is missing out.

In: a collector, frames from any thread. Out: a :class:`Snapshot`, which a window reads whenever it
draws. The collector lives in a thread of its own: neither the window nor a camera waits for it.
"""

from __future__ import annotations

import threading
import traceback
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
    FAILED = "failed"


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
    fault
        What is wrong with the newest frames, or why it cannot go on at all once it has failed;
        empty if nothing is.
    """

    stage: Stage
    frames: Mapping[str, Frame]
    progress: Progress | None
    results: tuple[CalibrationResult, ...]
    sentence: str
    fault: str = ""


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
        """Give the frames of one instant; False if they are not taken.

        None are taken once closed or failed, nor, without waiting, while solving or solved.

        Parameters
        ----------
        frames
            At most one of each camera.
        wait
            Wait until they were looked at, as for a recording, where none may be missed, and
            which pauses while others solve and decide. A live camera does not wait: frames that
            were not looked at yet are replaced.
        """
        with self._condition:
            if wait:
                self._condition.wait_for(lambda: self._gathers() or self._is_over())
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
                self._condition.notify_all()

    def close(self) -> None:
        """End the thread. Safe to call twice; waits for a solution that is being computed."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self._thread.join()

    def _gathers(self) -> bool:
        return not self._closed and self._snapshot.stage is Stage.GATHERING

    def _is_over(self) -> bool:
        return self._closed or self._snapshot.stage is Stage.FAILED

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        # Whatever it is, a person waits before the screen: it is told, not only printed.
        except Exception as error:
            words = f"{error}".strip() or "no reason given"
            self._change(
                stage=Stage.FAILED,
                fault=f"The calibration has failed: {type(error).__name__}, {words}. Begin anew.",
            )
            traceback.print_exc()

    def _turn(self) -> bool:
        """Wait for something to do and do it; False once closed."""
        with self._condition:
            self._condition.wait_for(
                lambda: self._closed or self._solve_wanted or self._offered is not None
            )
            if self._closed:
                return False
            frames, self._offered = self._offered, None
            solve, self._solve_wanted = self._solve_wanted, False
            self._busy = True
        if frames is not None:
            self._look_at(frames)
        if solve:
            self._solve()
        with self._condition:
            self._busy = False
            self._condition.notify_all()
        return True

    def _look_at(self, frames: Sequence[Frame]) -> None:
        progress, fault = self._snapshot.progress, ""
        try:
            progress = self._collector.add(frames)
        except CalibrationError as error:
            fault = str(error)
        newest = {**self._snapshot.frames, **{frame.camera: frame for frame in frames}}
        self._change(frames=MappingProxyType(newest), progress=progress, fault=fault)

    def _solve(self) -> None:
        try:
            self._change(stage=Stage.SOLVED, results=self._collector.solve())
        except CalibrationError as error:
            self._change(stage=Stage.GATHERING, sentence=str(error))

    def _change(self, **changes: object) -> None:
        with self._condition:
            self._snapshot = replace(self._snapshot, **changes)  # type: ignore[arg-type]
            self._condition.notify_all()
