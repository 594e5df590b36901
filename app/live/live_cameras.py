"""The cameras behind a rig: their frames on the way to the tracker, and how each is doing.

In: the sources of frames, live or recorded. Out: the same sources, tapped, for the tracker; a
reading of each camera for the window; every frame for who records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.live.camera_reading import CameraReading, camera_fault, camera_reading
from tracking.cameras import Camera
from tracking.frame_tap import TappedSource
from tracking.frames import Frame, FrameSource
from tracking.live_camera import CameraState, LiveCamera


class LiveCameras:
    """Sources of frames with a place to listen in."""

    def __init__(self, sources: Sequence[FrameSource]) -> None:
        self.sources = tuple(TappedSource(source) for source in sources)
        self._by_name = {source.camera.name: source for source in self.sources}

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """The cameras, in the order of the sources."""
        return tuple(source.camera for source in self.sources)

    def listen(self, receiver: Callable[[Frame], None] | None) -> None:
        """Show each frame to `receiver`, on its camera's thread; to nobody if None."""
        for source in self.sources:
            source.tap = receiver

    def state(self, name: str) -> CameraState | None:
        """Give what a live camera says of itself; None of a recorded one."""
        source = self._by_name[name].source
        return source.state if isinstance(source, LiveCamera) else None

    def reading(self, name: str, now_ns: int) -> CameraReading:
        """Say how a camera is doing at `now_ns`."""
        return camera_reading(name, self.state(name), self._by_name[name].newest_ns, now_ns)

    def fault(self) -> str:
        """Name the cameras that are gone; empty if all are there."""
        return " ".join(
            filter(None, (camera_fault(name, self.state(name)) for name in self._by_name))
        )
