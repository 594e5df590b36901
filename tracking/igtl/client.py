"""Poses from another program over OpenIGTLink: PLUS, 3D Slicer, NDI trackers through PLUS.

In: an address, and which transforms are poses of which bodies. Out: a
:class:`~tracking.pose_source.PoseSource`. It connects, and connects again by itself whenever the
connection ends; all work is done by the thread that reads. A peer that sends garbage, a damaged or
huge message, half a message and then nothing, or poses that are seconds old is told in `fault`
and dropped, then tried again.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque

from tracking.foreign_poses import TransformNames
from tracking.igtl.address import Address
from tracking.igtl.contents import IgtlFormatError
from tracking.igtl.reception import Reception
from tracking.igtl.stream import MessageStream
from tracking.pose_source import Poses

POLL_S = 0.1
"""How soon a reading thread notices that the source was closed."""
CONNECT_S = 1.0
MIDWAY_S = 2.0
"""A message that has not come whole after this long will not."""
SILENCE_S = 5.0
"""After this long without a byte the connection is renewed: a pulled cable tells nothing."""
RETRY_S = (0.25, 4.0)
"""First and longest pause before connecting again."""
PIECE_BYTES = 1 << 16


class IgtlClient:
    """Poses from an OpenIGTLink server: a :class:`~tracking.pose_source.PoseSource`.

    Parameters
    ----------
    address
        Where the server is.
    names
        Which transforms are poses of which bodies.
    retry_s
        First and longest pause before connecting again; it doubles in between.
    midway_s
        How long the rest of a message is waited for.
    """

    def __init__(
        self,
        address: Address,
        names: TransformNames | None = None,
        *,
        retry_s: tuple[float, float] = RETRY_S,
        midway_s: float = MIDWAY_S,
    ) -> None:
        self._address = address
        self._names = TransformNames() if names is None else names
        self._retry_s = retry_s
        self._pause_s = 0.0
        self._midway_s = midway_s
        self._closing = threading.Event()
        self._reading = threading.Lock()
        self._ready: deque[Poses] = deque()
        self._connection: socket.socket | None = None
        self._stream = MessageStream()
        self._reception = Reception(self._names)
        self._last_byte_s = self._last_whole_s = 0.0
        self._fault: str | None = None

    @property
    def name(self) -> str:
        """What it is, for a person."""
        return f"OpenIGTLink {self._address}"

    @property
    def bodies(self) -> tuple[str, ...]:
        """Names of the bodies in the list of names, each once."""
        return tuple(dict.fromkeys(self._names.bodies.values()))

    @property
    def connected(self) -> bool:
        """Whether there is a connection at the moment."""
        return self._connection is not None

    @property
    def fault(self) -> str | None:
        """What is wrong at the moment, in one sentence; None if all is well."""
        if self._fault is not None:
            return self._fault
        complaint = self._reception.complaint
        return None if complaint is None else f"The tracker at {self._address} {complaint}"

    def read(self) -> Poses | None:
        """Wait for the next poses; None once closed."""
        with self._reading:
            while not self._closing.is_set():
                if self._ready:
                    return self._ready.popleft()
                if self._connection is None:
                    self._connect()
                else:
                    self._receive(self._connection)
        return None

    def close(self) -> None:
        """End the source and its connection. Safe to call twice and from another thread."""
        self._closing.set()
        with self._reading:
            self._disconnect()

    def _connect(self) -> None:
        if self._closing.wait(self._pause_s):
            return
        first, longest = self._retry_s
        self._pause_s = min(max(2 * self._pause_s, first), longest)
        try:
            self._connection = socket.create_connection(
                (self._address.host, self._address.port), timeout=CONNECT_S
            )
        except (OSError, UnicodeError) as error:
            self._fault = (
                f"The tracker at {self._address} cannot be reached ({_reason(error)}). Start it, "
                "or check address and network; it is tried again by itself."
            )
            return
        self._connection.settimeout(POLL_S)
        self._stream = MessageStream()
        self._reception = Reception(self._names)
        self._last_byte_s = self._last_whole_s = time.monotonic()

    def _receive(self, connection: socket.socket) -> None:
        """Take one piece, or notice that none comes."""
        try:
            piece = connection.recv(PIECE_BYTES)
        except TimeoutError:
            self._notice_silence()
            return
        except OSError as error:
            self._drop(f"broke off ({_reason(error)})")
            return
        if not piece:
            self._drop("has ended the connection")
            return
        self._last_byte_s = time.monotonic()
        try:
            self._take(piece, time.monotonic_ns())
        except IgtlFormatError as error:
            self._drop(f"cannot be understood: {error}")

    def _take(self, piece: bytes, arrival_ns: int) -> None:
        messages = self._stream.feed(piece)
        for message in messages:
            poses = self._reception.take(message, arrival_ns)
            if poses:
                self._ready.append(poses)
        if messages or not self._stream.midway:
            self._last_whole_s = self._last_byte_s
            self._fault, self._pause_s = None, 0.0
        if self._reception.behind:
            self._ready.clear()
            self._drop("sends poses that are seconds old, so its backlog was given up")

    def _notice_silence(self) -> None:
        now_s = time.monotonic()
        if self._stream.midway and now_s - self._last_byte_s > self._midway_s:
            self._drop("stopped in the middle of a message")
        elif now_s - self._last_byte_s > SILENCE_S:
            self._drop(f"has sent nothing for {SILENCE_S:.0f} s")

    def _drop(self, what: str) -> None:
        self._disconnect()
        first, _ = self._retry_s
        self._pause_s = max(self._pause_s, first)
        self._fault = f"The tracker at {self._address} {what}. It is connected again by itself."

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it does not answer" if isinstance(error, TimeoutError) else str(error) or "no reason"
