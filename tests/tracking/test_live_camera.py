"""A live camera: stamped at capture, and lost in words."""

import time

import cv2
import numpy as np
import pytest

from tests.tracking import making_feeds
from tracking.frames import FrameSourceError
from tracking.live_camera import LiveCamera, list_cameras

LEFT = making_feeds.cameras()[0]


class FakeCapture:
    def __init__(self, images, opened=True):
        self.images, self.opened, self.settings, self.released = list(images), opened, {}, 0

    def isOpened(self):
        return self.opened

    def set(self, propId, value):
        self.settings[propId] = value
        return True

    def grab(self):
        return bool(self.images)

    def retrieve(self):
        return True, self.images.pop(0)

    def release(self):
        self.released += 1


def _live(capture, **settings):
    return LiveCamera(0, LEFT, opener=lambda device: capture, **settings)


def test_frames_are_grey_stamped_at_capture_and_counted():
    capture = FakeCapture([np.full((480, 640, 3), level, np.uint8) for level in (10, 20)])
    live = _live(capture, frames_per_s=60)
    before = time.monotonic_ns()
    frames = [live.read(), live.read()]
    assert before <= frames[0].time_ns <= frames[1].time_ns <= time.monotonic_ns()
    assert [frame.sequence for frame in frames] == [0, 1]
    assert [int(frame.image.mean()) for frame in frames] == [10, 20]
    assert frames[0].image.shape == (480, 640)
    assert capture.settings[cv2.CAP_PROP_FRAME_WIDTH] == 640
    assert capture.settings[cv2.CAP_PROP_FPS] == 60
    assert capture.settings[cv2.CAP_PROP_BUFFERSIZE] == 1


def test_no_camera_says_what_to_do():
    capture = FakeCapture([], opened=False)
    with pytest.raises(FrameSourceError, match=r"'left' \(device 0\) does not answer\. Plug it in"):
        _live(capture)
    assert capture.released == 1


def test_a_camera_that_goes_says_so():
    live = _live(FakeCapture([]))
    with pytest.raises(FrameSourceError, match=r"gives no more images\. Check its cable"):
        live.read()


def test_another_size_than_calibrated_is_refused():
    live = _live(FakeCapture([np.zeros((720, 1280, 3), np.uint8)]))
    with pytest.raises(FrameSourceError, match="1280 x 720 pixels but is calibrated for 640 x 480"):
        live.read()


def test_closing_twice_releases_once_and_ends():
    capture = FakeCapture([np.zeros((480, 640), np.uint8)])
    live = _live(capture)
    live.close()
    live.close()
    assert capture.released == 1
    assert live.read() is None


def test_a_video_stands_in_for_a_device(whole_feed):
    live = LiveCamera(str(whole_feed / "left.mp4"), LEFT)
    assert live.read().image.shape == (480, 640)
    live.close()


def test_listing_leaves_out_what_does_not_answer(monkeypatch):
    monkeypatch.setattr("sys.platform", "win32")
    found = list_cameras(lambda device: FakeCapture([], opened=device in (1, 3)))
    assert found == [1, 3]
