"""The threads between cameras and everything that uses poses.

In: frame sources and a tracker. Out: pose histories that are always up to date, and a call with
each :class:`~tracking.tracker.TrackedFrames`, also when the cameras have fallen silent.
One thread per camera captures, one thread tracks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tracking.frame_groups import FrameGroups
from tracking.frames import FrameSource, FrameSourceError
from tracking.history import PoseHistory
from tracking.tracker import TrackedFrames, Tracker
from tracking.turns import Turns

TICK_S = 0.05
"""States are published at least this often, whether or not images come."""

PATIENCE_S = 0.02
"""How long the tracker lets the window finish a picture before it goes on beside it."""


@dataclass(frozen=True, slots=True)
class PipelineCounters:
    """How many frames were captured, processed and dropped (pushed out by a newer one)."""

    captured: int
    processed: int
    dropped: int


class TrackingPipeline:
    """Runs a tracker on frame sources.

    Parameters
    ----------
    sources
        One per camera. They are closed by :meth:`stop`.
    tracker
        Used by the tracker thread only, from :meth:`start` on.
    on_tracked
        Called on the tracker thread with every result; must be quick.
    on_error
        Called on a capture thread when its camera or recording fails.
    turns
        Shared with a thread that also works much in Python, such as the window's.
    lossless
        Captures wait until the tracker has taken their frame, instead of pushing one out. All is
        then done in step, so that the same frames give the same poses; otherwise whole images are
        searched beside the tracking.
    """

    def __init__(
        self,
        sources: Sequence[FrameSource],
        tracker: Tracker,
        on_tracked: Callable[[TrackedFrames], None],
        *,
        on_error: Callable[[FrameSourceError], None],
        lossless: bool = False,
        turns: Turns | None = None,
    ) -> None:
        self._sources = tuple(sources)
        self._tracker = tracker
        self._on_tracked = on_tracked
        self._on_error = on_error
        self._groups = FrameGroups([source.camera.name for source in sources], lossless=lossless)
        self._lossless = lossless
        self._turns = Turns() if turns is None else turns
        self._stopping = threading.Event()
        self._finished = threading.Event()
        self._processed = 0
        self.histories: Mapping[str, PoseHistory] = MappingProxyType(
            {name: PoseHistory(name) for name in tracker.body_names}
        )
        self._threads = [
            threading.Thread(
                target=self._capture,
                args=(source,),
                name=f"capture {source.camera.name}",
                daemon=True,
            )
            for source in self._sources
        ]
        self._threads.append(threading.Thread(target=self._track, name="tracker", daemon=True))

    @property
    def counters(self) -> PipelineCounters:
        """Counts so far, as one consistent snapshot of the captures."""
        captured, dropped = self._groups.counts()
        return PipelineCounters(captured=captured, processed=self._processed, dropped=dropped)

    @property
    def finished(self) -> bool:
        """Whether every source has ended and every frame of them was processed."""
        return self._finished.is_set()

    def wait_finished(self, timeout_s: float | None = None) -> bool:
        """Wait until :attr:`finished`; False if `timeout_s` ran out first."""
        return self._finished.wait(timeout_s)

    def start(self) -> None:
        """Start all threads. To be called once."""
        if not self._lossless:
            self._tracker.search_beside()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Close sources and tracker, wait for all threads.

        Safe to call twice, not from a callback.
        """
        self._stopping.set()
        self._groups.close()
        for source in self._sources:
            source.close()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._tracker.close()

    def _capture(self, source: FrameSource) -> None:
        name = source.camera.name
        try:
            while not self._stopping.is_set():
                frame = source.read()
                if frame is None or not self._groups.put(frame):
                    break
        except FrameSourceError as error:
            self._on_error(error)
        finally:
            self._groups.end(name)

    def _track(self) -> None:
        while not self._stopping.is_set():
            frames = self._groups.take(TICK_S)
            if frames:
                with self._turns.turn(PATIENCE_S):
                    self._publish(self._tracker.process(frames))
                self._processed += len(frames)
            elif not self._stopping.is_set():
                self._publish(self._tracker.tick(time.monotonic_ns()))
            if self._groups.exhausted():
                self._finished.set()

    def _publish(self, tracked: TrackedFrames) -> None:
        for name, pose in tracked.poses.items():
            self.histories[name].append(pose)
        self._on_tracked(tracked)
