"""Whether the cameras still are as they were calibrated, while they are used.

In: what the tracker saw last, and how each camera is set. Out: a sentence for each camera that was
bumped, refocused, mirrored or set otherwise. Works on a thread of its own: tracking never waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from app.live.live_cameras import LiveCameras
from app.live.room import Room
from tracking.calibration.health import CameraHealth, camera_settings_faults
from tracking.tracker import TrackedFrames

LOOK_S = 0.25
"""Pause between two looks: rest is told from motion by what is seen close in time."""


class CameraWatch:
    """Watches the cameras of a room from :meth:`start` until :meth:`close`.

    Parameters
    ----------
    cameras
        The running cameras.
    room
        What they were calibrated as.
    newest
        Gives what the tracker saw last; None before the first.
    """

    def __init__(
        self,
        cameras: LiveCameras,
        room: Room,
        newest: Callable[[], TrackedFrames | None],
    ) -> None:
        self._cameras = cameras
        self._newest = newest
        self._calibrated = {camera.name: camera.settings for camera in room.setup.cameras}
        self._health = CameraHealth(cameras.cameras, [body.body() for body in room.setup.bodies])
        self._looked_at: TrackedFrames | None = None
        self._sentences: tuple[str, ...] = ()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera watch", daemon=True)

    def start(self) -> None:
        """Begin to watch. To be called once."""
        self._thread.start()

    def close(self) -> None:
        """Watch no more. Safe to call twice, and if it was never started."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    def fault(self) -> str:
        """Name the cameras that are not as they were calibrated; empty if all are."""
        return " ".join(self._sentences)

    def _run(self) -> None:
        while not self._closing.wait(LOOK_S):
            tracked = self._newest()
            if tracked is not None and tracked is not self._looked_at:
                self._looked_at = tracked
                self._look(tracked)

    def _look(self, tracked: TrackedFrames) -> None:
        states = {name: self._cameras.state(name) for name in self._calibrated}
        now = {
            name: state.settings
            for name, state in states.items()
            if state is not None and state.settings is not None
        }
        try:
            told = self._health.update(tracked)
        except np.linalg.LinAlgError:
            # These views cannot be solved; the next ones may.
            told = ()
        self._sentences = (*camera_settings_faults(self._calibrated, now), *told)
