"""Commands about other trackers: poses in, poses out, recorded sequences."""

from __future__ import annotations

import csv
import json
import threading
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pytest

from app.__main__ import main
from tests.tracking.igtl.peers import pyigtl_server, raw_server, reading, wait_until
from tests.tracking.making_sequences import frame_text, head_at, write_sequence
from tracking.foreign_poses import TransformNames
from tracking.igtl.address import Address
from tracking.igtl.client import IgtlClient
from tracking.igtl.contents import Transform
from tracking.igtl.messages import Message, pack
from tracking.poses import TrackingState

MAP = ("--map", "HeadToTracker=head", "--map", "TrackerToCoil=coil_body")


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    sentence: str


@pytest.fixture
def coilpilot(capfd):
    """Run a command in this process."""

    def run(*words):
        capfd.readouterr()
        status = main([str(word) for word in words])
        told = capfd.readouterr()
        return Ran(status, told.out, " ".join(told.err.split()))

    return run


def free_port():
    with raw_server() as server:
        return server.address.port


def test_a_sequence_replays_like_a_feed(tmp_path, coilpilot):
    path = write_sequence(tmp_path / "two.igs.mha", [frame_text(k) for k in range(5)])
    poses = tmp_path / "poses.csv"
    ran = coilpilot("replay", path, *MAP, "--poses", poses, "--json")
    assert ran.status == 0, ran.sentence
    summary = json.loads(ran.out)
    assert summary["feed"] == "two"
    assert summary["bodies"]["coil_body"]["tracked"] == 5
    rows = list(csv.DictReader(poses.read_text().splitlines()))
    assert [row["body"] for row in rows[:2]] == ["head", "coil_body"]
    assert float(rows[0]["x"]) == head_at(0).translation[0]
    assert rows[0]["sigma_mm"] == rows[0]["rms_px"] == ""
    shown = coilpilot("replay", path, *MAP)
    assert "tracked 5" in shown.out
    assert "nan" not in shown.out


def test_replayed_poses_are_sent_at_their_pace(tmp_path, coilpilot):
    path = write_sequence(tmp_path / "two.igs.mha", [frame_text(k) for k in range(100)])
    port = free_port()
    source = IgtlClient(
        Address(port=port), TransformNames({"HeadToTracker": "head"}), retry_s=(0.02, 0.02)
    )
    with reading(source) as reader:
        ran = coilpilot("replay", path, *MAP, "--igtl", port, "--speed", "1", "--json")
        assert ran.status == 0, ran.sentence
        tracked = reader.of("head", TrackingState.TRACKED)
        assert len(tracked) > 10
        steps = {round(pose.world_from_body.translation[0], 3) for pose in tracked}
        assert steps <= {10.0 + k for k in range(100)}


def test_what_a_tracker_sends_is_shown_and_recorded(tmp_path, coilpilot):
    out = tmp_path / "heard.jsonl"
    with raw_server() as server:
        done = threading.Event()

        def send():
            wait_until(lambda: server.connections or done.is_set())
            step = 0
            # The listener leaves when its time is over.
            with suppress(OSError):
                while not done.wait(0.01):
                    step += 1
                    message = Message("HeadToTracker", Transform(head_at(step).as_matrix()))
                    server.send(pack(message) + pack(Message("Odd", Transform(np.eye(4)))))

        sender = threading.Thread(target=send)
        sender.start()
        try:
            ran = coilpilot(
                "poses", "--from", server.address, "--out", out, "--seconds", "0.5", "--json"
            )
        finally:
            done.set()
            sender.join()
    assert ran.status == 0, ran.sentence
    told = json.loads(ran.out)
    assert told["bodies"]["head"]["tracked"] > 1
    assert told["bodies"]["head"]["per_second"] > 1
    assert told["bodies"]["Odd"]["lost"] > 1
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["body"] for row in rows} == {"head", "Odd"}


def test_a_tracker_that_is_silent_or_not_there_is_a_failure(coilpilot):
    nobody = coilpilot("poses", "--from", f"127.0.0.1:{free_port()}", "--seconds", "0.3")
    assert nobody.status == 1
    assert "cannot be reached" in nobody.sentence
    with pyigtl_server() as (_, address):
        silent = coilpilot("poses", "--from", address, "--seconds", "0.3")
    assert silent.status == 1
    assert "has sent no poses" in silent.sentence


def test_wrong_use_is_told(tmp_path, coilpilot):
    path = write_sequence(tmp_path / "two.igs.mha", [frame_text(0)])
    for words, told in (
        (("poses", "--from", "a:b"), "HOST:PORT"),
        (("poses", "--from", "a", "--seconds", "0"), "--seconds"),
        (("poses", "--from", "a", "--map", "HeadToTracker"), "HeadToTracker=head"),
        (("replay", path, "--map", "ProbeToReference=head"), "neither leads"),
        (("replay", path, "--igtl", "a:b"), "HOST:PORT"),
        (("replay", tmp_path, "--map", "HeadToTracker=head"), "recorded sequences"),
    ):
        ran = coilpilot(*words)
        assert ran.status == 2, words
        assert told in ran.sentence
    missing = coilpilot("replay", tmp_path / "none.igs.mha")
    assert missing.status == 1
    assert "none.igs.mha cannot be read" in missing.sentence
