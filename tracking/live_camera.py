"""A live camera as a source of frames that survives what happens to cameras.

In: how to open it, and its calibration. Out: grey frames stamped at capture, for as long as it is
there; when it is pulled out, falls silent or fails, it is looked for and opened anew by itself,
and its :class:`CameraState` says so in words.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.calibration.result import DeviceSettings
from tracking.cameras import Camera
from tracking.clocks import CameraClock
from tracking.device_stream import open_device
from tracking.frames import Frame
from tracking.image_stream import Image, ImageStream, StreamFault
from tracking.network_camera import MjpegStream
from tracking.picture_watch import PictureWatch
from tracking.rtsp_camera import RtspStream
from tracking.setups import SetupCamera

BACK_OFF_S = (0.2, 0.5, 1.0, 2.0)
"""Pauses between attempts to open it; the last one from then on."""
RATE_FRAMES = 31
MOST_RESETS = 2
"""A camera whose clock is set anew more often has none."""
DAMAGED = "Damaged pictures come in and are left out. Check the cable or the network."
DAMAGED_SHOWN_NS = 3_000_000_000
"""How long a damaged picture is spoken of."""


class Connection(StrEnum):
    """Whether the camera is there."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    ABSENT = "not there"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class CameraState:
    """How a camera is doing, at one moment.

    Attributes
    ----------
    camera
        Its name.
    connection
        Whether it is there.
    since_ns
        Since when it is in this connection, ``time.monotonic_ns()``.
    sentence
        Why it is not there, and what to do; empty while it is connected.
    warnings
        What is wrong with its pictures.
    notes
        What could not be set or locked as it should be.
    last_frame_ns
        Time of its newest frame; None before the first.
    frames, damaged, reconnections
        Counts since it was opened first.
    frames_per_s
        As they come; None while too few have come to tell.
    settings
        As read back from it; None if it does not tell.
    """

    camera: str
    connection: Connection
    since_ns: int
    sentence: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    last_frame_ns: int | None = None
    frames: int = 0
    damaged: int = 0
    reconnections: int = 0
    frames_per_s: float | None = None
    settings: DeviceSettings | None = None


