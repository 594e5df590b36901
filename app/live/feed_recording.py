"""The button that records a feed while navigating: on, off, and what it says.

In: the cameras, and what the window knows of bodies and registration. Out: feeds beside the
session, and a sentence on how the recording is doing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.live.live_cameras import LiveCameras
from tracking.feed_description import FeedDescription
from tracking.feed_recorder import FeedRecorder, FeedRecordingError, RecordingProgress


@dataclass(frozen=True, slots=True)
class RecordingReading:
    """What the window says of the recording.

    Attributes
    ----------
    recording
        Whether frames are being recorded now.
    text
        How it is doing, or what became of the last one.
    fault
        Whether frames are missing from it, or it has failed.
    """

    recording: bool
    text: str
    fault: bool


class FeedRecording:
    """Starts and stops recordings. Used by the window's thread.

    Parameters
    ----------
    cameras
        What is recorded.
    describe
        Gives ``feed.json`` for a feed of that name.
    session
        The session's file: feeds are put beside it and named after it.
    """

    def __init__(
        self,
        cameras: LiveCameras,
        describe: Callable[[str], FeedDescription],
        session: Path,
    ) -> None:
        self._cameras = cameras
        self._describe = describe
        self._session = session
        self._recorder: FeedRecorder | None = None
        self._finishing: list[threading.Thread] = []
        self._started_ns = 0
        self._last = RecordingReading(False, "", False)

    @property
    def written(self) -> int:
        """How many frames the recording that runs has written; 0 without one."""
        return 0 if self._recorder is None else self._recorder.progress.written

    def start(self) -> None:
        """Record from the next frame on; does nothing while a recording runs."""
        if self._recorder is not None:
            return
        name = f"{self._session.stem}-{time.strftime('%H%M%S')}"
        try:
            self._recorder = FeedRecorder(_free(self._session.parent, name), self._describe(name))
        except FeedRecordingError as error:
            self._last = RecordingReading(False, str(error), True)
            return
        self._started_ns = time.monotonic_ns()
        self._cameras.listen(self._recorder.put)

    def stop(self) -> None:
        """Let the recording be finished, on a thread of its own; does nothing if none runs."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        self._cameras.leave(recorder.put)
        self._last = RecordingReading(False, f"Finishing {recorder.folder.name} ...", False)
        # What still waits to be encoded gives way to the tracking: the window must not wait.
        thread = threading.Thread(target=self._finish, args=(recorder,), name="finish feed")
        self._finishing.append(thread)
        thread.start()

    def close(self) -> None:
        """Stop, and wait until every recording is finished."""
        self.stop()
        for thread in self._finishing:
            thread.join()

    def reading(self, now_ns: int) -> RecordingReading:
        """Say how the recording is doing at `now_ns`."""
        if self._recorder is None:
            return self._last
        progress = self._recorder.progress
        seconds = max(0, now_ns - self._started_ns) // 1_000_000_000
        text = progress.failure or (
            f"RECORDING {seconds // 60}:{seconds % 60:02d} · {progress.megabytes:.0f} MB"
            f"{_left_out(progress)}"
        )
        return RecordingReading(True, text, _incomplete(progress))

    def _finish(self, recorder: FeedRecorder) -> None:
        progress = recorder.close()
        text = progress.failure or f"Recorded {progress.folder.name}{_left_out(progress)}"
        self._last = RecordingReading(False, text, _incomplete(progress))


def _left_out(progress: RecordingProgress) -> str:
    return f" · {progress.dropped} frames left out" if progress.dropped else ""


def _incomplete(progress: RecordingProgress) -> bool:
    return bool(progress.dropped or progress.failure)


def _free(folder: Path, name: str) -> Path:
    """Give a path that is not there yet."""
    path, number = folder / f"{name}.feed", 2
    while path.exists():
        path, number = folder / f"{name}-{number}.feed", number + 1
    return path
