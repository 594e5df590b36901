"""A camera attached to this machine, or a network stream, as a source of frames.

In: a device number or address and the calibration. Out: grey frames stamped at capture.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from tracking.cameras import Camera
from tracking.frames import Frame, FrameSourceError
from tracking.video_file import grey

HIGHEST_DEVICE = 7


class Capture(Protocol):
    """What is used of ``cv2.VideoCapture``."""

    def isOpened(self) -> bool:
        """Whether the device answers."""
        ...

    def set(self, propId: int, value: float) -> bool:
        """Ask for a setting."""
        ...

    def grab(self) -> bool:
        """Wait for the next image."""
        ...

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
        """Decode the image that was grabbed."""
        ...

    def release(self) -> None:
        """Let the device go."""
        ...


def open_capture(device: int | str) -> Capture:
    """Open `device` with OpenCV's own choice of backend."""
    return cv2.VideoCapture(device)  # type: ignore[return-value]


class LiveCamera:
    """Frames of a camera: a :class:`~tracking.frames.FrameSource`.

    Parameters
    ----------
    device
        Number of the camera on this machine, or a path or address that OpenCV can open.
    camera
        Its calibration; the camera is asked for this image size and must give it.
    frames_per_s
        Asked for; cameras may give less.
    opener
        How to open the device.

    Raises
    ------
    FrameSourceError
        If there is no such camera.
    """

    def __init__(
        self,
        device: int | str,
        camera: Camera,
        *,
        frames_per_s: float = 30.0,
        opener: Callable[[int | str], Capture] = open_capture,
    ) -> None:
        self._device = device
        self._camera = camera
        self._sequence = 0
        self._lock = threading.Lock()
        self._closed = False
        self._capture = opener(device)
        if not self._capture.isOpened():
            self._capture.release()
            raise FrameSourceError(
                f"Camera '{camera.name}' (device {device}) does not answer. Plug it in, close "
                "other programs that use it, and allow this program to use cameras."
            )
        # Compressed images first: uncompressed, most webcams give 720p at 10 frames/s.
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, camera.width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, camera.height)
        self._capture.set(cv2.CAP_PROP_FPS, frames_per_s)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    @property
    def camera(self) -> Camera:
        """The calibrated camera that the frames come from."""
        return self._camera

    def read(self) -> Frame | None:
        """Wait for the next frame; None once closed.

        Raises
        ------
        FrameSourceError
            If the camera is gone, or gives images of another size than it is calibrated for.
        """
        with self._lock:
            if self._closed:
                return None
            grabbed = self._capture.grab()
            time_ns = time.monotonic_ns()
            retrieved, image = self._capture.retrieve() if grabbed else (False, None)
        if not retrieved or image is None:
            raise FrameSourceError(
                f"Camera '{self._camera.name}' (device {self._device}) gives no more images. "
                "Check its cable and start tracking again."
            )
        picture = grey(np.asarray(image, dtype=np.uint8))
        if picture.shape != (self._camera.height, self._camera.width):
            raise FrameSourceError(
                f"Camera '{self._camera.name}' gives {picture.shape[1]} x {picture.shape[0]} "
                f"pixels but is calibrated for {self._camera.width} x {self._camera.height}. "
                "Calibrate it at the size that it gives."
            )
        frame = Frame(self._camera.name, self._sequence, time_ns, picture)
        self._sequence += 1
        return frame

    def close(self) -> None:
        """Release the device. Safe to call twice and from another thread."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._capture.release()


def list_cameras(opener: Callable[[int | str], Capture] = open_capture) -> list[int]:
    """Numbers of the cameras that answer on this machine, quietly."""
    if sys.platform == "linux":
        names = (path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
        candidates = sorted(int(name) for name in names if name.isdigit())
    else:
        candidates = list(range(HIGHEST_DEVICE + 1))
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return [device for device in candidates if _answers(device, opener)]
    finally:
        cv2.utils.logging.setLogLevel(level)


def _answers(device: int, opener: Callable[[int | str], Capture]) -> bool:
    capture = opener(device)
    try:
        return capture.isOpened()
    finally:
        capture.release()
