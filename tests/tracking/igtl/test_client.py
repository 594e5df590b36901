"""Poses in over loopback: from pyigtl, after lost connections, from peers that misbehave."""

from __future__ import annotations

import socket
import time

import numpy as np
import pyigtl
import pytest

from tests.tracking import rendering
from tests.tracking.igtl.peers import (
    pyigtl_server,
    raw_server,
    reading,
    wait_until,
)
from tracking.foreign_poses import NamesError, TransformNames
from tracking.igtl.address import LOOPBACK, Address
from tracking.igtl.client import IgtlClient
from tracking.igtl.contents import Status, Tool, TrackingData, Transform
from tracking.igtl.messages import Message, pack
from tracking.igtl.opening import igtl_pipeline
from tracking.poses import POSE_LIMIT_NS, TrackingState

TRACKED, LOST = TrackingState.TRACKED, TrackingState.LOST
QUICK = {"retry_s": (0.01, 0.05)}
HEAD = rendering.pose([10, -20, 900], [5, 10, -170])
COIL = rendering.pose([60, 30, 800], [15, -20, 30])


def client(address, **changes):
    return IgtlClient(address, **(QUICK | changes))


def head(step=0, **changes):
    """Bytes of a transform of the head that is new with each step."""
    matrix = (rendering.pose([step, 0, 0]) * HEAD).as_matrix()
    return pack(Message("HeadToTracker", Transform(matrix), **changes))


def test_transforms_of_pyigtl_become_poses():
    with pyigtl_server() as (server, address), reading(client(address)) as reader:
        strange = pyigtl.PositionMessage([1.0, 2.0, 3.0], [0.0, 0, 0, 1], device_name="Pen")
        server.send_message(strange, wait=False)
        for name, pose in (("HeadToTracker", HEAD), ("CoilToTracker", COIL)):
            server.send_message(
                pyigtl.TransformMessage(pose.as_matrix(), device_name=name), wait=False
            )
        server.send_message(pyigtl.StringMessage("hello", device_name="Words"), wait=False)
        server.send_message(
            pyigtl.ImageMessage(np.zeros((4, 50, 60), np.uint8), device_name="Image"), wait=False
        )
        wait_until(lambda: reader.of("head", TRACKED) and reader.of("coil_body", TRACKED))
        now = time.monotonic_ns()
        found = reader.of("head", TRACKED)[0]
        np.testing.assert_allclose(found.world_from_body.as_matrix(), HEAD.as_matrix(), atol=1e-4)
        assert 0 <= now - found.time_ns < 5e9
        assert not found.quality.known
        assert reader.source.fault is None
        assert reader.source.connected


def test_tracking_data_become_poses():
    def tools(*tools):
        return pack(Message("Polaris", TrackingData(tools)))

    names = TransformNames({"Head": "head", "TrackerToCoil": "coil_body", "Pen": "pointer"})
    with raw_server() as server, reading(client(server.address, names=names)) as reader:
        server.send(
            tools(
                Tool("Head", 2, HEAD.as_matrix()),
                Tool("TrackerToCoil", 1, COIL.inv().as_matrix()),
                Tool("Pen", 3, COIL.as_matrix()),
                Tool("Nobody", 2, COIL.as_matrix()),
            )
        )
        wait_until(lambda: len(reader.poses) == 3)
        states = {pose.body: pose.state for pose in reader.poses}
        assert states == {"head": TRACKED, "coil_body": TRACKED, "pointer": LOST}
        coil = reader.of("coil_body")[0].world_from_body.as_matrix()
        np.testing.assert_allclose(coil, COIL.as_matrix(), atol=1e-3)


def test_identity_repeats_and_statuses_are_lost():
    def status(code, device="HeadToTracker"):
        return pack(Message(device, Status(code, name="ERR", text="tool\n is\0 away")))

    with raw_server() as server, reading(client(server.address)) as reader:
        server.send(head(0) + pack(Message("HeadToTracker", Transform(np.eye(4)))))
        wait_until(lambda: len(reader.poses) == 2)
        server.send(head(1) + status(4) + head(2))
        wait_until(lambda: len(reader.poses) == 5)
        assert "'HeadToTracker' is not well: ERR tool is" in reader.source.fault
        server.send(status(1) + head(3) + head(3) + status(15, "Polaris") + head(4))
        wait_until(lambda: reader.of("pointer", LOST) and len(reader.of("head")) == 8)
        server.send(status(1, "Polaris") + head(5))
        wait_until(lambda: len(reader.of("head")) == 9)
        states = [pose.state for pose in reader.of("head")]
        assert states == [TRACKED, LOST, TRACKED, LOST, LOST, TRACKED, LOST, LOST, TRACKED]
        assert reader.source.fault is None


