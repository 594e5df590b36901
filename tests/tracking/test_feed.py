"""A sound feed opens; every kind of damage is named with its remedy."""

import json
import time

import pytest

from tracking.feed import FeedError, open_feed
from tracking.truth import read_truth


def _edit(folder, change):
    path = folder / "feed.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def _refusal(folder):
    with pytest.raises(FeedError) as refusal:
        open_feed(folder)
    message = str(refusal.value)
    assert message.endswith(".")
    return message


def test_a_whole_feed_opens_quickly(whole_feed):
    began = time.perf_counter()
    feed = open_feed(whole_feed)
    assert time.perf_counter() - began < 2.0
    assert [camera.name for camera in feed.cameras] == ["left", "right"]
    assert [body.name for body in feed.bodies] == ["head", "coil_body"]
    assert feed.duration_ns == 5 * 33_000_000 + 2_000_000
    assert feed.description.name == "small"
    assert feed.interval_ns == 33_000_000
    assert [len(instant.frames) for instant in feed.instants()] == [2] * 6


def test_no_folder_and_no_feed_json(tmp_path):
    assert "is no folder" in _refusal(tmp_path / "none.feed")
    (tmp_path / "empty.feed").mkdir()
    assert "feed.json" in _refusal(tmp_path / "empty.feed")


def test_a_missing_video(feed_copy):
    (feed_copy / "right.mp4").unlink()
    assert "right.mp4 cannot be read" in _refusal(feed_copy)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.99])
def test_a_truncated_video(feed_copy, share):
    video = feed_copy / "left.mp4"
    content = video.read_bytes()
    video.write_bytes(content[: int(len(content) * share)])
    assert "left.mp4 is cut short" in _refusal(feed_copy)


def test_a_video_that_is_none(feed_copy):
    (feed_copy / "left.mp4").write_bytes(b"no video at all, only some words")
    assert "left.mp4" in _refusal(feed_copy)
    _edit(feed_copy, lambda data: data["cameras"][0].update(video="left.csv"))
    assert "left.csv cannot be opened as a video" in _refusal(feed_copy)


def test_fewer_times_than_frames(feed_copy):
    times = feed_copy / "left.csv"
    times.write_text("\n".join(times.read_text().splitlines()[:-1]) + "\n")
    message = _refusal(feed_copy)
    assert "has 6 frames" in message
    assert "times for 5" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "must start with the line"),
        ("frame,time_ns\n", "must start with the line"),
        ("n,t\n0,1\n", "must start with the line"),
        ("frame,time_ns\n0,1.5\n", "line 2: expected a frame number and a time in whole"),
        ("frame,time_ns\n0,soon\n", "line 2: expected a frame number"),
        ("frame,time_ns\n0\n", "line 2: expected a frame number"),
        ("frame,time_ns\n0,10\n1,9\n", "line 3: the time goes backwards"),
        ("frame,time_ns\n0,10\n1,10\n", "line 3: the time goes backwards or stands still"),
        ("frame,time_ns\n0,10\n2,20\n", "line 3: expected frame 1, found 2"),
        ("frame,time_ns\n0,²\n", "line 2: expected a frame number"),
    ],
)
def test_bad_times(feed_copy, content, expected):
    (feed_copy / "left.csv").write_text(content, encoding="utf-8")
    message = _refusal(feed_copy)
    assert "left.csv" in message
    assert expected in message


def test_times_that_are_missing_or_no_text(feed_copy):
    (feed_copy / "left.csv").write_bytes(b"\xff\xfe\x00")
    assert "left.csv cannot be read" in _refusal(feed_copy)
    (feed_copy / "left.csv").unlink()
    assert "left.csv cannot be read" in _refusal(feed_copy)


def test_a_wrong_schema_an_absent_calibration_a_body_without_tags(feed_copy):
    _edit(feed_copy, lambda data: data.update(schema_version=99))
    assert "schema version 99" in _refusal(feed_copy)
    _edit(feed_copy, lambda data: data.update(schema_version=1))
    _edit(feed_copy, lambda data: data["cameras"][0].pop("matrix"))
    assert "no camera calibration" in _refusal(feed_copy)
    _edit(feed_copy, lambda data: data["bodies"][1].update(tags=[]))
    assert "'coil_body' has no tags" in _refusal(feed_copy)
    _edit(feed_copy, lambda data: data.update(bodies=[]))
    assert "nothing to track" in _refusal(feed_copy)


def test_a_calibration_for_another_size(feed_copy):
    _edit(feed_copy, lambda data: data["cameras"][1].update(width=1280, height=720))
    message = _refusal(feed_copy)
    assert "right.mp4 has 640 x 480 pixels" in message
    assert "for 1280 x 720" in message


def test_one_name_twice(feed_copy):
    _edit(feed_copy, lambda data: data["cameras"][1].update(name="left"))
    assert "the camera 'left' twice" in _refusal(feed_copy)


def test_the_truth_is_read_and_interpolated(whole_feed):
    truth = read_truth(whole_feed)
    assert set(truth) == {"head", "coil_body"}
    moved = truth["head"].at(1_050_000_000).translation
    assert moved[0] == pytest.approx(60.1, abs=1e-3)
    assert truth["head"].at(0).translation[0] == pytest.approx(60.0)


@pytest.mark.parametrize(
    "line",
    [
        "1,head,0,0,0,0,0,0",
        "x,head,0,0,0,0,0,0,1",
        "1,head,0,0,nan,0,0,0,1",
        "1,head,0,0,0,0,0,0,0",
        "1",
    ],
)
def test_a_malformed_truth(feed_copy, line):
    path = feed_copy / "truth.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n" + line + "\n")
    with pytest.raises(FeedError, match=r"truth.csv, line 2"):
        read_truth(feed_copy)
    path.unlink()
    with pytest.raises(FeedError, match="cannot be read"):
        read_truth(feed_copy)
