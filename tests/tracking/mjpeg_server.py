"""A network camera on loopback that serves given JPEGs, and misbehaves as it is told to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

BOUNDARY = b"frame"

Misbehaviour = Callable[[int, bytes], bytes | None]
"""Number and bytes of a part -> what is sent instead; None to close the connection."""


def part(jpeg: bytes, *, length: int | None = -1, stamp_s: float | None = None) -> bytes:
    """One part of the stream; `length` is the length that it claims, None for no claim."""
    head = b"--" + BOUNDARY + b"\r\nContent-Type: image/jpeg\r\n"
    if length is not None:
        head += b"Content-Length: %d\r\n" % (len(jpeg) if length < 0 else length)
    if stamp_s is not None:
        head += b"X-Timestamp: %.6f\r\n" % stamp_s
    return head + b"\r\n" + jpeg + b"\r\n"


class MjpegServer:
    """Serves `jpegs` one after another, over and over, `rate` times a second.

    Every picture is counted in `served` once it was handed to the network whole.
    """

    def __init__(
        self,
        jpegs: Sequence[bytes],
        rate: float = 30.0,
        *,
        misbehave: Misbehaviour = lambda _number, data: data,
        most: int | None = None,
        stamped: bool = False,
    ) -> None:
        self.jpegs, self.rate, self.misbehave, self.most = list(jpegs), rate, misbehave, most
        self.stamped = stamped
        self.served = 0
        self.connections = 0
        self.requests: list[bytes] = []
        self.answer = (
            b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
        )
        self.pictures_from: threading.Event = threading.Event()
        self.pictures_from.set()
        self._closing = threading.Event()
        self._port = 0
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/video"

    def start(self) -> None:
        """Listen, on the port of before if there was one."""
        self._closing.clear()
        self._listener = socket.create_server(("127.0.0.1", self._port), reuse_port=False)
        self._port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Pull the plug."""
        self._closing.set()
        self.pictures_from.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> MjpegServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._sockets.append(client)
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            self.requests.append(client.recv(65536))
            client.sendall(self.answer)
            start, number = time.monotonic(), 0
            while not self._closing.is_set() and (self.most is None or number < self.most):
                self._closing.wait(max(0.0, start + number / self.rate - time.monotonic()))
                self.pictures_from.wait()
                stamp = time.time() if self.stamped else None
                whole = part(self.jpegs[number % len(self.jpegs)], stamp_s=stamp)
                data = self.misbehave(number, whole)
                if data is None:
                    return
                client.sendall(data)
                self.served += 1
                number += 1
