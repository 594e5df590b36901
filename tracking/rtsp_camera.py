"""Cameras that speak RTSP, through FFmpeg, set for little delay.

In: an ``rtsp://`` address that a person entered. Out: grey images with the sender's times.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from tracking.calibration.result import DeviceSettings
from tracking.image_stream import Image, StreamFault
from tracking.network_camera import CONNECT_S, SILENT_S, cause, without_password

LOW_DELAY = {
    # Lost datagrams would spoil pictures up to the next key frame.
    "rtsp_transport": "tcp",
    "fflags": "nobuffer",
    "flags": "low_delay",
    "probesize": "500000",
    "analyzeduration": "500000",
    "max_delay": "0",
}
PLANAR = ("yuv4", "yuvj4", "nv12", "nv21", "gray")
"""How FFmpeg calls the formats of pixels whose first plane is the luma, eight bits each."""


class RtspStream:
    """A camera that speaks RTSP: an :class:`~tracking.image_stream.ImageStream`.

    Raises
    ------
    StreamFault
        If it cannot be reached or sends no video.
    """

    def __init__(
        self, address: str, *, connect_s: float = CONNECT_S, silent_s: float = SILENT_S
    ) -> None:
        self._shown = without_password(address)
        self._lock = threading.Lock()
        self._closed = False
        self._settings: DeviceSettings | None = None
        try:
            self._container: Any = av.open(
                address, options=dict(LOW_DELAY), timeout=(connect_s, silent_s)
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise StreamFault(
                f"{self._shown} cannot be reached ({cause(error)}). Check that the camera runs, "
                "and its address.",
                absent=True,
            ) from error
        if not self._container.streams.video:
            self._container.close()
            raise StreamFault(f"{self._shown} sends no video. Check the address's path.")
        video = self._container.streams.video[0]
        # More threads would each hold a picture back.
        video.codec_context.thread_count = 1
        self._frames: Iterator[Any] = self._container.decode(video)

    @property
    def settings(self) -> DeviceSettings | None:
        """Address and size of the pictures; None before the first."""
        return self._settings

    @property
    def notes(self) -> tuple[str, ...]:
        """A camera over the network has settings of its own, which cannot be locked from here."""
        return ("Lock exposure and focus in the camera's own program: RTSP has no way to do it.",)

    def read(self) -> Image | None:
        """Wait for the next image."""
        with self._lock:
            if self._closed:
                raise StreamFault("The camera was closed.")
            try:
                frame = next(self._frames, None)
                host_ns = time.monotonic_ns()
                pixels = None if frame is None else luma(frame)
            except (av.error.FFmpegError, OSError, ValueError) as error:
                raise StreamFault(
                    f"{self._shown} has fallen silent ({cause(error)}). Check the camera and the "
                    "network."
                ) from error
        if frame is None or pixels is None:
            raise StreamFault(f"{self._shown} has closed the connection. Check the camera.")
        height, width = pixels.shape
        if self._settings is None or self._settings.width != width:
            self._settings = DeviceSettings(device=self._shown, width=width, height=height)
        sent = frame.pts is not None and frame.time_base is not None
        driver_ns = round(frame.pts * frame.time_base * 10**9) if sent else None
        return Image(pixels, host_ns=host_ns, driver_ns=driver_ns)

    def close(self) -> None:
        """Close the connection; waits for the image under way, which has a time limit."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._container.close()


def luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Luma (height, width) of a decoded frame, as it was sent where it is a plane of its own."""
    name = str(frame.format.name)
    if name.startswith(PLANAR) and not name.endswith(("le", "be")):
        plane = frame.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        return np.asarray(rows[:, : plane.width].copy(), dtype=np.uint8)
    return np.asarray(frame.to_ndarray(format="gray"), dtype=np.uint8)
