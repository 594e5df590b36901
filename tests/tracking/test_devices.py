"""Cameras by name: found again by identity, set as asked, and honest about what was not granted."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from tracking.calibration.result import DeviceSettings
from tracking.device_settings import apply_settings
from tracking.device_stream import DeviceStream, open_device
from tracking.devices import find_device, list_devices
from tracking.image_stream import StreamFault

WANTED = DeviceSettings(width=640, height=480, frames_per_s=60.0, exposure=80.0, focus=30.0)


def listed(index, name="Webcam", path=None, vid=0x046D, pid=0x0825, backend=cv2.CAP_V4L2):
    path = f"/dev/video{index}" if path is None else path
    return SimpleNamespace(index=index, name=name, path=path, vid=vid, pid=pid, backend=backend)


@pytest.fixture
def sockets(tmp_path):
    """Links by socket, as Linux keeps them."""

    def plug(socket, index):
        link = tmp_path / f"usb-{socket}-video-index0"
        link.unlink(missing_ok=True)
        link.symlink_to(f"/dev/video{index}")

    plug.folder = tmp_path
    return plug


def on_linux(cameras, sockets):
    return list_devices(lambda _backend: cameras, platform="linux", by_path=sockets.folder)


def test_two_of_a_kind_are_told_apart_and_found_again_under_other_numbers(sockets):
    sockets("1", 0)
    sockets("2", 2)
    first, second = on_linux([listed(0), listed(2)], sockets)
    assert first.identity != second.identity
    assert first.model == second.model == "046d:0825"
    sockets("1", 4)
    again = on_linux([listed(4), listed(2)], sockets)
    assert find_device(first.identity, again).ways == ((cv2.CAP_V4L2, 4),)
    assert find_device(second.identity, again).ways == ((cv2.CAP_V4L2, 2),)


def test_the_twin_of_a_missing_camera_is_named_but_not_taken_for_it(sockets):
    sockets("1", 0)
    sockets("2", 2)
    first, _ = on_linux([listed(0), listed(2)], sockets)
    left = on_linux([listed(2)], sockets)
    with pytest.raises(StreamFault, match="a Webcam is at another socket") as told:
        find_device(first.identity, left)
    assert told.value.absent


def test_windows_lists_one_camera_for_both_backends(sockets):
    path = r"\\?\USB#VID_046D&PID_0825#7&1#{e5323777-f976-4f5b-9b55-b94699c46e44}\global"
    other = path.replace("e5323777", "65e8773d")

    def enumerate_backend(backend):
        place = path if backend == cv2.CAP_MSMF else other
        return [listed(1, path=place, backend=backend)]

    (device,) = list_devices(enumerate_backend, platform="win32")
    assert device.ways == ((cv2.CAP_MSMF, 1), (cv2.CAP_DSHOW, 1))


def test_a_machine_without_cameras_has_an_empty_list_and_says_so():
    assert list_devices(lambda _backend: []) == ()
    with pytest.raises(StreamFault, match="sees no camera at all"):
        find_device("0", ())


def test_listing_here_works_whatever_is_plugged_in():
    assert all(device.identity and device.name for device in list_devices())


@pytest.mark.parametrize("module", ["tracking.cameras", "app.navigate.camera_picture"])
def test_opencv_is_told_before_it_is_loaded(module):
    code = (
        "import os, sys, importlib.abc\n"
        "class Watch(importlib.abc.MetaPathFinder):\n"
        "  def find_spec(self, name, path, target=None):\n"
        "    if name == 'cv2': print(os.environ.get('OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        f"import {module}"
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OPENCV")}
    told = subprocess.run(
        [sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True
    )
    assert set(told.stdout.split()) == {"0"}


class Driver:
    """A camera as its driver shows it; `stubborn` properties do not change."""

    def __init__(self, stubborn=(), opened=True, images=(), unknown=()):
        self.values = {
            cv2.CAP_PROP_FRAME_WIDTH: 320.0,
            cv2.CAP_PROP_FRAME_HEIGHT: 240.0,
            cv2.CAP_PROP_AUTO_EXPOSURE: 3.0,
            cv2.CAP_PROP_AUTOFOCUS: 1.0,
            cv2.CAP_PROP_EXPOSURE: 150.0,
            cv2.CAP_PROP_FOCUS: 10.0,
        }
        for what in unknown:
            self.values.pop(what)
        self.unknown = set(unknown)
        self.stubborn, self.opened, self.images, self.released = stubborn, opened, list(images), 0

    def isOpened(self):
        return self.opened

    def get(self, what):
        return self.values.get(what, -1.0)

    def set(self, what, value):
        if what in self.unknown:
            return False
        if what not in self.stubborn:
            self.values[what] = value
        return True  # drivers say yes to anything

    def grab(self):
        return bool(self.images)

    def retrieve(self):
        return True, self.images.pop(0)

    def release(self):
        self.released += 1


def test_all_that_was_asked_is_set_and_read_back():
    applied = apply_settings(Driver(), WANTED, cv2.CAP_V4L2)
    assert applied.notes == ()
    got = applied.settings
    assert (got.width, got.height, got.frames_per_s) == (640, 480, 60.0)
    assert (got.exposure, got.focus, got.gain, got.pixel_format) == (80.0, 30.0, None, "MJPG")


def test_without_a_wish_exposure_stays_locked_where_it_is():
    driver = Driver()
    wanted = WANTED.model_copy(update={"exposure": None})
    assert apply_settings(driver, wanted, cv2.CAP_V4L2).settings.exposure == 150.0
    assert driver.values[cv2.CAP_PROP_AUTO_EXPOSURE] == 1.0


@pytest.mark.parametrize(
    ("stubborn", "words"),
    [
        (cv2.CAP_PROP_AUTO_EXPOSURE, "exposure is automatic and cannot be locked"),
        (cv2.CAP_PROP_EXPOSURE, "exposure was asked to be 80, the camera says 150"),
        (cv2.CAP_PROP_AUTOFOCUS, "focus is automatic and cannot be locked"),
        (cv2.CAP_PROP_FOCUS, "focus was asked to be 30, the camera says 10"),
        (cv2.CAP_PROP_FRAME_WIDTH, "gives 320 x 480 pixels instead of 640 x 480"),
    ],
)
def test_a_driver_that_lies_is_found_out(stubborn, words):
    (note,) = apply_settings(Driver([stubborn]), WANTED, cv2.CAP_V4L2).notes
    assert words in note


def test_a_camera_without_focus_and_exposure_has_only_what_can_change_named():
    bare = Driver(unknown=[cv2.CAP_PROP_AUTOFOCUS, cv2.CAP_PROP_FOCUS])
    wanted = WANTED.model_copy(update={"focus": None})
    assert apply_settings(bare, wanted, cv2.CAP_V4L2).notes == ()


def test_frames_are_stamped_by_the_driver_where_its_clock_is_ours():
    driver = Driver(images=[np.zeros((480, 640, 3), np.uint8)] * 3)
    stream = DeviceStream(driver, apply_settings(driver, WANTED, cv2.CAP_V4L2), cv2.CAP_V4L2)
    import time

    driver.values[cv2.CAP_PROP_POS_MSEC] = time.monotonic_ns() / 1e6 - 20
    image = stream.read()
    assert image.captured_ns == pytest.approx(driver.values[cv2.CAP_PROP_POS_MSEC] * 1e6, abs=1)
    driver.values[cv2.CAP_PROP_POS_MSEC] = 12.0
    assert stream.read().captured_ns is None, "a stamp of hours ago was believed"
    other = DeviceStream(driver, apply_settings(driver, WANTED, cv2.CAP_DSHOW), cv2.CAP_DSHOW)
    driver.values[cv2.CAP_PROP_POS_MSEC] = time.monotonic_ns() / 1e6
    assert other.read().captured_ns is None, "a clock of its own was taken for ours"
    with pytest.raises(StreamFault, match="gives no more pictures"):
        stream.read()
    stream.close()
    stream.close()
    assert driver.released == 1
    with pytest.raises(StreamFault, match="closed"):
        stream.read()


def test_a_device_opens_by_its_second_way_or_says_why_not():
    (device,) = list_devices(
        lambda backend: [listed(0, path="socket", backend=backend)], platform="win32"
    )
    tried = []

    def opener(way, _wanted):
        tried.append(way[0])
        return Driver(opened=way[0] == cv2.CAP_DSHOW)

    stream = open_device(device.identity, WANTED, devices=lambda: (device,), opener=opener)
    assert tried == [cv2.CAP_MSMF, cv2.CAP_DSHOW]
    assert stream.settings.device == device.identity
    with pytest.raises(StreamFault, match="Close other programs"):
        open_device(
            "Webcam", WANTED, devices=lambda: (device,), opener=lambda *_: Driver(opened=False)
        )
