"""Cameras are tried, kept with what they really give, and removed; what cannot be is told."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from app.live import adding_camera
from app.live.adding_camera import CameraRefused, Settled, wanted_camera
from app.live.camera_trial import TrialStage, TrialState
from app.live.room_cameras import DeviceSearch, RoomCameras, trial_reading
from tests.app.calibrate.fake_collector import a_result, until
from tests.tracking.mjpeg_server import MjpegServer
from tests.tracking.test_network_camera import encoded
from tracking.calibration.result import DeviceSettings
from tracking.setups import Setup, SetupCamera, read_setup, write_setup

ENTRIES = {"name": "front", "resolution": "160 x 120", "rate": "30"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(adding_camera, "SETTLE_S", 0.0)


@pytest.fixture
def server():
    rng = np.random.default_rng(3)
    jpegs = [encoded(rng.integers(40, 200, (120, 160), np.uint8)) for _ in range(3)]
    with MjpegServer(jpegs, 30.0) as running:
        yield running


@pytest.fixture
def room(tmp_path):
    return RoomCameras(tmp_path / "room.setup", lambda: ())


def shown(room, address, **entries):
    trial = room.try_out(ENTRIES | {"address": address} | entries)
    until(lambda: trial.state.stage is not TrialStage.SETTLING)
    return trial


def test_a_camera_is_tried_and_kept_with_what_it_gives(room, server, tmp_path):
    changes = []
    room.changed.connect(lambda: changes.append(room.rows()))
    trial = shown(room, server.address, resolution="1280x720")
    until(lambda: trial.state.frames_per_s is not None)
    assert trial.state.pixels.shape == (120, 160)
    reading = trial_reading(trial.state, trial.camera)
    assert reading.keepable
    assert reading.headline.startswith("160 × 120 pixels  ·  ")
    assert "exposure NOT locked" in reading.headline
    assert "does not give 1280 × 720 pixels" in reading.sentences[0]
    assert room.rows() == ()
    assert room.keep(trial) == "Camera 'front' was added. Calibrate its lens next."
    trial.close()
    (camera,) = read_setup(tmp_path / "room.setup").cameras
    assert (camera.settings.width, camera.settings.height) == (160, 120)
    assert camera.address == server.address
    ((row,),) = changes
    assert (row.name, row.calibrated) == ("front", "not calibrated")
    assert "was removed" in room.remove("front")
    assert room.rows() == ()
    assert len(changes) == 2


def test_a_camera_that_is_not_there_is_named_and_cannot_be_kept(room):
    trial = shown(room, "http://127.0.0.1:1/video")
    reading = trial_reading(trial.state, trial.camera)
    assert reading.failed
    assert not reading.keepable
    assert "http://127.0.0.1:1/video cannot be reached" in reading.sentences[0]
    assert "not settled yet" in room.keep(trial)
    trial.close()


def test_a_camera_that_goes_while_it_is_tried_is_told(room, server):
    trial = shown(room, server.address)
    server.close()
    until(lambda: trial.state.stage is TrialStage.FAILED)
    assert trial.state.sentence
    trial.close()


def test_a_trial_can_be_left_at_any_time(room, server):
    server.pictures_from.clear()
    before = threading.active_count()
    trial = room.try_out(ENTRIES | {"address": server.address})
    until(lambda: server.connections > 0)
    trial.abandon()
    server.pictures_from.set()
    until(lambda: threading.active_count() <= before + 3)
    trial.close()


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"name": " "}, "needs a name"),
        ({"address": ""}, "Choose a camera, or enter the address"),
        ({"resolution": "large"}, "'large' with '30' frames/s is no way"),
        ({"resolution": "0 x 720"}, "is no way"),
        ({"resolution": "99999 x 720"}, "is no way"),
        ({"rate": "-5"}, "is no way"),
        ({"rate": "nan"}, "is no way"),
        ({"rate": "fast"}, "is no way"),
    ],
)
def test_what_is_entered_wrongly_is_told(entries, words):
    with pytest.raises(CameraRefused, match=words):
        wanted_camera(ENTRIES | {"address": "0"} | entries)


def test_a_rate_may_be_left_to_the_camera():
    assert wanted_camera(ENTRIES | {"address": "0", "rate": ""}).settings.frames_per_s is None
    assert wanted_camera(ENTRIES | {"address": "0", "resolution": "8×6"}).settings.width == 8


def some(*names, **more):
    settings = DeviceSettings(width=1280, height=720, frames_per_s=30.0)
    return tuple(
        SetupCamera(name=name, address="rtsp://me:secret@10.0.0.7/a", settings=settings, **more)
        for name in names
    )


def test_names_are_taken_once_and_a_room_has_room_for_eight(tmp_path):
    room = RoomCameras(tmp_path)
    write_setup(tmp_path, Setup(name="room", cameras=some(*"abcdefgh")))
    with pytest.raises(CameraRefused, match="has a camera 'a' already"):
        room.try_out(ENTRIES | {"name": "a", "address": "0"})
    with pytest.raises(CameraRefused, match="cannot take the camera 'i'"):
        adding_camera.with_camera(tmp_path, some("i")[0], some("i")[0].settings)
    assert len(read_setup(tmp_path).cameras) == 8


def test_a_damaged_setup_is_told_and_left_alone(tmp_path):
    (tmp_path / "setup.json").write_text("{")
    room = RoomCameras(tmp_path)
    assert room.rows() == ()
    assert "is not valid JSON" in room.remove("a")
    with pytest.raises(CameraRefused, match="is not valid JSON"):
        room.try_out(ENTRIES | {"address": "0"})
    assert (tmp_path / "setup.json").read_text() == "{"


def test_rows_say_what_is_calibrated_and_show_no_password(tmp_path):
    lens = a_result().value
    cameras = (*some("bare"), *some("lens", intrinsics=lens))
    write_setup(tmp_path, Setup(name="room", cameras=cameras))
    bare, placed = RoomCameras(tmp_path).rows()
    assert bare.address == "rtsp://10.0.0.7/a"
    assert bare.pictures == "1280 × 720, 30 frames/s"
    assert (bare.calibrated, placed.calibrated) == (
        "not calibrated",
        "lens calibrated, place unknown",
    )
    attached = some("lens", intrinsics=lens)[0].model_copy(update={"address": "046d:0825@usb-3"})
    write_setup(tmp_path, Setup(name="room", cameras=(attached,)))
    (row,) = RoomCameras(tmp_path).rows()
    assert (row.address, row.calibrated) == ("046d:0825@usb-3", "calibrated")


def test_a_search_does_not_hold_up_and_survives_a_machine_without_the_service():
    gate = threading.Event()

    def slow():
        gate.wait(20)
        return ()

    search = DeviceSearch(slow)
    assert search.found is None
    gate.set()
    search.wait()
    assert search.found == ()

    def missing():
        raise OSError("no such service")

    search = DeviceSearch(missing)
    search.wait()
    assert search.found == ()


def test_a_locked_exposure_is_told_with_its_value():
    settings = DeviceSettings(width=1280, height=720, exposure=156.0)
    state = TrialState(TrialStage.SHOWING, settled=Settled(settings, ()), frames_per_s=29.9)
    reading = trial_reading(state, some("a")[0])
    assert reading.headline == "1280 × 720 pixels  ·  30 frames/s  ·  exposure locked at 156"
    assert reading.sentences == ()
    waiting = trial_reading(TrialState(), some("a")[0])
    assert waiting.headline == "Opening the camera …"
    assert not waiting.keepable
