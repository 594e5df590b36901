"""The cameras behind a rig: their frames on the way to the tracker, and how each is doing.

In: the sources of frames, live or recorded. Out: the same sources, tapped, for the tracker; a
reading of each camera for the window; every frame for whoever listens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from app.live.camera_reading import CameraReading, camera_fault, camera_reading
from tracking.cameras import Camera
from tracking.frame_tap import TappedSource
from tracking.frames import Frame, FrameSource
from tracking.live_camera import CameraState, LiveCamera

Listener = Callable[[Frame], None]
Listeners = tuple[Listener, ...]


class LiveCameras:
    """Sources of frames with a place to listen in."""

    def __init__(self, sources: Sequence[FrameSource]) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()
        self.sources = tuple(TappedSource(source) for source in sources)
        self._by_name = {source.camera.name: source for source in self.sources}

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """The cameras, in the order of the sources."""
        return tuple(source.camera for source in self.sources)

    def listen(self, listener: Listener) -> None:
        """Show each frame to `listener` too, on its camera's thread, until it leaves."""
        self._set_listeners(lambda listeners: (*listeners, listener))

    def leave(self, listener: Listener) -> None:
        """Show `listener` no more frames; it may still be shown one that is on its way."""
        self._set_listeners(lambda listeners: tuple(one for one in listeners if one != listener))

    def live(self, name: str) -> LiveCamera | None:
        """Give the live camera behind a source; None if there is none of that name."""
        tapped = self._by_name.get(name)
        return tapped.source if tapped and isinstance(tapped.source, LiveCamera) else None

    def state(self, name: str) -> CameraState | None:
        """Give what a live camera says of itself; None of a recorded one."""
        live = self.live(name)
        return None if live is None else live.state

    def reading(self, name: str, now_ns: int) -> CameraReading:
        """Say how a camera is doing at `now_ns`."""
        return camera_reading(name, self.state(name), self._by_name[name].newest_ns, now_ns)

    def fault(self) -> str:
        """Name the cameras that are gone; empty if all are there."""
        return " ".join(
            filter(None, (camera_fault(name, self.state(name)) for name in self._by_name))
        )

    def _set_listeners(self, change: Callable[[Listeners], Listeners]) -> None:
        with self._lock:
            self._listeners = change(self._listeners)
            tap = self._pass_on if self._listeners else None
            for source in self.sources:
                source.tap = tap

    def _pass_on(self, frame: Frame) -> None:
        for listener in self._listeners:
            listener(frame)
