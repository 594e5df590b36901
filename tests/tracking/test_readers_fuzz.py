"""Damaged files of every kind that tracking reads: refused in a sentence, or sound; no crash."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pytest

from tests.tracking import making_feeds
from tests.tracking.mutations import mutate
from tracking.bodies import bent_plate
from tracking.body_file import (
    BodyFile,
    BodyFileError,
    NominalOrigin,
    read_body_file,
    write_body_file,
)
from tracking.calibration.result import DeviceSettings
from tracking.feed import open_feed
from tracking.feed_description import BodyModel, TransformModel
from tracking.frames import FrameSourceError
from tracking.recordings import open_recording
from tracking.setups import SETUP_FILE, Setup, SetupCamera, SetupError, read_setup, write_setup
from tracking.truth import read_truth
from tracking.video_file import VideoReader

SHORT, LONG = 25, 3_000
VIDEO_SHARE = 0.1
DEEP = b"a = " + b"[" * 200_000
"""Nested deeper than any reader can follow; without the first letters it is JSON."""

CAMERA_TABLE = """[cameras.{0}]
cam_id = {0}
rotation_count = 0
error = 0.19
ignore = false
size = [640, 480]
matrix = [[700.0, 0.0, 319.5], [0.0, 700.0, 239.5], [0.0, 0.0, 1.0]]
distortions = [-0.03, 0.01, 0.0, 0.0, 0.0]
translation = [{0}.5, 0.0, 0.0]
rotation = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]

"""
BOARD = """columns = 4
rows = 5
board_height = 11.0
board_width = 8.5
dictionary = "DICT_4X4_1000"
units = "inch"
aruco_scale = 0.75
square_size_override_cm = 5.4
inverted = true
legacy_pattern = false
"""


def finite(camera):
    """Fail unless the calibration is one of numbers."""
    assert np.isfinite(camera.matrix).all()
    assert np.isfinite(camera.distortion).all()
    assert np.isfinite(camera.camera_from_world.as_matrix()).all()


def open_whole_feed(path):
    """Open a feed with its truth, as a replay does."""
    feed = open_feed(path)
    for camera in feed.cameras:
        finite(camera)
    for recording in feed.recordings:
        assert (np.diff(recording.times_ns) > 0).all()
    feed.instants()
    if feed.truth_path is not None:
        read_truth(feed.truth_path)


def open_setup(path):
    """Read a setup and make its cameras and bodies."""
    setup = read_setup(path)
    for camera in setup.cameras:
        if camera.intrinsics is not None:
            finite(camera.camera())
    for body in setup.bodies:
        assert np.isfinite(np.concatenate(list(body.body().corners.values()))).all()


def open_workspace(path):
    """Open a caliscope workspace."""
    for camera in open_recording(path).cameras:
        if camera.calibration is not None:
            finite(camera.calibration)
        assert (np.diff(camera.times_ns) > 0).all()


def read_video(path):
    """Decode the first frames of a video file."""
    reader = VideoReader(path)
    try:
        for _ in range(3):
            reader.read()
    finally:
        reader.close()


class Kind:
    """One kind of file: the whole of it, which file in it is damaged, and how it is read."""

    def __init__(self, place, file, read):
        self.place, self.file, self.read = place, file, read
        self.sound = file.read_bytes()

    def damaged(self, seed):
        if seed < 2:
            return DEEP[4 * seed :]
        return mutate(self.sound, random.Random(seed))

    def trial(self, count):
        """Read `count` damaged files; give how many were refused."""
        refused = 0
        for seed in range(count):
            self.file.write_bytes(self.damaged(seed))
            try:
                self.read(self.place)
            except (FrameSourceError, SetupError, BodyFileError) as error:
                refused += bool(str(error))
        self.file.write_bytes(self.sound)
        self.read(self.place)
        return refused


def make_feed(folder, whole_feed):
    return shutil.copytree(whole_feed, folder / "small.feed")


def make_setup(folder):
    cameras = [
        SetupCamera(
            name=f"camera {number}",
            address=str(number),
            settings=DeviceSettings(width=640, height=480),
            camera_from_world=TransformModel(
                translation=(100 * number, 0, 0), quaternion=(0, 0, 0, 1)
            ),
        )
        for number in (1, 2)
    ]
    bodies = (BodyModel.of(making_feeds.HEAD), BodyModel.of(making_feeds.COIL))
    write_setup(folder / "room.setup", Setup(name="room", cameras=tuple(cameras), bodies=bodies))
    return folder / "room.setup"


def make_workspace(folder, whole_feed):
    recording = folder / "workspace" / "calibration" / "extrinsic"
    recording.mkdir(parents=True)
    rows = ["sync_index,cam_id,frame_time"]
    for number, name in enumerate(("left", "right")):
        shutil.copy(whole_feed / f"{name}.mp4", recording / f"cam_{number}.mp4")
        rows += [f"{k},{number},{100 + k / 30 + number / 500:.6f}" for k in range(6)]
    (recording / "timestamps.csv").write_text("\n".join(rows) + "\n")
    workspace = folder / "workspace"
    (workspace / "camera_array.toml").write_text("".join(map(CAMERA_TABLE.format, (0, 1))))
    (workspace / "charuco.toml").write_text(BOARD)
    return workspace


def make_body(folder):
    write_body_file(folder / "head.json", BodyFile.of(bent_plate("head", 0), NominalOrigin()))
    return folder / "head.json"


@pytest.fixture
def kinds(tmp_path, whole_feed):
    feed, setup = make_feed(tmp_path, whole_feed), make_setup(tmp_path)
    workspace, body = make_workspace(tmp_path, whole_feed), make_body(tmp_path)
    times = workspace / "calibration" / "extrinsic" / "timestamps.csv"
    return {
        "feed.json": Kind(feed, feed / "feed.json", open_whole_feed),
        "times": Kind(feed, feed / "left.csv", open_whole_feed),
        "truth": Kind(feed, feed / "truth.csv", read_truth),
        "setup": Kind(setup, setup / SETUP_FILE, open_setup),
        "body": Kind(body, body, read_body_file),
        "cameras of caliscope": Kind(workspace, workspace / "camera_array.toml", open_workspace),
        "board of caliscope": Kind(workspace, workspace / "charuco.toml", open_workspace),
        "times of caliscope": Kind(workspace, times, open_workspace),
        "video": Kind(feed / "left.mp4", feed / "left.mp4", read_video),
    }


NAMES = (
    "feed.json", "times", "truth", "setup", "body",
    "cameras of caliscope", "board of caliscope", "times of caliscope", "video",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files(kinds, name, capfd):
    assert kinds[name].trial(SHORT) > 0


@pytest.mark.fuzz
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", NAMES)
def test_many_damaged_files(kinds, name, capfd):
    count = round(LONG * VIDEO_SHARE) if name == "video" else LONG
    assert kinds[name].trial(count) > 0
