"""``coilpilot cameras``: from an empty folder to a setup, a trial and a recording."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.__main__ import main
from tests.tracking.mjpeg_server import MjpegServer
from tests.tracking.test_network_camera import encoded
from tracking.recordings import open_recording
from tracking.setups import read_setup


@pytest.fixture
def server():
    rng = np.random.default_rng(3)
    jpegs = [encoded(rng.integers(40, 200, (120, 160), np.uint8)) for _ in range(5)]
    with MjpegServer(jpegs, 30.0) as running:
        yield running


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("app.live.adding_camera.SETTLE_S", 0.0)
    monkeypatch.setattr("app.commands.cameras.FIRST_PICTURE_S", 3.0)


def add(setup, address, name="front", resolution="160x120", *more):
    words = ["cameras", "add", name, "--address", address, "--setup", str(setup)]
    return main([*words, "--resolution", resolution, *more])


def test_from_nothing_to_a_recording(tmp_path, server, capsys):
    setup, feed = tmp_path / "room.setup", tmp_path / "a.feed"
    assert add(setup, server.address, "front", "160x120", "--json") == 0
    added = json.loads(capsys.readouterr().out)
    assert added["settings"]["device"] == server.address
    assert [camera.name for camera in read_setup(setup).cameras] == ["front"]
    words = ["--setup", str(setup), "--seconds", "0.5", "--json"]
    assert main(["cameras", "test", *words]) == 0
    (tried,) = json.loads(capsys.readouterr().out)
    assert tried["connection"] == "connected"
    assert tried["frames"] > 3
    assert 0 <= tried["age_median_ms"] < 1000
    assert tried["sharpness"] > 100
    assert tried["changed"] == []
    assert any("exposure" in note for note in tried["notes"])
    assert main(["cameras", "record", "--out", str(feed), *words]) == 0
    recorded = json.loads(capsys.readouterr().out)
    assert recorded["frames"] == sum(len(one) for one in open_recording(feed).frames())
    assert recorded["dropped"] == 0


def test_the_list_is_there_for_people_and_programs(capsys):
    assert main(["cameras", "list", "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), list)
    assert main(["cameras", "list"]) == 0
    assert "Cameras" in capsys.readouterr().out


def test_what_is_wrong_is_said_in_one_sentence(tmp_path, server, capsys):
    setup = tmp_path / "room.setup"
    assert add(setup, "nobody:nothing@nowhere") == 1
    assert "cannot be added" in capsys.readouterr().err
    assert add(setup, server.address, "front", "1280x720") == 1
    assert "160 x 120 pixels, not 1280 x 720" in capsys.readouterr().err
    assert add(setup, server.address, "front", "large") == 2
    assert not setup.exists()
    assert add(setup, server.address) == 0
    assert add(setup, server.address) == 1
    assert "has a camera 'front' already" in capsys.readouterr().err
    assert main(["cameras", "test", "--setup", str(tmp_path / "none.setup")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_a_camera_that_is_gone_fails_the_trial_and_the_recording_and_is_named(
    tmp_path, server, capsys, monkeypatch
):
    monkeypatch.setattr("app.commands.cameras.FIRST_PICTURE_S", 0.3)
    setup = tmp_path / "room.setup"
    add(setup, server.address)
    server.close()
    assert main(["cameras", "test", "--setup", str(setup), "--seconds", "0.2"]) == 1
    assert "Camera 'front' gives no pictures" in capsys.readouterr().err
    out = str(tmp_path / "a.feed")
    words = ["--setup", str(setup), "--out", out, "--seconds", "0.1"]
    assert main(["cameras", "record", *words]) == 1
    assert "Nothing was recorded" in capsys.readouterr().err
