"""Our poses out over loopback: what pyigtl and our own client get, and slow peers."""

from __future__ import annotations

import socket
import time

import numpy as np
import pytest

from tests.tracking import rendering
from tests.tracking.igtl.peers import pyigtl_client, reading, wait_until
from tracking.foreign_poses import TransformNames
from tracking.igtl.address import LOOPBACK, Address, AddressError, parse_address
from tracking.igtl.client import IgtlClient
from tracking.igtl.contents import Status, Transform
from tracking.igtl.outgoing import Outgoing
from tracking.igtl.server import QUEUE, PoseServer, PoseServerError
from tracking.igtl.stream import MessageStream
from tracking.poses import BodyPose, PoseQuality, TrackingState

TRACKED, LOST = TrackingState.TRACKED, TrackingState.LOST
HEAD = rendering.pose([10, -20, 900], [5, 10, -170])
COIL = rendering.pose([60, 30, 800], [15, -20, 30])
CALIBRATION = rendering.pose([5, -90, 40], [80, 10, -20])
ANY = Address(LOOPBACK, 0)


def pose(body, transform, time_ns=0, state=TRACKED):
    return BodyPose(
        body, time_ns, state, transform, None if transform is None else PoseQuality.unknown()
    )


def poses(step=0.0, time_ns=0, **states):
    """Head, coil and pointer, all tracked unless `states` say otherwise."""
    shift = rendering.pose([step, 0, 0])
    found = {"head": shift * HEAD, "coil_body": COIL, "pointer": shift * COIL}
    return {
        body: pose(body, transform, time_ns)
        if states.get(body, TRACKED) is TRACKED
        else pose(body, None, time_ns, states[body])
        for body, transform in found.items()
    }


def by_kind(messages):
    transforms = {m.device: m for m in messages if isinstance(m.content, Transform)}
    statuses = {m.device: m.content for m in messages if isinstance(m.content, Status)}
    return transforms, statuses


def test_transforms_are_named_by_what_they_map():
    transforms, statuses = by_kind(Outgoing(CALIBRATION).messages(poses(), 10**12, 5))
    assert list(transforms) == ["HeadToTracker", "CoilToHead", "PointerToHead"]
    expected = HEAD.inv() * COIL * CALIBRATION
    coil = transforms["CoilToHead"].content.matrix
    np.testing.assert_allclose(coil, expected.as_matrix(), atol=1e-9)
    assert transforms["CoilToHead"].time_ns == 5, "when it was seen, not when it is sent"
    assert all(status.ok for status in statuses.values())
    plain = by_kind(Outgoing().messages(poses(), 0, 5))[0]["CoilToHead"].content.matrix
    np.testing.assert_allclose(plain, (HEAD.inv() * COIL).as_matrix(), atol=1e-9)


@pytest.mark.parametrize("state", [LOST, TrackingState.AMBIGUOUS, TrackingState.PREDICTED])
def test_what_is_not_seen_is_a_status_and_no_transform(state):
    outgoing = Outgoing()
    outgoing.messages(poses(), 10**12, 0)
    transforms, statuses = by_kind(outgoing.messages(poses(coil_body=state), 10**12 + 1, 0))
    assert list(transforms) == ["HeadToTracker", "PointerToHead"]
    assert list(statuses) == ["CoilToHead"], "only what has changed is told"
    assert not statuses["CoilToHead"].ok
    assert statuses["CoilToHead"].name == state.value.upper()
    assert "coil_body is" in statuses["CoilToHead"].text
    transforms, statuses = by_kind(outgoing.messages(poses(head=state), 10**12 + 2, 0))
    assert transforms == {}
    assert set(statuses) == {"HeadToTracker", "CoilToHead", "PointerToHead"}
    transforms, statuses = by_kind(outgoing.messages(poses(), 10**12 + 3, 0))
    assert len(transforms) == 3
    assert all(status.ok for status in statuses.values())
    assert by_kind(outgoing.messages(poses(), 10**12 + 4, 0))[1] == {}
    assert len(by_kind(outgoing.messages(poses(), 2 * 10**12, 0))[1]) == 3, "told again in time"


