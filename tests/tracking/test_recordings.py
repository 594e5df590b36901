"""Recordings for calibration: feeds without calibration, caliscope folders, plain videos."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tests.tracking.making_feeds import encode
from tracking.feed import FeedError, open_feed
from tracking.frames import FrameSourceError
from tracking.recordings import open_recording

CHARUCO = """
columns = 4
rows = 5
board_height = 11.0
board_width = 8.5
dictionary = "DICT_4X4_1000"
units = "inch"
aruco_scale = 0.75
inverted = true
"""
CAMERA = """
[cameras.{number}]
size = [64, 48]
matrix = [[50.0, 0.0, 32.0], [0.0, 50.0, 24.0], [0.0, 0.0, 1.0]]
distortions = [0.1, 0.0, 0.0, 0.0, 0.0]
rotation = {rotation}
translation = [{x}, 0.0, 0.0]
"""
TURNED = [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]


def _images(count):
    rng = np.random.default_rng(1)
    return [rng.integers(0, 255, (48, 64)).astype(np.uint8) for _ in range(count)]


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "work" / "calibration" / "extrinsic"
    folder.mkdir(parents=True)
    rows = ["sync_index,cam_id,frame_index,frame_time"]
    for camera in (0, 1):
        encode(folder / f"cam_{camera}.mp4", _images(3))
        rows += [f"{k},{camera},{k},{10 + 0.1 * k + 0.004 * camera}" for k in range(3)]
    (folder / "timestamps.csv").write_text("\n".join(rows) + "\n")
    work = tmp_path / "work"
    (work / "charuco.toml").write_text(CHARUCO)
    (work / "camera_array.toml").write_text(
        CAMERA.format(number=0, rotation=TURNED, x=0.5)
        + CAMERA.format(number=1, rotation=TURNED, x=0.7)
    )
    return work


def test_a_feed_without_calibration_opens_for_calibrating_only(feed_copy):
    path = feed_copy / "feed.json"
    data = json.loads(path.read_text())
    for camera in data["cameras"]:
        for key in ("matrix", "distortion", "camera_from_world"):
            del camera[key]
    data["bodies"] = []
    path.write_text(json.dumps(data))
    recording = open_recording(feed_copy)
    assert [camera.calibration for camera in recording.cameras] == [None, None]
    assert sum(len(frames) for frames in recording.frames()) == 12
    with pytest.raises(FeedError, match="nothing to track"):
        open_feed(feed_copy)


def test_a_calibrated_feed_keeps_what_it_says(feed_copy):
    recording = open_recording(feed_copy)
    assert all(camera.placed for camera in recording.cameras)
    assert [body.name for body in recording.bodies] == ["head", "coil_body"]


def test_a_caliscope_workspace_comes_in_mm_with_the_first_camera_as_world(workspace):
    recording = open_recording(workspace)
    assert [camera.name for camera in recording.cameras] == ["cam_0", "cam_1"]
    first, second = (camera.calibration for camera in recording.cameras)
    assert first is not None
    assert second is not None
    assert first.camera_from_world.as_matrix() == pytest.approx(np.eye(4))
    assert second.camera_from_world.translation == pytest.approx([200.0, 0.0, 0.0])
    assert recording.board is not None
    # 8.5 inch over 4 columns are less than 11 inch over 5 rows.
    assert recording.board.square == pytest.approx(8.5 / 4 * 25.4)
    assert recording.board.inverted
    frames = list(recording.frames())
    assert [len(one) for one in frames] == [2, 2, 2]
    assert frames[1][1].time_ns - frames[1][0].time_ns == pytest.approx(4_000_000, abs=2)


def test_a_caliscope_recording_itself_and_a_config_alone_and_the_old_header(workspace):
    folder = workspace / "calibration" / "extrinsic"
    assert len(open_recording(folder).cameras) == 2
    text = (workspace / "camera_array.toml").read_text().replace("[cameras.", "[cam_")
    (workspace / "config.toml").write_text(text + "\n[charuco]\n" + CHARUCO)
    (workspace / "camera_array.toml").unlink()
    (workspace / "charuco.toml").unlink()
    times = folder / "timestamps.csv"
    rows = [row.split(",") for row in times.read_text().splitlines()]
    times.write_text("\n".join(",".join([a, b, d]) for a, b, _, d in rows) + "\n")
    recording = open_recording(workspace)
    assert all(camera.placed for camera in recording.cameras)
    assert recording.board is not None


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("calibration/extrinsic/timestamps.csv", "a,b\n1,2\n", "cam_id and frame_time"),
        (
            "calibration/extrinsic/timestamps.csv",
            "sync_index,cam_id,frame_time\n0,0,1.0\n1,0,0.5\n",
            "go backwards",
        ),
        (
            "calibration/extrinsic/timestamps.csv",
            "sync_index,cam_id,frame_time\n0,0,1.0\n1,0,nan\n2,0,3.0\n",
            "is no time in seconds",
        ),
        (
            "calibration/extrinsic/timestamps.csv",
            "sync_index,cam_id,frame_time\n0,0,1.0\n",
            "has 3 frames, but",
        ),
        ("charuco.toml", "columns = [", "cannot be read"),
        ("charuco.toml", CHARUCO.replace("DICT_4X4_1000", "DICT_1X1"), "is not known"),
        ("calibration/extrinsic/cam_1.mp4", "no video", "cam_1.mp4"),
    ],
)
def test_a_damaged_workspace_is_told(workspace, file, content, told):
    (workspace / file).write_text(content)
    with pytest.raises(FrameSourceError, match=told):
        open_recording(workspace)


def test_plain_videos_have_the_times_of_their_frames(tmp_path):
    encode(tmp_path / "one.mp4", _images(4))
    shutil.copy(tmp_path / "one.mp4", tmp_path / "two.mp4")
    single = open_recording(tmp_path / "one.mp4")
    assert np.diff(single.cameras[0].times_ns).tolist() == pytest.approx([33_333_333] * 3, abs=2)
    assert [camera.name for camera in open_recording(tmp_path).cameras] == ["one", "two"]
    whole = (tmp_path / "one.mp4").read_bytes()
    (tmp_path / "one.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FrameSourceError, match="cut short"):
        open_recording(tmp_path)


def test_what_is_no_recording_is_told(tmp_path):
    with pytest.raises(FrameSourceError, match="holds neither"):
        open_recording(tmp_path)
    with pytest.raises(FrameSourceError, match="does not exist"):
        open_recording(tmp_path / "none")
