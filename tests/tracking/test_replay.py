"""A whole feed through the tracker, with its summary against the truth."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.tracking import rendering
from tests.tracking.making_feeds import make_feed
from tracking.feed import open_feed
from tracking.poses import TrackingState
from tracking.replay import replay_feed
from tracking.truth import point_error, summarise_errors
from tracking.video_file import VideoReader

PRACTICE = Path(__file__).parents[2] / "resources" / "practice.feed"


def test_a_feed_is_replayed_whole_and_compared_with_its_truth(whole_feed):
    results = []
    feed = open_feed(whole_feed)
    summary = replay_feed(feed, results.append)
    assert (summary.name, summary.instants, summary.frames) == ("small", 6, 12)
    assert summary.duration_s == pytest.approx(0.167)
    assert summary.bodies["head"].tracked == 6
    assert summary.bodies["head"].median_rms_px < 0.3
    assert summary.errors.count == 6
    assert summary.errors.median_mm < 0.6
    assert summary.errors.median_deg < 0.3
    assert 0 < summary.processing_median_ms <= summary.processing_p95_ms
    assert results[0].time_ns == feed.end_ns - 5 * feed.interval_ns
    assert feed.start_ns <= results[0].poses["head"].time_ns <= results[0].time_ns


def test_replay_is_repeatable(whole_feed):
    runs = []
    for _ in range(2):
        results = []
        replay_feed(open_feed(whole_feed), results.append)
        runs.append([r.poses["coil_body"].world_from_body.as_matrix() for r in results])
    np.testing.assert_array_equal(*runs)


def test_a_feed_without_tags_in_sight_and_without_truth(tmp_path):
    folder = make_feed(tmp_path / "empty.feed", 3, blank=range(3))
    (folder / "truth.csv").unlink()
    summary = replay_feed(open_feed(folder))
    assert summary.bodies["coil_body"].lost == 3
    assert summary.bodies["coil_body"].median_rms_px is None
    assert summary.errors is None


def test_the_error_of_a_point_is_that_seen_from_the_head():
    head, coil = rendering.pose([0, 0, 700]), rendering.pose([50, 0, 700])
    moved = rendering.pose([3, 0, 0])
    same = point_error((moved * head, moved * coil), (head, coil), np.zeros(3))
    assert same.distance_mm == pytest.approx(0, abs=1e-9)
    turned = coil * rendering.pose([0, 0, 0], [0, 0, 1])
    error = point_error((head, turned), (head, coil), np.array([100.0, 0, 0]))
    assert error.angle_deg == pytest.approx(1)
    assert error.distance_mm == pytest.approx(100 * np.deg2rad(1), rel=1e-3)
    assert summarise_errors([]) is None


@pytest.mark.skipif(not PRACTICE.is_dir(), reason="the practice feed has not been made")
def test_the_practice_feed_starts_as_its_truth_says():
    feed = open_feed(PRACTICE)
    results = []

    class Enough(Exception):
        pass

    def collect(tracked):
        results.append(tracked)
        if len(results) == 20:
            raise Enough

    with pytest.raises(Enough):
        replay_feed(feed, collect)
    heads = [tracked.poses["head"].state for tracked in results]
    assert heads.count(TrackingState.TRACKED) >= 18


def _recordings():
    root = os.environ.get("COILPILOT_TEST_DATA")
    folder = Path(root) if root else Path(__file__).parents[3] / "shared" / "data"
    return sorted((folder / "real-feeds").glob("*/calibration/extrinsic/cam_*.mp4"))[:2]


def test_real_webcam_recordings_decode():
    videos = _recordings()
    if not videos:
        pytest.skip("no recorded webcams: set COILPILOT_TEST_DATA to the folder with real-feeds")
    for video in videos:
        reader = VideoReader(video)
        assert reader.read().shape == (reader.properties.height, reader.properties.width)
        reader.close()
