"""Peers on loopback: pyigtl's server and client, and a server that sends any bytes."""

from __future__ import annotations

import signal
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pyigtl

from tracking.igtl.address import LOOPBACK, Address

PATIENCE_S = 20.0


def wait_until(condition, what="it"):
    """Wait until `condition` gives something true, and give that."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.002)
    raise AssertionError(f"{what} did not happen within {PATIENCE_S:.0f} s")


@contextmanager
def pyigtl_server(port=0):
    """Run a server of pyigtl; its own extra thread, which outlives it, is not started."""
    handlers = {kind: signal.getsignal(kind) for kind in (signal.SIGTERM, signal.SIGINT)}
    server = pyigtl.OpenIGTLinkServer(port=port, local_server=True, start_now=False)
    for kind, handler in handlers.items():
        signal.signal(kind, handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="pyigtl server")
    thread.start()
    try:
        yield server, Address(*server.server_address)
    finally:
        server.stop()
        thread.join()


@contextmanager
def pyigtl_client(address):
    client = pyigtl.OpenIGTLinkClient(address.host, address.port)
    try:
        yield client
    finally:
        client.stop()


class RawServer:
    """Sends each connection its script: bytes, then the end, or silence until it is closed."""

    def __init__(self, port=0):
        self._listener = socket.create_server((LOOPBACK, port))
        self.address = Address(*self._listener.getsockname())
        self.connections = []
        self._scripts = []
        self._thread = threading.Thread(target=self._serve, name="raw server")
        self._thread.start()

    def script(self, *pieces, end=False):
        """Send `pieces` to the next connection that has no script yet."""
        self._scripts.append((pieces, end))

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            pieces, end = self._scripts.pop(0) if self._scripts else ((), False)
            try:
                for piece in pieces:
                    connection.sendall(piece)
                if end:
                    connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def send(self, data):
        """Send to the newest connection."""
        wait_until(lambda: self.connections, "a connection")
        self.connections[-1].sendall(data)

    def close(self):
        """End it as a process that dies would. Safe to call twice."""
        # Wakes the thread on Linux; elsewhere closing does.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self.connections:
            connection.close()


@contextmanager
def raw_server(port=0):
    server = RawServer(port)
    try:
        yield server
    finally:
        server.close()


class Reader:
    """Reads a source of poses on a thread of its own."""

    def __init__(self, source):
        self.source = source
        self.poses = []
        self._thread = threading.Thread(target=self._read, name="reader")
        self._thread.start()

    def _read(self):
        while (poses := self.source.read()) is not None:
            self.poses += poses

    def of(self, body, state=None):
        return [p for p in self.poses if p.body == body and (state is None or p.state is state)]

    def close(self):
        self.source.close()
        self._thread.join()


@contextmanager
def reading(source):
    reader = Reader(source)
    try:
        yield reader
    finally:
        reader.close()
