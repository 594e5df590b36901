"""Recorded feeds: they replay as they were seen, also when the recording was cut off."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tests.tracking import making_feeds, rendering
from tracking.calibration.result import DeviceSettings
from tracking.feed import open_feed
from tracking.feed_description import BodyModel, FeedError, read_description
from tracking.feed_recorder import (
    MOST_WAITING,
    FeedRecorder,
    FeedRecordingError,
    feed_of,
    feed_of_setup,
)
from tracking.frame_tap import TappedSource
from tracking.frames import Frame
from tracking.playback import Playback
from tracking.recordings import open_recording
from tracking.replay import replay_feed
from tracking.setups import Setup, SetupCamera
from tracking.video_file import VideoReader

CAMERAS = making_feeds.cameras()
BODIES = [BodyModel.of(making_feeds.HEAD), BodyModel.of(making_feeds.COIL)]


@functools.cache
def frames(count=3):
    return list(_frames(count))


def _frames(count):
    for k in range(count):
        placed = [
            (making_feeds.HEAD, making_feeds.head_at(k / 30)),
            (making_feeds.COIL, making_feeds.coil_at(k / 30)),
        ]
        for number, camera in enumerate(CAMERAS):
            time_ns = 10**9 + k * 33_000_000 + number * 2_000_000
            yield Frame(camera.name, k, time_ns, rendering.render(camera, placed, k))


def record(folder, given, **known):
    recorder = FeedRecorder(folder, feed_of("test", CAMERAS, bodies=BODIES, **known))
    for frame in given:
        recorder.put(frame)
    return recorder


def test_a_recording_replays_as_it_was_seen(tmp_path):
    given = frames()
    progress = record(tmp_path / "a.feed", given).close()
    assert (progress.written, progress.dropped, progress.failure) == (6, 0, None)
    feed = open_feed(tmp_path / "a.feed")
    for recording in feed.recordings:
        own = [frame for frame in given if frame.camera == recording.camera.name]
        assert recording.times_ns.tolist() == [frame.time_ns for frame in own]
        reader = VideoReader(recording.video)
        for frame in own:
            error = reader.read().astype(float) - frame.image
            assert np.abs(error.mean()) < 0.2
            assert error.std() < 2.5
        reader.close()
    summary = replay_feed(feed, lambda _tracked: None)
    assert summary.bodies["coil_body"].tracked == summary.instants == 3
    camera = feed.cameras[1]
    assert np.allclose(camera.matrix, CAMERAS[1].matrix)
    assert np.allclose(
        camera.camera_from_world.as_matrix(), CAMERAS[1].camera_from_world.as_matrix()
    )


def plain_frames(count):
    """Frames that cost nothing to make."""
    for k in range(count):
        for camera in CAMERAS:
            image = np.full((480, 640), 10 * k, np.uint8)
            yield Frame(camera.name, k, 10**9 + k * 33_000_000, image)


def test_everything_up_to_a_kill_can_be_read(tmp_path):
    code = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from tests.tracking import test_feed_recorder as here\n"
        "recorder = here.record(Path(sys.argv[1]), here.plain_frames(9))\n"
        "while recorder.progress.written < 18: time.sleep(0.01)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    folder = tmp_path / "killed.feed"
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    assert not any(camera.finished for camera in read_description(folder / "feed.json").cameras)
    for one in open_feed(folder).recordings:
        assert 8 <= len(one.times_ns) <= 9
        reader = VideoReader(one.video)
        for k in range(len(one.times_ns)):
            assert reader.read().mean() == pytest.approx(10 * k, abs=2)
        reader.close()
        table = folder / f"{one.video.stem}.csv"
        table.write_text(table.read_text()[:-5])
    assert all(7 <= len(one.times_ns) <= 8 for one in open_feed(folder).recordings)


def test_what_cannot_be_written_in_time_is_dropped_and_counted_never_waited_for(
    tmp_path, monkeypatch
):
    held = threading.Event()
    encode = __import__("cv2").imencode

    def slow(*arguments):
        held.wait()
        return encode(*arguments)

    monkeypatch.setattr("cv2.imencode", slow)
    recorder = FeedRecorder(tmp_path / "a.feed", feed_of("test", CAMERAS[:1], bodies=BODIES))
    image = next(plain_frames(1)).image
    began = time.monotonic()
    for k in range(200):
        recorder.put(Frame("left", k, 10**9 + k, image))
    assert time.monotonic() - began < 2
    assert recorder.progress.dropped >= 200 - MOST_WAITING - 1
    held.set()
    progress = recorder.close()
    assert progress.written + progress.dropped == 200
    (camera,) = read_description(tmp_path / "a.feed" / "feed.json").cameras
    assert camera.dropped == progress.dropped
    assert len(open_feed(tmp_path / "a.feed").recordings[0].times_ns) == progress.written


def test_a_full_disk_ends_the_recording_with_a_sentence_and_keeps_what_is_there(
    tmp_path, monkeypatch
):
    recorder = record(tmp_path / "a.feed", plain_frames(3))
    while recorder.progress.written < 6:
        time.sleep(0.005)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tracking.feed_recorder._Video.write", full)
    for frame in plain_frames(2):
        recorder.put(frame)
    progress = recorder.close()
    assert "make room on the disk" in progress.failure
    assert (progress.written, progress.dropped) == (6, 4)
    assert [len(one.times_ns) for one in open_feed(tmp_path / "a.feed").recordings] == [3, 3]


def test_a_camera_that_never_came_is_left_out(tmp_path):
    record(tmp_path / "a.feed", [one for one in plain_frames(2) if one.camera == "left"]).close()
    assert [camera.name for camera in open_feed(tmp_path / "a.feed").cameras] == ["left"]


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "a.feed").mkdir()
    with pytest.raises(FeedRecordingError, match="is there already"):
        record(tmp_path / "a.feed", [])
    (tmp_path / "file").write_text("")
    with pytest.raises(FeedRecordingError, match=r"cannot be written|is there already"):
        record(tmp_path / "file" / "a.feed", [])


def test_uncalibrated_cameras_are_recorded_for_calibration(tmp_path):
    setup = Setup(
        name="room",
        cameras=tuple(
            SetupCamera(
                name=camera.name, address="0", settings=DeviceSettings(width=640, height=480)
            )
            for camera in CAMERAS
        ),
    )
    recorder = FeedRecorder(tmp_path / "board.feed", feed_of_setup("board", setup))
    for frame in plain_frames(2):
        recorder.put(frame)
    recorder.close()
    recording = open_recording(tmp_path / "board.feed")
    assert [camera.calibration for camera in recording.cameras] == [None, None]
    assert sum(len(one) for one in recording.frames()) == 4
    with pytest.raises(FeedError):
        open_feed(tmp_path / "board.feed")


def test_a_tap_sees_every_frame_that_goes_by(whole_feed):
    playback = Playback(open_feed(whole_feed), speed=None)
    tapped = TappedSource(playback.sources[0])
    seen = []
    tapped.tap = seen.append
    passed = [tapped.read() for _ in range(3)]
    tapped.tap = None
    tapped.read()
    tapped.close()
    playback.close()
    assert seen == passed
    assert tapped.read() is None


def test_the_recorders_thread_gives_way(tmp_path):
    if sys.platform != "linux":
        pytest.skip("only Linux tells the priority of a thread")
    recorder = record(tmp_path / "a.feed", plain_frames(1))
    while recorder.progress.written < 2:
        time.sleep(0.005)
    nice = os.getpriority(os.PRIO_PROCESS, recorder._thread.native_id)
    recorder.close()
    assert nice > os.getpriority(os.PRIO_PROCESS, 0) or nice == 19
