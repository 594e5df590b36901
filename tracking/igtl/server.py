"""Our poses for other programs over OpenIGTLink: 3D Slicer and others connect and listen.

In: tracked frames, from the tracker's thread, which never waits. Out: messages to every program
that has connected. Each has a short queue: who reads slowly misses old poses and delays nobody.
Listens on this machine alone unless another address is asked for.
"""

from __future__ import annotations

import selectors
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

from scipy.spatial.transform import RigidTransform

from tracking.igtl.address import Address
from tracking.igtl.messages import pack
from tracking.igtl.outgoing import Outgoing
from tracking.poses import BodyPose

QUEUE = 60
"""So many instants wait for a slow peer, then the oldest go: two seconds at 30 frames/s."""
MOST_PEERS = 16
SYSTEM_BYTES = 16_384
"""So much may wait in the system for one peer: about two seconds more."""


class PoseServerError(Exception):
    """Poses cannot be sent from that address; the message says why and what to do."""


@dataclass(eq=False)
class _Peer:
    """One program that listens, with what it is still to get."""

    connection: socket.socket
    sending: bytes = b""
    waiting: deque[bytes] = field(default_factory=lambda: deque(maxlen=QUEUE))


class PoseServer:
    """Sends poses to whoever connects, from a thread of its own.

    Parameters
    ----------
    address
        Where to listen; port 0 takes any free one.
    coil_body_from_coil
        The coil calibration, if known.

    Raises
    ------
    PoseServerError
        If the address is not of this machine, or the port is taken.
    """

    def __init__(
        self, address: Address | None = None, coil_body_from_coil: RigidTransform | None = None
    ) -> None:
        self._outgoing = Outgoing(coil_body_from_coil)
        self._listener = _listen(Address() if address is None else address)
        host, port = self._listener.getsockname()[:2]
        self.address = Address(host, port)
        # Taken once: a wall clock that is set must not make poses go back in time.
        self._utc_ns = time.time_ns() - time.monotonic_ns()
        self._lock = threading.Lock()
        self._peers: list[_Peer] = []
        self._dropped = 0
        self._stopping = False
        self._woken, self._waker = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for one in (self._listener, self._woken, self._waker):
            one.setblocking(False)
        self._thread = threading.Thread(target=self._serve, name="pose server", daemon=True)
        self._thread.start()

    @property
    def peers(self) -> int:
        """How many programs are connected."""
        with self._lock:
            return len(self._peers)

    @property
    def dropped(self) -> int:
        """How many instants were pushed out of the queues of slow peers."""
        with self._lock:
            return self._dropped

    def __enter__(self) -> PoseServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def publish(self, poses: Mapping[str, BodyPose], time_ns: int, shift_ns: int = 0) -> None:
        """Send what was found at `time_ns`. Never waits; called by one thread.

        Parameters
        ----------
        poses
            The tracker's word on each body.
        time_ns
            The instant, in the clock of the poses.
        shift_ns
            What makes that clock ``time.monotonic_ns()`` when added to it.
        """
        messages = self._outgoing.messages(poses, time_ns, self._utc_ns + shift_ns)
        packed = b"".join(pack(message) for message in messages)
        if not packed:
            return
        with self._lock:
            for peer in self._peers:
                self._dropped += len(peer.waiting) == QUEUE
                peer.waiting.append(packed)
        self._wake()

    def close(self) -> None:
        """End all connections and the thread. Safe to call twice."""
        self._stopping = True
        self._wake()
        self._thread.join()

    def _wake(self) -> None:
        # A full or closed pipe has woken the thread already.
        with suppress(OSError):
            self._waker.send(b"\0")

    def _serve(self) -> None:
        selector = self._selector
        selector.register(self._listener, selectors.EVENT_READ)
        selector.register(self._woken, selectors.EVENT_READ)
        while not self._stopping:
            for key, events in selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._woken:
                    self._woken.recv(4096)
                else:
                    self._attend(key.data, events)
            for peer in list(self._peers):
                self._watch(peer)
        for peer in list(self._peers):
            self._let_go(peer)
        selector.close()
        for one in (self._listener, self._woken, self._waker):
            one.close()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._peers) >= MOST_PEERS:
            connection.close()
            return
        connection.setblocking(False)
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Else the system itself keeps minutes of old poses for a slow peer.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SYSTEM_BYTES)
        peer = _Peer(connection)
        self._selector.register(connection, selectors.EVENT_READ, peer)
        with self._lock:
            self._peers.append(peer)

    def _attend(self, peer: _Peer, events: int) -> None:
        """Read and forget what a peer says, send it what it waits for."""
        try:
            if events & selectors.EVENT_READ and not peer.connection.recv(4096):
                self._let_go(peer)
                return
            if events & selectors.EVENT_WRITE:
                self._send(peer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._let_go(peer)

    def _send(self, peer: _Peer) -> None:
        while True:
            if not peer.sending:
                with self._lock:
                    if not peer.waiting:
                        return
                    peer.sending = peer.waiting.popleft()
            sent = peer.connection.send(peer.sending)
            peer.sending = peer.sending[sent:]

    def _watch(self, peer: _Peer) -> None:
        """Ask for a peer's socket to be ready for writing only if there is something to write."""
        with self._lock:
            busy = bool(peer.sending or peer.waiting)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if busy else 0)
        if self._selector.get_key(peer.connection).events != events:
            self._selector.modify(peer.connection, events, peer)

    def _let_go(self, peer: _Peer) -> None:
        with self._lock:
            self._peers.remove(peer)
        self._selector.unregister(peer.connection)
        peer.connection.close()


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen()
    except (OSError, UnicodeError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or "no such address"
        raise PoseServerError(
            f"Poses cannot be sent from {address} ({reason.lower()}). Choose another port, or an "
            "address of this machine."
        ) from error
    return listener
