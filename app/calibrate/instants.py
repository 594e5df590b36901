"""Where the frames of a calibration come from: live cameras, a recording, or the open window.

In: sources of frames, or instants of a recording. Out: the frames of one instant after another,
given to a :class:`~app.calibrate.gathering.Gathering`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from app.calibrate.gathering import Gathering
from tracking.frames import Frame, FrameSource, FrameSourceError
from tracking.nearest_frames import NearestFrames

TAKE_S = 0.1


class Instants(Protocol):
    """Gives frames to a gathering until it is closed or there are no more."""

    @property
    def trouble(self) -> str:
        """What is wrong with the cameras or the recording, a sentence; empty if nothing is."""
        ...

    @property
    def ended(self) -> bool:
        """Whether there are no more frames."""
        ...

    def start(self, gathering: Gathering) -> None:
        """Begin to give. To be called once."""
        ...

    def close(self) -> None:
        """Stop. Safe to call twice."""
        ...


class RecordedInstants:
    """All instants of a recording, none left out.

    Parameters
    ----------
    instants
        Frames of one instant after another; iterated over by a thread of its own.
    """

    def __init__(self, instants: Iterable[Sequence[Frame]]) -> None:
        self._instants = instants
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.trouble = ""
        self.ended = False

    def start(self, gathering: Gathering) -> None:
        """Begin to give."""
        self._thread = threading.Thread(
            target=self._run, args=(gathering,), name="recording", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop; the gathering must be closed before, or go on looking."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, gathering: Gathering) -> None:
        try:
            for frames in self._instants:
                if self._closing.is_set() or not gathering.offer(frames, wait=True):
                    break
        except FrameSourceError as error:
            self.trouble = str(error)
        finally:
            self.ended = True


class LiveInstants:
    """Frames of live cameras, the newest of each that were taken nearly together.

    Parameters
    ----------
    sources
        Opened cameras; they belong to this object from here on.
    """

    def __init__(self, sources: Sequence[FrameSource]) -> None:
        self._sources = tuple(sources)
        self._groups = NearestFrames([one.camera.name for one in sources])
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self.trouble = ""

    @property
    def ended(self) -> bool:
        """Whether all cameras have ended."""
        return self._groups.exhausted()

    def start(self, gathering: Gathering) -> None:
        """Begin to give."""
        self._threads = [
            threading.Thread(
                target=self._capture,
                args=(source,),
                name=f"capture {source.camera.name}",
                daemon=True,
            )
            for source in self._sources
        ]
        self._threads.append(
            threading.Thread(
                target=self._give, args=(gathering.offer,), name="live instants", daemon=True
            )
        )
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Close the cameras and end all threads."""
        self._closing.set()
        self._groups.close()
        for source in self._sources:
            source.close()
        for thread in self._threads:
            thread.join()

    def _capture(self, source: FrameSource) -> None:
        try:
            while not self._closing.is_set():
                frame = source.read()
                if frame is None or not self._groups.put(frame):
                    break
        except FrameSourceError as error:
            self.trouble = str(error)
        finally:
            self._groups.end(source.camera.name)

    def _give(self, offer: Callable[[Sequence[Frame]], bool]) -> None:
        while not self._closing.is_set() and not self._groups.exhausted():
            frames = self._groups.take(TAKE_S)
            if frames:
                offer(frames)
