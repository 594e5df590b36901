"""Recorded sequences of PLUS: read, replayed, played in real time; what is wrong is named."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import numpy as np
import pytest

from tests.tracking.igtl.peers import wait_until
from tests.tracking.making_sequences import (
    FOOTER,
    HEADER,
    INTERVAL_S,
    coil_at,
    frame_text,
    head_at,
    write_sequence,
)
from tracking.foreign_poses import TransformNames
from tracking.plus_sequence import is_sequence, read_sequence
from tracking.pose_source import PosePipeline, PoseSourceError
from tracking.poses import TrackingState
from tracking.sequence_source import SequencePoses, SequenceSource, replay_sequence

TRACKED, PREDICTED, LOST = TrackingState.TRACKED, TrackingState.PREDICTED, TrackingState.LOST
NAMES = TransformNames({"HeadToTracker": "head", "TrackerToCoil": "coil_body"})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "two.igs.mha"


def replayed(path, names=NAMES):
    results = []
    summary = replay_sequence(SequencePoses(read_sequence(path), names), results.append)
    return summary, results


def test_frames_and_their_exact_times(path):
    sequence = read_sequence(write_sequence(path, [frame_text(k) for k in (0, 1, 2)]))
    assert [frame.time_ns for frame in sequence.frames] == [
        1_840_749_750_288_000 + 20_000_000 * k for k in range(3)
    ]
    assert sequence.frames[0].unfiltered_time_ns == 1_840_749_753_288_000
    assert sequence.transform_names == ("HeadToTracker", "TrackerToCoil")
    assert (sequence.name, sequence.duration_ns) == ("two", 40_000_000)
    np.testing.assert_allclose(
        sequence.frames[1].transforms["HeadToTracker"].matrix, head_at(1).as_matrix(), atol=1e-6
    )


def test_the_image_is_not_read(tmp_path):
    path = tmp_path / "alone.igs.mhd"
    write_sequence(path, [frame_text(0)], image=b"")
    path.write_text(path.read_text().replace("LOCAL", "alone.igs.zraw"))
    assert len(read_sequence(path).frames) == 1
    assert is_sequence(path)
    assert not is_sequence(tmp_path / "head.mha")


def test_a_replay_gives_poses_in_the_trackers_frame(path):
    write_sequence(path, [frame_text(k) for k in range(5)])
    summary, results = replayed(path)
    assert (summary.name, summary.instants, summary.frames) == ("two", 5, 0)
    assert summary.bodies["head"].tracked == summary.bodies["coil_body"].tracked == 5
    assert summary.bodies["head"].median_rms_px is None
    for frame, tracked in enumerate(results):
        for body, truth in (("head", head_at(frame)), ("coil_body", coil_at(frame))):
            found = tracked.poses[body].world_from_body.as_matrix()
            np.testing.assert_allclose(found, truth.as_matrix(), atol=1e-5)
            assert tracked.poses[body].time_ns == tracked.time_ns


@pytest.mark.parametrize("status", ["INVALID", "MISSING", "OUT_OF_VIEW", "anything"])
def test_a_status_that_is_not_ok_is_lost(path, status):
    frames = [frame_text(k, statuses={"head": status} if k == 2 else {}) for k in range(4)]
    summary, results = replayed(write_sequence(path, frames))
    states = [tracked.poses["head"].state for tracked in results]
    assert states == [TRACKED, TRACKED, LOST, TRACKED]
    assert summary.bodies["coil_body"].tracked == 4


def test_a_pose_that_does_not_change_is_predicted_then_lost(path):
    still = head_at(0).as_matrix()
    frames = [frame_text(k, head=still) for k in range(12)] + [frame_text(12)]
    _, results = replayed(write_sequence(path, frames))
    states = [tracked.poses["head"].state for tracked in results]
    assert states == [TRACKED] * 4 + [PREDICTED] * 4 + [LOST] * 4 + [TRACKED]
    assert 3 * INTERVAL_S <= 0.075 < 4 * INTERVAL_S


def test_a_sequence_whose_transforms_are_identity_is_lost(path):
    root = os.environ.get("COILPILOT_TEST_DATA")
    folder = Path(root) if root else Path(__file__).parents[3] / "shared" / "data"
    recorded = folder / "plus" / "TimestampFilteringTest.igs.mha"
    if not recorded.is_file():
        pytest.skip("no recorded sequence: set COILPILOT_TEST_DATA to the folder with plus")
    summary, results = replayed(recorded, None)
    assert summary.instants == 500
    assert summary.duration_s == pytest.approx(32.2, abs=0.01)
    assert summary.bodies["IdentityToIdentity"].lost == 500
    assert results[0].time_ns == 1_840_749_750_288_000


def test_transforms_that_are_not_there_are_named(path):
    sequence = read_sequence(write_sequence(path, [frame_text(0)]))
    with pytest.raises(PoseSourceError, match=r"none of .* PenToTracker but HeadToTracker"):
        SequencePoses(sequence, TransformNames({"PenToTracker": "pointer"}))


def test_it_plays_through_the_pipeline_in_real_time(path):
    write_sequence(path, [frame_text(k) for k in range(10)])
    results, errors = [], []
    source = SequenceSource(SequencePoses(read_sequence(path), NAMES), speed=2.0)
    began_ns = time.monotonic_ns()
    pipeline = PosePipeline(source, results.append, on_error=errors.append, lossless=True)
    pipeline.start()
    try:
        assert pipeline.wait_finished(30)
        wait_until(lambda: results[-1].poses["head"].state is LOST, "silence after the end")
    finally:
        pipeline.stop()
    assert errors == []
    assert pipeline.counters.captured == pipeline.counters.processed == 10
    times = sorted({r.poses["head"].time_ns for r in results if r.poses["head"].state is TRACKED})
    np.testing.assert_allclose(np.diff(times), 10_000_000, atol=2)
    assert times[0] >= began_ns
    middle = pipeline.histories["coil_body"].at((times[3] + times[4]) // 2)
    expected = (coil_at(3).translation + coil_at(4).translation) / 2
    np.testing.assert_allclose(middle.world_from_body.translation, expected, atol=1e-4)


def test_a_loop_goes_on_and_ends_when_closed(path):
    write_sequence(path, [frame_text(k) for k in range(3)])
    source = SequenceSource(SequencePoses(read_sequence(path), NAMES), speed=100.0, loop=True)
    times = [source.read()[0].time_ns for _ in range(10)]
    assert all(later > earlier for earlier, later in itertools.pairwise(times))
    source.close()
    source.close()
    assert source.read() is None


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        ([frame_text(0).replace("1840749.75", "noon")], "Line 15 .* is no time in seconds"),
        ([frame_text(0).replace("1840749.75", "1e999999999")], "Line 15 .* no time in seconds"),
        ([frame_text(0).replace("1840749.75", "-1")], "Line 15 .* no time in seconds"),
        ([frame_text(0, head=[1.0] * 15)], "Line 12 .* 16 numbers"),
        ([frame_text(0).replace("0.", "x.")], "16 numbers"),
        ([frame_text(0), frame_text(1, time_s=1.0)], "Line 18 .* frame 1, which is not later"),
        ([frame_text(0), "Seq_Frame0001_HeadToTrackerTransformStatus = OK\n"], "has no time"),
        ([], "no frames"),
        (["a" * 70_000], "header has no end"),
    ],
)
def test_a_wrong_line_is_named(path, frames, told):
    write_sequence(path, frames)
    with pytest.raises(PoseSourceError, match=told) as failure:
        read_sequence(path)
    assert str(path) in str(failure.value)


def test_files_that_are_no_sequence_are_told(path):
    with pytest.raises(PoseSourceError, match="cannot be read"):
        read_sequence(path)
    path.write_bytes(HEADER.encode() + frame_text(0).encode()[:-4])
    with pytest.raises(PoseSourceError, match="cut short"):
        read_sequence(path)
    path.write_bytes(os.urandom(1000).replace(b"\n", b"") + b"\n")
    with pytest.raises(PoseSourceError, match=r"Line 1|cut short"):
        read_sequence(path)
    path.write_text(FOOTER)
    with pytest.raises(PoseSourceError, match="no frames"):
        read_sequence(path)
