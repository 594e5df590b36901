"""A camera that is tracked with can be looked at by others: same frames, no second connection."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from app.live.live_cameras import LiveCameras
from app.live.room import Room
from app.live.shared_frames import SharedCameras, SharedFrames
from tests.tracking.rendering import camera
from tracking.calibration.result import DeviceSettings, IntrinsicsValue
from tracking.image_stream import Image
from tracking.live_camera import LiveCamera
from tracking.setups import Setup, SetupCamera

SIZE = (8, 6)
AS_IT_COMES = np.arange(48, dtype=np.uint8).reshape(6, 8)
NONE = ((0.0, 0.0, 0.0),) * 3


class Stream:
    """Images for whom :meth:`read` is called."""

    settings, notes = None, ()

    def __init__(self):
        self._stamp = 0

    def read(self):
        self._stamp += 1_000_000
        return Image(AS_IT_COMES, host_ns=self._stamp)

    def close(self):
        pass


def a_camera(*, mirrored=False, calibrated=True, address="http://cam/"):
    lens = IntrinsicsValue(
        matrix=((9.0, 0.0, 4.0), (0.0, 9.0, 3.0), (0.0, 0.0, 1.0)),
        distortion=[0.0] * 5,
        matrix_sigma=NONE,
        distortion_sigma=[0.0] * 5,
        mirrored=mirrored,
    )
    settings = DeviceSettings(width=SIZE[0], height=SIZE[1])
    return SetupCamera(
        name="left", address=address, settings=settings, intrinsics=lens if calibrated else None
    )


def running(*, mirrored=False):
    live = LiveCamera(camera("left", size=SIZE), Stream, mirrored=mirrored)
    cameras = LiveCameras([live])
    room = Room(Path("room.setup"), Setup(name="room", cameras=(a_camera(mirrored=mirrored),)))
    return cameras, SharedCameras(cameras, room)


def test_the_newest_frame_wins_and_nobody_waits_for_who_is_slow():
    cameras, shared = running()
    source = shared.open_raw(a_camera())
    for _ in range(5):
        cameras.sources[0].read()
    assert source.read().sequence == 4
    cameras.sources[0].read()
    assert source.read().sequence == 5
    source.close()


def test_several_listen_and_each_leaves_by_itself():
    cameras, shared = running()
    one, other = shared.open_raw(a_camera()), shared.open_raw(a_camera())
    recorded = []

    def record(frame):
        recorded.append(frame)

    cameras.listen(record)
    cameras.sources[0].read()
    assert one.read().sequence == other.read().sequence == recorded[0].sequence == 0
    one.close()
    cameras.sources[0].read()
    assert one.read() is None
    assert other.read().sequence == 1
    cameras.leave(record)
    other.close()
    cameras.sources[0].read()
    assert len(recorded) == 2
    assert cameras.sources[0].tap is None


def test_closing_lets_go_who_waits():
    _, shared = running()
    source, answers = shared.open_raw(a_camera()), []
    waiting = threading.Thread(target=lambda: answers.append(source.read()))
    waiting.start()
    source.close()
    waiting.join(20)
    assert answers == [None]


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_raw_picture_is_as_it_comes_and_the_calibrated_one_as_it_is_tracked(mirrored):
    cameras, shared = running(mirrored=mirrored)
    raw, seen = shared.open_raw(a_camera()), shared.open_calibrated(a_camera(mirrored=mirrored))
    tracked = cameras.sources[0].read()
    assert np.array_equal(raw.read().image, AS_IT_COMES)
    assert np.array_equal(seen.read().image, tracked.image)
    assert np.array_equal(tracked.image, AS_IT_COMES[:, ::-1] if mirrored else AS_IT_COMES)
    # A calibration accepted meanwhile may have found out that the camera mirrors.
    fresh = shared.open_calibrated(a_camera(mirrored=not mirrored))
    cameras.sources[0].read()
    assert np.array_equal(fresh.read().image, tracked.image[:, ::-1])
    for source in (raw, seen, fresh):
        source.close()


def test_a_camera_that_is_not_the_one_that_runs_is_opened_by_itself():
    cameras, shared = running()
    other = shared.open_raw(a_camera(address="http://elsewhere/"))
    assert isinstance(other, LiveCamera)
    assert isinstance(shared.open_raw(a_camera(calibrated=False)), SharedFrames)
    added = a_camera().model_copy(update={"name": "new"})
    assert isinstance(shared.open_raw(added), LiveCamera)
    assert cameras.live("new") is None
