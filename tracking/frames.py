"""Images with the time at which they were taken, and the protocol of everything that gives them.

A live camera and a recorded feed are both a :class:`FrameSource`; nothing after it can tell
which one it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracking.cameras import Camera


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One image of one camera.

    Attributes
    ----------
    camera
        Name of the camera.
    sequence
        Count of frames since the source was opened, without gaps as the source saw them.
    time_ns
        ``time.monotonic_ns()`` at capture.
    image
        (height, width) uint8 grey. Not to be written to.
    """

    camera: str
    sequence: int
    time_ns: int
    image: NDArray[np.uint8]


class FrameSourceError(Exception):
    """A source that cannot be opened or has stopped; the message says which and what to do."""


class FrameSource(Protocol):
    """Frames of one camera, one after another. Read by one thread only."""

    @property
    def camera(self) -> Camera:
        """The calibrated camera that the frames come from."""
        ...

    def read(self) -> Frame | None:
        """Wait for the next frame; None once the source has ended or was closed.

        Raises
        ------
        FrameSourceError
            If the camera is gone or the recording is damaged.
        """
        ...

    def close(self) -> None:
        """Release the device or file. Safe to call twice and from another thread."""
        ...
