"""Making a feed: what the folder holds, and that nothing half-made is left."""

import csv

import cv2
import numpy as np
import pytest

from tracking.feed_description import read_description
from tracking.practice_feed import generate
from tracking.practice_feed.__main__ import main
from tracking.practice_feed.generate import FeedExistsError, capture_times, generate_feed
from tracking.practice_feed.scene import practice_scene
from tracking.practice_feed.target import default_head_file, read_target

SECONDS, FRAMES = 0.1, 3


@pytest.fixture(scope="module")
def scene():
    return practice_scene(9, read_target(default_head_file(), "M1 hand left"))


@pytest.fixture(scope="module")
def feed(scene, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "short.feed"
    done = []
    generate_feed(out, scene, SECONDS, done.append)
    assert sum(done) <= 2 * FRAMES
    return out


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_feed_holds_videos_times_truth_and_description(feed, scene):
    assert [each.name for each in feed.parent.iterdir()] == [feed.name]
    description = read_description(feed / "feed.json")
    assert description.model_dump() == scene.description().model_dump()
    for camera in description.cameras:
        video = cv2.VideoCapture(str(feed / camera.video))
        count = 0
        while video.read()[0]:
            count += 1
        video.release()
        rows = rows_of(feed / camera.times)
        assert count == FRAMES
        assert [int(row["frame"]) for row in rows] == list(range(FRAMES))
    truth = rows_of(feed / "truth.csv")
    assert len(truth) == FRAMES * 2 * 2
    times = {int(row["time_ns"]) for row in truth}
    for camera in scene.cameras:
        assert times >= set(capture_times(scene, camera.name, FRAMES).tolist())


def test_truth_gives_the_poses_that_were_rendered(feed, scene):
    row = rows_of(feed / "truth.csv")[0]
    pose = scene.body_poses(np.array([int(row["time_ns"]) * 1e-9]))[row["body"]][0]
    written = [float(row[axis]) for axis in ("x", "y", "z")]
    np.testing.assert_allclose(written, pose.translation, atol=1e-6)


def test_cameras_are_synchronised_and_their_clock_jitters_a_little(scene):
    left, right = (capture_times(scene, name, 1800) for name in ("left", "right"))
    assert np.abs(left - right).max() < 1_000_000
    for times in (left, right):
        assert 50_000 < np.diff(times).std() < 400_000
        assert (np.diff(times) > 30_000_000).all()


def test_an_existing_folder_is_left_alone(feed, scene):
    before = sorted(each.stat().st_mtime_ns for each in feed.iterdir())
    with pytest.raises(FeedExistsError, match="exists already"):
        generate_feed(feed, scene, SECONDS)
    assert sorted(each.stat().st_mtime_ns for each in feed.iterdir()) == before


def test_a_fault_while_rendering_leaves_nothing_behind(scene, tmp_path, monkeypatch):
    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(generate, "_render_all", no_space)
    with pytest.raises(OSError, match="No space"):
        generate_feed(tmp_path / "a.feed", scene, SECONDS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["out"], "ends in .feed"),
        (["out.feed", "--seconds", "0"], "--seconds 0"),
        (["out.feed", "--seconds", "nan"], "--seconds nan"),
        (["out.feed", "--seed", "-3"], "--seed -3"),
        (["out.feed", "--target", "elbow"], "no target 'elbow'"),
        (["out.feed", "--head", "nowhere.json"], "nowhere.json"),
    ],
)
def test_wrong_use_is_one_sentence_and_status_2(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_unknown_option_is_status_2(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["out.feed", "--frobnicate"])
    assert exit_.value.code == 2
    assert "--frobnicate" in capsys.readouterr().err
