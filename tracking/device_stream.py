"""A camera attached to this machine as a stream of images.

In: the device's identity and settings. Out: grey images with the time of capture, from the driver
where it gives one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from tracking.calibration.result import DeviceSettings
from tracking.device_settings import (
    AppliedSettings,
    Capture,
    apply_format,
    apply_settings,
    read_settings,
)
from tracking.devices import Device, Way, find_device, list_devices
from tracking.image_stream import Image, StreamFault
from tracking.video_file import grey

OLDEST_NS = 500_000_000
"""A driver's stamp is believed if the image was taken within this time before it came in."""

Opener = Callable[[Way, DeviceSettings], Capture]


def open_capture(way: Way, wanted: DeviceSettings) -> Capture:
    """Open a device with OpenCV."""
    backend, index = way
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        if backend != cv2.CAP_MSMF:
            return cv2.VideoCapture(index, backend)  # type: ignore[return-value]
        # Here each later change of the size opens the device anew, which takes seconds.
        size = [cv2.CAP_PROP_FRAME_WIDTH, wanted.width, cv2.CAP_PROP_FRAME_HEIGHT, wanted.height]
        return cv2.VideoCapture(index, backend, size)  # type: ignore[return-value]
    finally:
        cv2.utils.logging.setLogLevel(level)


class DeviceStream:
    """Images of an opened device: a :class:`~tracking.image_stream.ImageStream`.

    Parameters
    ----------
    capture
        Opened and set.
    applied
        How it is set.
    backend
        What opened it: one of them stamps with this machine's monotonic clock.
    """

    def __init__(self, capture: Capture, applied: AppliedSettings, backend: int) -> None:
        self._capture = capture
        self._applied = applied
        self._backend = backend
        self._lock = threading.Lock()
        self._closed = False

    @property
    def settings(self) -> DeviceSettings:
        """With what the camera is set, as read back."""
        return self._applied.settings

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be had or locked."""
        return self._applied.notes

    def read(self) -> Image:
        """Wait for the next image; :class:`StreamFault` if none comes."""
        with self._lock:
            if self._closed:
                raise StreamFault("The camera was closed.")
            try:
                grabbed = self._capture.grab()
                host_ns = time.monotonic_ns()
                stamp_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
                retrieved, image = self._capture.retrieve() if grabbed else (False, None)
            except cv2.error as error:
                raise StreamFault(f"The camera's picture cannot be read ({error.err}).") from error
        if not retrieved or image is None or not image.size:
            raise StreamFault("The camera gives no more pictures. Check its cable.", absent=True)
        driver_ns = round(stamp_ms * 1e6) if stamp_ms > 0 else None
        return Image(
            pixels=grey(np.asarray(image, dtype=np.uint8)),
            host_ns=host_ns,
            driver_ns=driver_ns,
            captured_ns=self._captured_ns(driver_ns, host_ns),
        )

    def close(self) -> None:
        """Let the device go; waits for the image under way, which the driver bounds."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._capture.release()

    def _captured_ns(self, driver_ns: int | None, host_ns: int) -> int | None:
        if self._backend != cv2.CAP_V4L2 or driver_ns is None:
            return None
        return driver_ns if 0 <= host_ns - driver_ns < OLDEST_NS else None


def open_device(
    address: str,
    wanted: DeviceSettings,
    *,
    locked: bool = True,
    devices: Callable[[], Sequence[Device]] = list_devices,
    opener: Opener = open_capture,
) -> DeviceStream:
    """Find the camera, open it and set it; exposure and focus are locked if so wished.

    Raises
    ------
    StreamFault
        If it is not there, or does not open.
    """
    device = find_device(address, devices())
    for way in device.ways:
        capture = opener(way, wanted)
        if capture.isOpened():
            wish = wanted.model_copy(update={"device": device.identity})
            if locked:
                return DeviceStream(capture, apply_settings(capture, wish, way[0]), way[0])
            apply_format(capture, wish)
            applied = AppliedSettings(read_settings(capture, device.identity), ())
            return DeviceStream(capture, applied, way[0])
        capture.release()
    raise StreamFault(
        f"{device.name} ({device.identity}) does not open. Close other programs that use it, and "
        "allow this program to use cameras."
    )
