"""Network cameras and telephones: pictures over HTTP (MJPEG) or RTSP.

In: an address that a person entered. Out: grey images, the newest ones, however the network
behaves. Nothing else is ever connected to.
"""

from __future__ import annotations

import base64
import http.client
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from urllib.parse import SplitResult, unquote, urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from tracking.calibration.result import DeviceSettings
from tracking.image_stream import Image, StreamFault
from tracking.jpeg import jpeg_size
from tracking.multipart import MultipartReader, Part

CONNECT_S = 4.0
SILENT_S = 2.0
"""A camera that sends no picture for so long is connected to anew."""
MOST_WAITING = 2
"""Pictures that came faster than they are taken: older ones are passed over."""
MOST_PIXELS = 50_000_000
"""A picture that says it is larger is not decoded: it would fill the memory."""
CHUNK = 1 << 16


class MjpegStream:
    """A camera that sends JPEGs over HTTP: an :class:`~tracking.image_stream.ImageStream`.

    A thread of its own takes what comes as soon as it comes, so that pictures do not grow old in
    the network's buffers while an earlier one is being worked on.

    Parameters
    ----------
    address
        ``http://`` or ``https://``; a name and password may stand before the host.
    connect_s, silent_s
        Patience while connecting, and between two pictures.

    Raises
    ------
    StreamFault
        If it cannot be reached, or answers with something else than a stream of pictures.
    """

    def __init__(
        self, address: str, *, connect_s: float = CONNECT_S, silent_s: float = SILENT_S
    ) -> None:
        self._shown = without_password(address)
        self._silent_s = silent_s
        self._socket, self._response = _connect(address, self._shown, connect_s)
        self._socket.settimeout(silent_s)
        self._condition = threading.Condition()
        self._waiting: deque[Part] = deque()
        self._passed_over = 0
        self._fault: StreamFault | None = None
        self._closed = False
        self._settings: DeviceSettings | None = None
        boundary = self._response.headers.get_param("boundary")
        named = boundary.encode("latin-1", "replace") if isinstance(boundary, str) else None
        self._reader = MultipartReader(named)
        self._thread = threading.Thread(
            target=self._receive, name=f"receive {self._shown}", daemon=True
        )
        self._thread.start()

    @property
    def settings(self) -> DeviceSettings | None:
        """Address and size of the pictures; None before the first."""
        return self._settings

    @property
    def notes(self) -> tuple[str, ...]:
        """A camera over the network has settings of its own, which cannot be locked from here."""
        return ("Lock exposure and focus in the camera's own program: HTTP has no way to do it.",)

    @property
    def passed_over(self) -> int:
        """How many pictures came faster than they were taken."""
        return self._passed_over

    def read(self) -> Image | None:
        """Wait for the next image; None if it came damaged."""
        deadline = time.monotonic() + self._silent_s
        with self._condition:
            while not self._waiting:
                if self._fault is not None:
                    raise self._fault
                left = deadline - time.monotonic()
                if left <= 0:
                    raise StreamFault(
                        f"{self._shown} sends no picture. Check the camera and the network."
                    )
                self._condition.wait(left)
            part = self._waiting.popleft()
        pixels = None if part.jpeg is None else decode_grey(part.jpeg)
        if pixels is None:
            return None
        height, width = pixels.shape
        if self._settings is None or (width, height) != (
            self._settings.width,
            self._settings.height,
        ):
            self._settings = DeviceSettings(
                device=self._shown, width=width, height=height, pixel_format="MJPG"
            )
        return Image(pixels, host_ns=part.time_ns, driver_ns=part.sender_ns)

    def close(self) -> None:
        """Close the connection and wait for its thread. Safe to call twice, from any thread."""
        with self._condition:
            self._closed = True
            self._fault = self._fault or StreamFault("The camera was closed.")
            self._condition.notify_all()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _receive(self) -> None:
        """On the stream's own thread, until the connection ends."""
        fault = StreamFault(f"{self._shown} has closed the connection. Check the camera.")
        try:
            while data := self._response.read1(CHUNK):
                self._take(self._reader.feed(data, time.monotonic_ns()))
        except TimeoutError:
            fault = StreamFault(
                f"{self._shown} has fallen silent. Check the camera and the network."
            )
        except (OSError, http.client.HTTPException, ValueError) as error:
            fault = StreamFault(f"The connection to {self._shown} broke ({error}).")
        finally:
            with self._condition:
                self._fault = self._fault or fault
                self._condition.notify_all()
            self._response.close()
            self._socket.close()

    def _take(self, parts: list[Part]) -> None:
        if not parts:
            return
        with self._condition:
            self._waiting.extend(parts)
            while len(self._waiting) > MOST_WAITING:
                self._waiting.popleft()
                self._passed_over += 1
            self._condition.notify_all()


def decode_grey(jpeg: bytes) -> NDArray[np.uint8] | None:
    """Luma (height, width) of a JPEG; None if it is damaged or absurdly large."""
    size = jpeg_size(jpeg)
    if size is None or size[0] * size[1] > MOST_PIXELS:
        return None
    try:
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        return None
    return None if image is None else np.asarray(image, dtype=np.uint8)


def without_password(address: str) -> str:
    """Give the address as it may be shown and written down."""
    scheme, slashes, rest = address.rpartition("://")
    host, slash, path = rest.partition("/")
    return scheme + slashes + host.rpartition("@")[2] + slash + path


def _connect(
    address: str, shown: str, connect_s: float
) -> tuple[socket.socket, http.client.HTTPResponse]:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise StreamFault(f"The address {shown} is none ({error}). Correct it.") from error
    if not host:
        raise StreamFault(f"The address {shown} names no host. Correct it.")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, port, timeout=connect_s)
    try:
        connection.request("GET", _target(parts), headers=_headers(parts))
        # The answer keeps the socket to itself from here on.
        connected: socket.socket = connection.sock
        response = connection.getresponse()
    except (OSError, http.client.HTTPException, ValueError) as error:
        connection.close()
        raise StreamFault(
            f"{shown} cannot be reached ({cause(error)}). Check that the camera runs, and its "
            "address.",
            absent=True,
        ) from error
    try:
        _check_answer(response, shown)
    except StreamFault:
        response.close()
        connection.close()
        raise
    return connected, response


def cause(error: Exception) -> str:
    """Say what the system says, without its numbers and addresses."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _headers(parts: SplitResult) -> dict[str, str]:
    headers = {"User-Agent": "coilpilot", "Accept": "multipart/x-mixed-replace, */*"}
    if parts.username is not None:
        words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(words.encode()).decode()
    return headers


def _check_answer(response: http.client.HTTPResponse, shown: str) -> None:
    if response.status in (401, 403):
        raise StreamFault(
            f"{shown} asks for a name and password. Put them into the address: "
            "http://NAME:PASSWORD@HOST/..."
        )
    if response.status != 200:
        raise StreamFault(
            f"{shown} answers {response.status} {response.reason}. Check the address's path."
        )
    kind = response.headers.get_content_type()
    if not kind.startswith("multipart/"):
        raise StreamFault(
            f"{shown} answers with {kind}, not with a stream of pictures (MJPEG). Check the "
            "address's path: telephones often use /video."
        )
