"""The real window on live cameras, over the network on loopback."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from app.calibrate.offers import Order
from app.live.equipment import live_equipment, nominal_place
from app.live.feed_recording import FeedRecording
from app.live.live_cameras import LiveCameras
from app.navigate.camera_panel import CameraPanel
from app.rig import Rig, RigError
from app.session.reading import read_session
from app.session.store import SessionWriter
from app.subject.head import load_head
from tests.app.calibrate.fake_collector import a_result
from tests.app.live.room import Room, jpegs_of
from tests.app.still_feed import ON_TARGET_S
from tests.app.test_window import arm, click, coil_state, label, permission, wait
from tests.tracking.mjpeg_server import MjpegServer
from tracking.feed import open_feed
from tracking.feed_description import CameraModel, FeedDescription
from tracking.replay import replay_feed
from tracking.setups import SetupError, read_setup


@pytest.fixture(scope="session")
def jpegs(pictures):
    return {name: jpegs_of(taken[ON_TARGET_S]) for name, taken in pictures.items()}


ANY_CAMERA = CameraModel(name="left", video="l.mkv", times="l.csv", width=64, height=48)
RATE = 10.0
"""Frames a second: enough for navigation, and the tests need no machine of their own."""


@pytest.fixture
def room(tmp_path, jpegs):
    room = Room(tmp_path / "room.setup", {"left": jpegs["left"]}, RATE)
    yield room
    room.close()


@pytest.fixture
def second_camera(room, jpegs):
    room.servers["right"] = MjpegServer(jpegs["right"], RATE)


@pytest.fixture
def open_window(qtbot, room, tmp_path):
    from app.widgets.application import open_application
    from app.window import Window

    open_application()
    opened = []

    def open_it(**changes):
        room.write(**changes)
        equipment = live_equipment(room.folder)
        rig = Rig(equipment, SessionWriter.create(tmp_path / "live.session", {}))
        window = Window(rig)
        qtbot.addWidget(window)
        rig.start()
        window.show()
        opened.append(window)
        return window, rig

    yield open_it
    for window in opened:
        window.close()


def picture(window, camera) -> str:
    """What is written on a camera's picture."""
    panels = {one.accessibleName(): one for one in window.findChildren(CameraPanel)}
    return panels[f"Camera {camera}"].accessibleDescription()


def test_a_registered_setup_navigates_and_permits(qtbot, open_window):
    window, rig = open_window()
    rig.choose_target(load_head().target("M1 hand left"))
    wait(qtbot, lambda: "ON TARGET" in coil_state(window))
    assert label(window, "Mode").text() == "LIVE cameras · simulated stimulator"
    wait(qtbot, lambda: "frames/s" in picture(window, "left"))

    def on_target() -> bool:
        given = {one.name: one.given for one in rig.permits(time.monotonic_ns())}
        return given["Registration"] and given["On target"]

    wait(qtbot, on_target)


def test_without_registration_no_navigated_pulse_goes_and_the_screen_says_so(qtbot, open_window):
    window, rig = open_window(mri_from_head=None)
    assert "NOT REGISTERED" in label(window, "Registration").text()
    rig.choose_target(load_head().target("M1 hand left"))
    arm(qtbot, window)
    wait(qtbot, lambda: "NOT REGISTERED" in permission(window))
    wait(qtbot, lambda: rig.navigator.newest is not None and rig.navigator.newest.tracked)
    rig.stimulator.fire()  # past the screen: the stimulator's process refuses by itself
    wait(qtbot, lambda: "refused" in label(window, "Totals of pulses").text())
    assert rig.pulse_log.counts()[0] == 0
    permits = {one.name: one for one in rig.permits(time.monotonic_ns())}
    assert not permits["Registration"].given
    # Without navigation one may go, which is neither hit nor miss: nobody knows.
    rig.stimulator.waive_pose_lease(True)
    wait(qtbot, lambda: permission(window) == "A pulse can be sent now")
    click(qtbot, window, "fire")
    wait(qtbot, lambda: any(row.pose is not None for row in rig.pulse_log.rows))
    (pose,) = (row.pose for row in rig.pulse_log.rows if row.pose is not None)
    assert pose.hit is None
    assert pose.setup.target is None
    window.close()
    events = read_session(rig.session_path).events
    (registration,) = [one for one in events if one.kind == "registration"]
    assert "NOT REGISTERED" in registration.body["method"]


