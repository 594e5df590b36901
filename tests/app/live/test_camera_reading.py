"""What is written on a camera's picture, for every state of the camera."""

from __future__ import annotations

import pytest

from app.live.camera_reading import camera_fault, camera_reading
from tracking.live_camera import CameraState, Connection

NOW = 100_000_000_000


def state(connection, **more):
    return CameraState("left", connection, NOW - 3_000_000_000, **more)


@pytest.mark.parametrize(
    ("given", "picture_ns", "caption"),
    [
        (None, NOW - 40_000_000, "left"),
        (None, None, "left  ·  no picture yet"),
        (None, NOW - 2_100_000_000, "left  ·  no picture since 2 s"),
        (state(Connection.CONNECTED, frames_per_s=29.97), NOW, "left  ·  30 frames/s"),
        (state(Connection.CONNECTED), NOW - 600_000_000, "left  ·  no picture since 1 s"),
        (
            state(Connection.ABSENT),
            NOW - 3_000_000_000,
            "left  ·  NOT THERE  ·  no picture since 3 s",
        ),
        (state(Connection.CONNECTING), None, "left  ·  CONNECTING  ·  no picture yet"),
    ],
)
def test_the_caption_names_the_camera_and_how_old_its_picture_is(given, picture_ns, caption):
    reading = camera_reading("left", given, picture_ns, NOW)
    assert reading.caption == caption
    assert reading.live is (picture_ns is not None and NOW - picture_ns < 500_000_000)


def test_what_is_wrong_with_the_picture_is_said_on_it():
    bright = state(Connection.CONNECTED, warnings=("Too bright.", "Damaged."), notes=("Locked?",))
    assert camera_reading("left", bright, NOW, NOW).sentence == "Too bright."


def test_a_camera_that_is_gone_is_a_fault_and_one_that_connects_is_none():
    gone = state(Connection.ABSENT, sentence="Plug it in.")
    assert camera_fault("left", gone) == "Camera 'left' is gone. Plug it in."
    again = state(Connection.RECONNECTING, sentence="It fell silent.")
    assert "lost and being reconnected. It fell silent." in camera_fault("left", again)
    for fine in (None, state(Connection.CONNECTED), state(Connection.CONNECTING)):
        assert camera_fault("left", fine) == ""
