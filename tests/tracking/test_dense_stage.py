"""When poses are refined by pixels: always, only with time to spare, or never."""

import time

import numpy as np
import pytest

from tests.tracking import making_feeds, rendering
from tracking.dense_stage import Dense, DenseStage
from tracking.frames import Frame
from tracking.poses import TrackingState
from tracking.tracker import Tracker

HEAD, COIL = making_feeds.HEAD, making_feeds.COIL
CAMERAS = making_feeds.cameras()
MS = 1_000_000


@pytest.fixture(scope="module")
def pictures():
    poses = [(HEAD, making_feeds.head_at(0.0)), (COIL, making_feeds.coil_at(0.0))]
    return {view.name: rendering.render(view, poses) for view in CAMERAS}


def _run(pictures, dense, gap_ms=33, count=4):
    tracker = Tracker(CAMERAS, [HEAD, COIL], dense=dense)
    for step in range(count):
        tracked = tracker.process(
            [Frame(name, step, step * gap_ms * MS, image) for name, image in pictures.items()]
        )
    return tracked.poses["head"]


def test_refined_poses_claim_less_noise_and_are_the_same_each_time(pictures):
    plain, refined = _run(pictures, "never"), _run(pictures, "always")
    assert plain.state is refined.state is TrackingState.TRACKED
    assert refined.quality.sigma_mm < plain.quality.sigma_mm
    shift = refined.world_from_body.translation - making_feeds.head_at(0.0).translation
    assert np.linalg.norm(shift) < 4 * refined.quality.sigma_mm
    again = _run(pictures, "always")
    np.testing.assert_array_equal(
        again.world_from_body.as_matrix(), refined.world_from_body.as_matrix()
    )


def test_without_time_to_spare_nothing_is_refined(pictures):
    plain = _run(pictures, "never", gap_ms=1)
    hurried = _run(pictures, "spare_time", gap_ms=1)
    np.testing.assert_array_equal(
        hurried.world_from_body.as_matrix(), plain.world_from_body.as_matrix()
    )


def test_time_that_is_spent_already_is_not_spared(pictures):
    stage = DenseStage(CAMERAS, [HEAD, COIL], Dense.SPARE_TIME)
    pose = _run(pictures, "never")
    for step in range(4):
        stage.note_images(step * 1000 * MS)
    late = time.perf_counter_ns() - 900 * MS
    assert stage.refine(pose, {}, {}, np.eye(6), late) is pose


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="sometimes"):
        Tracker(CAMERAS, [HEAD], dense="sometimes")
