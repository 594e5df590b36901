"""The page of the room's cameras: from an empty room to a camera, and back."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton

from app.calibrate.desk import RoomDesk
from app.calibrate.wizard_panel import Wizard
from app.live import adding_camera
from tests.tracking.mjpeg_server import MjpegServer
from tests.tracking.test_network_camera import encoded
from tracking.devices import Device
from tracking.setups import Setup, read_setup, write_setup

WEBCAM = Device("HD Webcam", "046d:0825@usb-3", "/dev/video0", 1, 2, ((200, 0),))


@pytest.fixture
def server():
    image = np.random.default_rng(3).integers(40, 200, (120, 160), np.uint8)
    with MjpegServer([encoded(image)], 30.0) as running:
        yield running


@pytest.fixture
def wizard(qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(adding_camera, "SETTLE_S", 0.0)
    write_setup(tmp_path, Setup(name="Room 1"))
    made = Wizard(RoomDesk(tmp_path, look=lambda: (WEBCAM,)))
    qtbot.addWidget(made)
    made.show()
    yield made
    made.close()


def texts(wizard):
    return " | ".join(label.text() for label in wizard.findChildren(QLabel) if label.isVisible())


def click(qtbot, wizard, name):
    def seen():
        return [one for one in wizard.findChildren(QPushButton, name) if one.isVisible()]

    qtbot.waitUntil(lambda: len(seen()) == 1)
    qtbot.mouseClick(seen()[0], Qt.MouseButton.LeftButton)


def enter(wizard, **entries):
    for name, text in entries.items():
        wizard.findChild(QLineEdit, name).setText(text)


def test_an_empty_room_begins_with_its_cameras_and_lists_what_is_attached(qtbot, wizard):
    assert "This room has no camera yet." in texts(wizard)
    devices = wizard.findChild(QComboBox, "devices")
    qtbot.waitUntil(devices.isEnabled)
    assert devices.itemText(1) == "HD Webcam"
    devices.setCurrentIndex(1)
    devices.activated.emit(1)
    assert wizard.findChild(QLineEdit, "address").text() == "046d:0825@usb-3"
    click(qtbot, wizard, "try")
    assert "The camera needs a name" in texts(wizard)


def test_a_camera_is_tried_added_and_removed_after_a_question(qtbot, wizard, server, tmp_path):
    enter(wizard, name="phone", address=server.address)
    click(qtbot, wizard, "try")
    keep = wizard.findChild(QPushButton, "keep")
    qtbot.waitUntil(keep.isEnabled, timeout=20_000)
    qtbot.waitUntil(lambda: "160 × 120 pixels" in texts(wizard))
    assert read_setup(tmp_path).cameras == ()
    click(qtbot, wizard, "keep")
    assert "Camera 'phone' was added" in texts(wizard)
    assert read_setup(tmp_path).cameras[0].name == "phone"
    assert not keep.isVisible()
    click(qtbot, wizard, "remove phone")
    assert read_setup(tmp_path).cameras != ()
    click(qtbot, wizard, "remove it")
    qtbot.waitUntil(lambda: "was removed" in texts(wizard))
    assert read_setup(tmp_path).cameras == ()


def test_a_trial_ends_when_another_page_is_chosen(qtbot, wizard, server):
    enter(wizard, name="phone", address=server.address)
    click(qtbot, wizard, "try")
    qtbot.waitUntil(wizard.findChild(QPushButton, "keep").isEnabled, timeout=20_000)
    click(qtbot, wizard, "kind lens")
    click(qtbot, wizard, "kind cameras")
    assert not wizard.findChild(QPushButton, "keep").isVisible()
