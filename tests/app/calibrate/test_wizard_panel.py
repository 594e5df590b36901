"""The wizard from the first click to the decision, with a room made up for the test."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton

from app.calibrate.instants import RecordedInstants
from app.calibrate.offers import offers
from app.calibrate.run import CannotBegin, Run
from app.calibrate.wizard_panel import Wizard
from app.live.room_cameras import RoomCameras
from tests.app.calibrate.fake_collector import FakeCollector, a_result
from tracking.calibration.result import DeviceSettings
from tracking.frames import Frame
from tracking.setups import Setup, SetupCamera


def room(*, calibrated=()):
    settings = DeviceSettings(width=128, height=72)
    cameras = [
        SetupCamera(
            name=name,
            address=name,
            settings=settings,
            intrinsics=a_result().value if name in calibrated else None,
        )
        for name in ("left", "right")
    ]
    return Setup(name="Room 1", cameras=tuple(cameras))


def instants(count):
    image = np.full((72, 128), 90, np.uint8)
    for number in range(count):
        yield [Frame(name, number, number + 1, image) for name in ("left", "right")]


class Desk:
    """A room that remembers what it was asked."""

    title = "Room 1"
    live = False

    def __init__(self, folder, count=5, results=None):
        self.cameras = RoomCameras(folder, lambda: ())
        self.count, self.results = count, results
        self.orders, self.decisions, self.runs = [], [], []

    def offers(self):
        return offers(room())

    def begin(self, order):
        self.orders.append(order)
        if order.recording is not None and order.recording.name == "nothing":
            raise CannotBegin("The recording 'nothing' is not there. Choose another.")
        collector = FakeCollector(3, self.results)
        run = Run(collector, RecordedInstants(instants(self.count)))
        self.runs.append(run)
        return run

    def decide(self, result, accepted):
        self.decisions.append((result.subject, accepted))
        return f"{result.subject}: {'in force now' if accepted else 'kept as rejected'}."


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path / "room.setup")
    yield made
    for run in made.runs:
        run.close()


@pytest.fixture
def wizard(qtbot, desk):
    made = Wizard(desk)
    qtbot.addWidget(made)
    made.show()
    return made


def button(wizard, name):
    return next(one for one in wizard.findChildren(QPushButton, name) if one.isVisible())


def click(qtbot, wizard, name):
    qtbot.mouseClick(button(wizard, name), Qt.MouseButton.LeftButton)


def texts(wizard):
    return " | ".join(label.text() for label in wizard.findChildren(QLabel) if label.isVisible())


def order_lens(qtbot, wizard, recording="somewhere"):
    click(qtbot, wizard, "kind lens")
    edit = wizard.findChild(QLineEdit, "recording")
    qtbot.keyClicks(edit, recording)
    click(qtbot, wizard, "begin")


def solve(qtbot, wizard):
    qtbot.waitUntil(lambda: button(wizard, "solve").isEnabled())
    click(qtbot, wizard, "solve")
    qtbot.waitUntil(lambda: "Lens of camera" in texts(wizard), timeout=20_000)


def test_from_choosing_to_accepting(qtbot, wizard, desk):
    order_lens(qtbot, wizard)
    assert desk.orders[0].kind == "lens"
    assert desk.orders[0].recording.name == "somewhere"
    solve(qtbot, wizard)
    assert "of the fit, not an accuracy" in texts(wizard)
    assert not desk.decisions
    click(qtbot, wizard, "accept left")
    assert desk.decisions == [("left", True)]
    assert "in force now" in texts(wizard)
    assert not button(wizard, "accept left").isEnabled()
    assert not button(wizard, "reject left").isEnabled()
    click(qtbot, wizard, "done")
    assert button(wizard, "begin").isVisible()


def test_leaving_without_deciding_decides_nothing(qtbot, wizard, desk):
    order_lens(qtbot, wizard)
    solve(qtbot, wizard)
    click(qtbot, wizard, "done")
    assert desk.decisions == []


def test_what_is_not_good_enough_cannot_be_accepted(qtbot, wizard, desk):
    desk.results = (a_result(faults=("Only 3 views. Take 20 more.",)),)
    order_lens(qtbot, wizard)
    solve(qtbot, wizard)
    assert "Only 3 views" in texts(wizard)
    assert not button(wizard, "accept left").isEnabled()
    click(qtbot, wizard, "reject left")
    assert desk.decisions == [("left", False)]


def test_a_recording_that_is_too_short_says_what_is_missing(qtbot, wizard, desk):
    desk.count = 1
    order_lens(qtbot, wizard)
    qtbot.waitUntil(lambda: "ended, and more is needed" in texts(wizard))
    assert not button(wizard, "solve").isEnabled()
    click(qtbot, wizard, "leave")
    assert button(wizard, "begin").isVisible()


def test_why_it_cannot_begin_is_said(qtbot, wizard):
    order_lens(qtbot, wizard, "nothing")
    assert "is not there. Choose another." in texts(wizard)


def test_what_comes_first_is_said_and_cannot_be_passed_over(qtbot, wizard):
    click(qtbot, wizard, "kind places")
    assert "The lens of left, right comes first." in texts(wizard)
    assert not button(wizard, "begin").isEnabled()


def test_without_cameras_only_recordings_are_offered(qtbot, wizard, desk):
    click(qtbot, wizard, "kind lens")
    click(qtbot, wizard, "begin")
    assert "Choose the recording" in texts(wizard)
    assert not desk.orders


def test_gathering_can_go_on_after_a_result(qtbot, wizard):
    order_lens(qtbot, wizard)
    solve(qtbot, wizard)
    click(qtbot, wizard, "accept left")
    click(qtbot, wizard, "more")
    qtbot.waitUntil(lambda: wizard.findChild(QPushButton, "solve").isVisible())
    solve(qtbot, wizard)
    assert button(wizard, "accept left").isEnabled()


@pytest.mark.parametrize(
    ("setup", "kind", "missing"),
    [
        (room(), "lens", ""),
        (room(calibrated=("left",)), "body", "The lens of right comes first."),
        (room(calibrated=("left", "right")), "body", ""),
        (room(calibrated=("left", "right")), "puck", "The marker body 'coil_body' comes first."),
        (room(calibrated=("left", "right")), "pointer", "The marker body 'pointer' comes first."),
    ],
)
def test_what_comes_first(setup, kind, missing):
    offer = next(one for one in offers(setup) if one.kind == kind)
    assert offer.missing == missing
