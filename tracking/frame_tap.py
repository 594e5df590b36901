"""A frame source that lets somebody else see each frame on its way to the tracker."""

from __future__ import annotations

from collections.abc import Callable

from tracking.cameras import Camera
from tracking.frames import Frame, FrameSource


class TappedSource:
    """Gives the frames of `source`, and shows each to :attr:`tap` first, if there is one.

    Attributes
    ----------
    source
        Where the frames come from.
    tap
        Called on the capturing thread; must be quick. May be changed at any time.
    newest_ns
        When the newest frame was taken; None before the first.
    """

    def __init__(self, source: FrameSource) -> None:
        self.source = source
        self.tap: Callable[[Frame], None] | None = None
        self.newest_ns: int | None = None

    @property
    def camera(self) -> Camera:
        """The calibrated camera that the frames come from."""
        return self.source.camera

    def read(self) -> Frame | None:
        """Wait for the next frame; None once the source has ended or was closed."""
        frame = self.source.read()
        tap = self.tap
        if frame is not None:
            self.newest_ns = frame.time_ns
            if tap is not None:
                tap(frame)
        return frame

    def close(self) -> None:
        """Close the source."""
        self.source.close()