class LiveCamera:
    """Frames of a camera: a :class:`~tracking.frames.FrameSource` that ends only when closed.

    Parameters
    ----------
    camera
        Its calibration; images of another size are not passed on.
    open_stream
        Finds and opens it; called anew whenever it was lost. May take seconds.
    mirrored
        Its images come mirrored and are turned back before anything else sees them.
    back_off_s
        Pauses between attempts to open it.
    """

    def __init__(
        self,
        camera: Camera,
        open_stream: Callable[[], ImageStream],
        *,
        mirrored: bool = False,
        back_off_s: tuple[float, ...] = BACK_OFF_S,
    ) -> None:
        self._camera = camera
        self._open_stream = open_stream
        self._mirrored = mirrored
        self._back_off_s = back_off_s
        self._attempts = 0
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._stream: ImageStream | None = None
        self._watch = PictureWatch()
        self._clock = CameraClock()
        self._stamp_ns: int | None = None
        self._stamps_believed = True
        self._arrivals: deque[int] = deque(maxlen=RATE_FRAMES)
        self._last_ns = 0
        self._damaged_ns: int | None = None
        self._state = CameraState(camera.name, Connection.CONNECTING, time.monotonic_ns())

    @property
    def camera(self) -> Camera:
        """The calibrated camera that the frames come from."""
        return self._camera

    @property
    def mirrored(self) -> bool:
        """Whether its images come mirrored, and are turned back in its frames."""
        return self._mirrored

    @property
    def state(self) -> CameraState:
        """How it is doing. To be read from any thread."""
        return self._state

    def read(self) -> Frame | None:
        """Wait for the next frame, however long the camera is away; None once closed."""
        while not self._closing.is_set():
            stream = self._stream or self._open()
            if stream is None:
                continue
            try:
                image = stream.read()
            except StreamFault as fault:
                self._lose(stream, fault)
                continue
            frame = self._frame(image)
            if frame is not None:
                return frame
        return None

    def close(self) -> None:
        """Let the camera go. Safe to call twice and from another thread."""
        self._closing.set()
        with self._lock:
            stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
        self._change(connection=Connection.CLOSED, since_ns=time.monotonic_ns(), sentence="")

    def _open(self) -> ImageStream | None:
        """Open the camera, or pause after a vain attempt."""
        try:
            stream = self._open_stream()
        except StreamFault as fault:
            self._say_gone(fault)
            pause_s = self._back_off_s[min(self._attempts, len(self._back_off_s) - 1)]
            self._attempts += 1
            self._closing.wait(pause_s)
            return None
        with self._lock:
            if not self._closing.is_set():
                self._stream = stream
                return stream
        stream.close()
        return None

    def _lose(self, stream: ImageStream, fault: StreamFault) -> None:
        with self._lock:
            self._stream = None
        stream.close()
        if not self._closing.is_set():
            self._arrivals.clear()
            self._forget_clock()
            self._say_gone(fault)
            # A camera that opens, but then gives nothing, is not asked without pause either.
            self._closing.wait(self._back_off_s[min(self._attempts, len(self._back_off_s) - 1)])
            self._attempts += 1

    def _say_gone(self, fault: StreamFault) -> None:
        connection = Connection.ABSENT if fault.absent else Connection.RECONNECTING
        now_ns = time.monotonic_ns()
        was_gone = self._state.connection in (Connection.ABSENT, Connection.RECONNECTING)
        self._change(
            connection=connection,
            since_ns=self._state.since_ns if was_gone else now_ns,
            sentence=str(fault),
            warnings=(),
            frames_per_s=None,
        )

    def _frame(self, image: Image | None) -> Frame | None:
        """Make a frame of what came, and take note of how the camera is doing."""
        now_ns = time.monotonic_ns()
        size_fits = image is not None and image.pixels.shape == (
            self._camera.height,
            self._camera.width,
        )
        if image is None or not size_fits:
            self._damaged_ns = now_ns
            words = () if image is None else (_wrong_size(self._camera, image.pixels),)
            self._note(now_ns, words or (DAMAGED,), damaged=self._state.damaged + 1)
            return None
        self._attempts = 0
        pixels = cv2.flip(image.pixels, 1) if self._mirrored else image.pixels
        time_ns = max(self._last_ns + 1, self._capture_time(image))
        self._last_ns = time_ns
        self._arrivals.append(image.host_ns)
        sequence = self._state.frames
        warnings = (*self._watch.look(image.pixels, time_ns), *self._damage(now_ns))
        self._note(now_ns, warnings, frames=sequence + 1, last_frame_ns=time_ns)
        return Frame(self._camera.name, sequence, time_ns, np.asarray(pixels, dtype=np.uint8))

    def _capture_time(self, image: Image) -> int:
        """When it was taken: from the driver as long as its stamps are plausible."""
        if image.captured_ns is not None:
            return image.captured_ns
        stamp = image.driver_ns
        stands = stamp is not None and self._stamp_ns is not None and stamp <= self._stamp_ns
        self._stamp_ns = stamp
        estimate = self._clock.estimate
        if stands or (estimate is not None and estimate.resets > MOST_RESETS):
            # Stamps that stand still or do not keep time are made up.
            self._stamps_believed = False
        if stamp is None or not self._stamps_believed:
            return image.host_ns
        return self._clock.capture_time_ns(stamp, image.host_ns)

    def _forget_clock(self) -> None:
        self._clock = CameraClock()
        self._stamp_ns = None
        self._stamps_believed = True

    def _damage(self, now_ns: int) -> tuple[str, ...]:
        recent = self._damaged_ns is not None and now_ns - self._damaged_ns < DAMAGED_SHOWN_NS
        return (DAMAGED,) if recent else ()

    def _note(self, now_ns: int, warnings: tuple[str, ...], **counts: int) -> None:
        state = self._state
        fresh = state.connection is not Connection.CONNECTED
        back = fresh and state.connection is not Connection.CONNECTING
        stream = self._stream
        self._change(
            connection=Connection.CONNECTED,
            since_ns=now_ns if fresh else state.since_ns,
            sentence="",
            warnings=warnings,
            notes=() if stream is None else stream.notes,
            frames_per_s=self._rate(),
            reconnections=state.reconnections + back,
            settings=None if stream is None else stream.settings,
            **counts,
        )

    def _rate(self) -> float | None:
        if len(self._arrivals) < 3 or self._arrivals[-1] <= self._arrivals[0]:
            return None
        return (len(self._arrivals) - 1) * 1e9 / (self._arrivals[-1] - self._arrivals[0])

    def _change(self, **changes: object) -> None:
        if self._state.connection is not Connection.CLOSED:
            self._state = replace(self._state, **changes)  # type: ignore[arg-type]


def open_live_camera(camera: SetupCamera) -> LiveCamera:
    """Make the live camera of a setup; nothing is opened before its first frame is asked for.

    Raises
    ------
    tracking.setups.SetupError
        If it is not calibrated.
    """
    mirrored = camera.intrinsics is not None and camera.intrinsics.mirrored
    return LiveCamera(camera.camera(), lambda: open_stream(camera), mirrored=mirrored)


def camera_for_calibration(camera: SetupCamera) -> LiveCamera:
    """Make the live camera of a setup as calibration needs it: as it is, calibrated or not.

    Its images are not turned back if they are mirrored. Where it is not calibrated, the camera
    that it names is a nominal one, which must not be used for poses.
    """
    width, height = camera.settings.width, camera.settings.height
    middle = np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1]], dtype=np.float64)
    nominal = Camera(camera.name, width, height, middle, np.zeros(5), RigidTransform.identity())
    known = nominal if camera.intrinsics is None else camera.camera()
    return LiveCamera(known, lambda: open_stream(camera))


def open_stream(camera: SetupCamera, *, locked: bool = True) -> ImageStream:
    """Open the camera at its address: a network camera, or a device by its identity.

    Exposure and focus are locked, unless they are to settle first.

    Raises
    ------
    StreamFault
        If it is not there or does not open.
    """
    address = camera.address
    if address.startswith(("http://", "https://")):
        return MjpegStream(address)
    if address.startswith(("rtsp://", "rtsps://")):
        return RtspStream(address)
    # A number may belong to another camera after a restart; the identity does not.
    known = address if "@" in address or not camera.settings.device else camera.settings.device
    return open_device(known, camera.settings, locked=locked)


def _wrong_size(camera: Camera, pixels: NDArray[np.uint8]) -> str:
    return (
        f"Its pictures have {pixels.shape[1]} x {pixels.shape[0]} pixels but it is calibrated for "
        f"{camera.width} x {camera.height}, so they are left out. Set its size, or calibrate it "
        "anew."
    )