@pytest.mark.usefixtures("second_camera")
def test_a_camera_that_goes_is_named_and_comes_back_and_without_any_permission_ends(
    qtbot, open_window, room
):
    window, rig = open_window()
    arm(qtbot, window)
    wait(qtbot, lambda: "frames/s" in picture(window, "right"))
    room.servers["right"].close()
    wait(qtbot, lambda: "NOT THERE" in picture(window, "right"))
    assert "no picture since" in picture(window, "right")
    assert "Camera 'right' is gone" in label(window, "Fault").text()
    assert not rig.cameras.reading("right", time.monotonic_ns()).live
    wait(qtbot, lambda: "TRACKED" in label(window, "Tracking of head").text())
    room.servers["right"].start()
    wait(qtbot, lambda: "frames/s" in picture(window, "right"))
    wait(qtbot, lambda: not label(window, "Fault").isVisible())
    assert rig.stimulator.last_state.armed
    for server in room.servers.values():
        server.close()
    wait(qtbot, lambda: not rig.stimulator.last_state.armed)
    wait(qtbot, lambda: "LOST" in label(window, "Tracking of head").text())


def test_the_cameras_are_recorded_by_key_while_navigating(qtbot, open_window):
    window, rig = open_window()
    wait(qtbot, lambda: "TRACKED" in label(window, "Tracking of head").text())
    button = window.findChild(QPushButton, "record-feed")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    wait(qtbot, lambda: "RECORDING 0:0" in label(window, "Recording of the cameras").text())
    wait(qtbot, lambda: rig.feed_recording.written > 8)
    qtbot.keyClick(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    wait(qtbot, lambda: "Recorded live-" in label(window, "Recording of the cameras").text())
    (folder,) = rig.session_path.parent.glob("*.feed")
    feed = open_feed(folder)
    assert feed.description.mri_from_head is not None
    summary = replay_feed(feed, lambda _tracked: None)
    assert summary.bodies["coil_body"].tracked > 2
    rig.feed_recording.start()
    wait(qtbot, lambda: rig.feed_recording.written > 2)
    window.close()
    (second,) = set(rig.session_path.parent.glob("*.feed")) - {folder}
    assert all(camera.finished for camera in open_feed(second).description.cameras)


def test_calibrating_shares_the_cameras_and_holds_from_the_next_start(qtbot, open_window, room):
    window, rig = open_window()
    click(qtbot, window, "calibrate")
    desk = window._desk()
    run = desk.begin(Order("puck", None, {}))
    wait(qtbot, lambda: "left" in run.snapshot.frames)
    assert room.servers["left"].connections == 1
    run.close()
    before = rig.equipment.cameras[0].matrix
    said = desk.decide(a_result(), accepted=True)
    assert "in force from the next start on" in said
    assert "start again to use it" in label(window, "Accepted calibration").text()
    assert rig.equipment.cameras[0].matrix is before
    assert read_setup(room.folder).cameras[0].intrinsics == a_result().value


def test_a_recording_that_cannot_start_says_why(tmp_path):
    recording = FeedRecording(
        LiveCameras([]),
        lambda name: FeedDescription(schema_version=1, name=name, cameras=[ANY_CAMERA]),
        tmp_path / "file" / "a.session",
    )
    (tmp_path / "file").write_text("")
    recording.start()
    reading = recording.reading(0)
    assert "cannot be written" in reading.text
    assert reading.fault
    assert not reading.recording
    recording.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cameras": ()}, "has no cameras"),
        ({"coil_body_from_coil": None}, "is not calibrated, so it cannot be placed"),
        ({"cameras": "unplaced"}, "It is not known where camera 'right'"),
        ({"cameras": "bare"}, "Camera 'left' is not calibrated"),
    ],
)
@pytest.mark.usefixtures("second_camera")
def test_a_setup_that_lacks_something_is_refused_with_what_to_do(room, changes, words):
    lacking = {"unplaced": {"camera_from_world": None}, "bare": {"intrinsics": None}}
    kind = changes.get("cameras")
    if isinstance(kind, str):
        cameras = [one.model_copy(update=lacking[kind]) for one in room.write().cameras]
        cameras = cameras if kind == "bare" else [room.write().cameras[0], cameras[1]]
        changes = {"cameras": tuple(cameras)}
    room.write(**changes)
    with pytest.raises((SetupError, RigError), match=words):
        live_equipment(room.folder)


def test_the_nominal_place_is_on_the_forehead_upright_and_faces_forward():
    head = load_head()
    place = nominal_place(head)
    nasion = head.landmarks["nasion"]
    assert place.translation[1] > nasion[1]
    assert place.translation[2] > nasion[2]
    assert place.rotation.apply([0, 0, 1]) == pytest.approx([0, -1, 0])
    assert place.rotation.apply([0, 1, 0]) == pytest.approx([0, 0, -1])
