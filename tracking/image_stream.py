"""What a camera hands over, whatever it is and however it is reached.

A device of this machine, a network camera or a file is an :class:`ImageStream` as long as it is
connected. It ends with a :class:`StreamFault`; the live camera then opens another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracking.calibration.result import DeviceSettings


class StreamFault(Exception):
    """Why there are no images: one sentence that names the cause, and what to do.

    Attributes
    ----------
    absent
        Whether the camera is not there at all, rather than failing.
    """

    def __init__(self, sentence: str, *, absent: bool = False) -> None:
        super().__init__(sentence)
        self.absent = absent


@dataclass(frozen=True, eq=False, slots=True)
class Image:
    """One image as it came in.

    Attributes
    ----------
    pixels
        (height, width) uint8 grey.
    host_ns
        ``time.monotonic_ns()`` when it came in.
    driver_ns
        What the camera or its driver says of the time of capture, in a clock of its own with an
        unknown zero; None if it says nothing.
    captured_ns
        Time of capture in ``time.monotonic_ns()``, where the driver uses that very clock.
    """

    pixels: NDArray[np.uint8]
    host_ns: int
    driver_ns: int | None = None
    captured_ns: int | None = None


class ImageStream(Protocol):
    """Images of a connected camera. Read by one thread only."""

    @property
    def settings(self) -> DeviceSettings | None:
        """With what the camera is set, as read back; None if it does not tell."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences: what was asked of the camera and could not be had or locked."""
        ...

    def read(self) -> Image | None:
        """Wait for the next image; None if one came that cannot be used.

        Raises
        ------
        StreamFault
            If no more come: pulled out, fallen silent, closed.
        """
        ...

    def close(self) -> None:
        """Let the camera go. Safe to call twice and from another thread; ends a waiting read."""
        ...