def test_pyigtl_gets_them():
    with PoseServer(ANY, CALIBRATION) as server, pyigtl_client(server.address) as peer:
        wait_until(lambda: server.peers == 1)
        now_ns = time.monotonic_ns()
        server.publish(poses(time_ns=now_ns), now_ns)
        message = peer.wait_for_message("CoilToHead", timeout=10)
        expected = (HEAD.inv() * COIL * CALIBRATION).as_matrix()
        np.testing.assert_allclose(message.matrix, expected, atol=1e-4)
        assert message.timestamp == pytest.approx(time.time(), abs=5)
        assert peer.wait_for_message("HeadToTracker", timeout=10).message_type == "TRANSFORM"


def test_our_own_client_gets_them_and_the_loss():
    names = TransformNames({"HeadToTracker": "head"})
    with PoseServer(ANY) as server, reading(IgtlClient(server.address, names)) as reader:
        wait_until(lambda: server.peers == 1)
        now_ns = time.monotonic_ns()
        server.publish(poses(0, now_ns), now_ns)
        server.publish(poses(1, now_ns + 1, head=LOST), now_ns + 1)
        server.publish(poses(2, now_ns + 2), now_ns + 2)
        wait_until(lambda: len(reader.poses) == 3)
        assert [found.state for found in reader.poses] == [TRACKED, LOST, TRACKED]


def test_a_slow_peer_delays_nobody_and_memory_is_bounded():
    with PoseServer(ANY) as server, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((server.address.host, server.address.port))
        with socket.create_connection((server.address.host, server.address.port)) as quick:
            wait_until(lambda: server.peers == 2)
            stream, last, step = MessageStream(), None, 0
            quick.settimeout(10)
            while not server.dropped > 3 * QUEUE:
                step += 1
                server.publish(poses(step % 1000, step), step)
                if step % 20 == 0:
                    wanted = step
                    while last != wanted:
                        messages = stream.feed(quick.recv(1 << 16))
                        seen = [
                            m.time_ns - server._utc_ns
                            for m in messages
                            if m.device == "HeadToTracker"
                        ]
                        last = seen[-1] if seen else last
                assert step < 200_000
            assert all(len(peer.waiting) <= QUEUE for peer in server._peers)
            # What the slow one reads in the end is whole: messages were dropped, not bytes.
            slow.settimeout(0.2)
            late, count = MessageStream(), 0
            try:
                while piece := slow.recv(1 << 16):
                    count += len(late.feed(piece))
            except TimeoutError:
                pass
            assert count > 0
            assert not late.midway
        wait_until(lambda: server.peers == 1)


def test_what_a_peer_sends_is_read_and_forgotten():
    with (
        PoseServer(ANY) as server,
        socket.create_connection((server.address.host, server.address.port)) as peer,
    ):
        for _ in range(50):
            peer.sendall(bytes(range(256)) * 40)
        server.publish(poses(), 1)
        peer.settimeout(10)
        wait_until(lambda: server.peers == 1)
        server.publish(poses(1), 2)
        assert MessageStream().feed(peer.recv(1 << 16))


def test_a_taken_port_and_a_foreign_address_are_told():
    with PoseServer(ANY) as server, pytest.raises(PoseServerError, match="cannot be sent from"):
        PoseServer(server.address)
    with pytest.raises(PoseServerError, match="address of this machine"):
        PoseServer(Address("203.0.113.7", 0))


def test_addresses():
    assert parse_address("18945") == parse_address(":18945") == Address(LOOPBACK, 18945)
    assert parse_address("tracker.local") == Address("tracker.local", 18944)
    assert parse_address("10.0.0.7:1") == Address("10.0.0.7", 1)
    assert parse_address("[::1]:2") == Address("::1", 2)
    assert parse_address("[::1]") == Address("::1", 18944)
    assert str(Address("::1", 2)) == "[::1]:2"
    for wrong in ("::1:2", "a:b", "a:70000", "a:-1", "a b", "a:", "a:9" + "9" * 5000):
        with pytest.raises(AddressError, match="HOST:PORT"):
            parse_address(wrong)