def test_a_status_in_the_metadata_counts_for_its_message():
    def said(step, word):
        message = Message(
            "HeadToTracker",
            Transform((rendering.pose([step, 0, 0]) * HEAD).as_matrix()),
            metadata={"TransformStatus": word},
        )
        return pack(message, version=2)

    with raw_server() as server, reading(client(server.address)) as reader:
        server.send(said(0, "OK") + said(1, "MISSING") + said(2, "OK"))
        wait_until(lambda: len(reader.poses) == 3)
        assert [pose.state for pose in reader.poses] == [TRACKED, LOST, TRACKED]


def test_a_server_that_dies_is_found_again():
    with raw_server() as first:
        port = first.address.port
        with reading(client(first.address)) as reader:
            first.send(head(0))
            wait_until(lambda: reader.of("head", TRACKED))
            first.close()
            wait_until(lambda: reader.source.fault)
            assert f"{LOOPBACK}:{port}" in reader.source.fault
            wait_until(lambda: "cannot be reached" in (reader.source.fault or ""))
            with raw_server(port) as second:
                # The same pose as before: a new connection begins anew.
                second.send(head(0))
                wait_until(lambda: len(reader.of("head", TRACKED)) == 2)
                assert reader.source.fault is None


@pytest.mark.parametrize(
    ("script", "end", "told"),
    [
        ([b"GET / HTTP/1.1\r\n" * 20], False, "no OpenIGTLink message"),
        ([head()[:-1] + b"\x55"], False, "check sum is wrong"),
        ([head()[:42] + b"\xff" * 16], False, "was announced"),
        ([head()[:30]], False, "stopped in the middle of a message"),
        ([head()[:80]], False, "stopped in the middle of a message"),
        ([head()[:80]], True, "has ended the connection"),
        ([], True, "has ended the connection"),
    ],
)
def test_a_peer_that_misbehaves_is_told_dropped_and_tried_again(script, end, told):
    with raw_server() as server:
        server.script(*script, end=end)
        server.script(head(7))
        source = client(server.address, midway_s=0.05, retry_s=(0.2, 0.4))
        with reading(source) as reader:
            fault = wait_until(lambda: source.fault)
            assert told in fault
            assert str(server.address) in fault
            assert "\n" not in fault
            wait_until(lambda: reader.of("head", TRACKED))
            assert source.fault is None


def test_what_is_sent_instead_of_our_transforms_is_named(monkeypatch):
    monkeypatch.setattr("tracking.igtl.reception.UNKNOWN_FOR_NS", 1_000_000)
    with raw_server() as server, reading(client(server.address)) as reader:
        for step in range(100):
            matrix = (rendering.pose([step, 0, 0]) * HEAD).as_matrix()
            server.send(pack(Message("ProbeToTracker", Transform(matrix))))
            time.sleep(0.001)
            if reader.source.fault:
                break
        assert "HeadToTracker" in reader.source.fault
        assert "but ProbeToTracker" in reader.source.fault


def test_nobody_there_and_the_end_is_quick():
    with socket.create_server((LOOPBACK, 0)) as taken:
        address = Address(*taken.getsockname())
    source = client(address)
    with reading(source):
        assert "cannot be reached" in wait_until(lambda: source.fault)
        assert not source.connected
    assert source.read() is None
    source.close()


class Listener:
    def __init__(self):
        self.results, self.errors = [], []

    def last(self, body):
        return self.results[-1].poses[body].state if self.results else None


def test_the_pipeline_gives_what_cameras_give():
    listener = Listener()
    with raw_server() as server:
        pipeline = igtl_pipeline(
            str(server.address), listener.results.append, on_error=listener.errors.append
        )
        pipeline.start()
        try:
            step = 0
            while not (listener.last("head") is listener.last("coil_body") is TRACKED):
                step += 1
                coil = Transform((rendering.pose([0, step, 0]) * COIL).as_matrix())
                server.send(head(step) + pack(Message("CoilToTracker", coil)))
                time.sleep(0.005)
                assert step < 2000
            both = next(r for r in listener.results if r.poses["coil_body"].state is TRACKED)
            assert set(both.poses) == {"head", "coil_body", "pointer"}
            assert not both.frames
            assert not both.detections
            assert both.poses["pointer"].state is LOST
            wait_until(lambda: listener.last("head") is LOST, "silence")
            tracked = [r for r in listener.results if r.poses["head"].state is TRACKED]
            lost = next(
                r for r in listener.results[listener.results.index(tracked[-1]) :]
                if r.poses["head"].state is LOST
            )  # fmt: skip
            assert lost.time_ns - tracked[-1].poses["head"].time_ns > POSE_LIMIT_NS
            assert pipeline.histories["head"].newest().state is LOST
            counters = pipeline.counters
            assert counters.captured == counters.processed > 0
            assert counters.dropped == 0
            assert not pipeline.finished
        finally:
            pipeline.stop()
            pipeline.stop()
    assert listener.errors == []


def test_navigation_needs_head_and_coil():
    with pytest.raises(NamesError, match="CoilToTracker=coil_body"):
        igtl_pipeline("host", print, on_error=print, names={"HeadToTracker": "head"})
