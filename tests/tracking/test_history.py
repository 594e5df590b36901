"""The pose history interpolates between what was seen and refuses everything else."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracking import rendering
from tracking.history import Missing, PoseHistory, PoseUnavailable
from tracking.poses import POSE_LIMIT_NS, BodyPose, PoseQuality, TrackingState


def _tracked(time_ns, position=(0, 0, 0), rotation=(0, 0, 0), sigma=0.1):
    return BodyPose(
        body="coil_body",
        time_ns=time_ns,
        state=TrackingState.TRACKED,
        world_from_body=rendering.pose(position, rotation),
        quality=PoseQuality(24, 6, 2, 0.05, np.eye(6) * sigma**2),
    )


def _lost(time_ns):
    return BodyPose("coil_body", time_ns, TrackingState.LOST, None, None)


def _history(*poses, capacity=64):
    history = PoseHistory("coil_body", capacity)
    for pose in poses:
        history.append(pose)
    return history


def _refusal(history, time_ns):
    with pytest.raises(PoseUnavailable) as refusal:
        history.at(time_ns)
    return refusal.value.reason


shifts = st.floats(-100, 100)
turns = st.floats(-60, 60)


@given(
    st.tuples(shifts, shifts, shifts),
    st.tuples(turns, turns, turns),
    st.tuples(turns, turns, turns),
    st.integers(1, POSE_LIMIT_NS),
    st.floats(0, 1),
)
def test_position_is_linear_and_rotation_turns_about_one_axis(end, first, second, gap, share):
    start = 10**12
    history = _history(_tracked(start, (0, 0, 0), first), _tracked(start + gap, end, second))
    time_ns = start + int(share * gap)
    exact = (time_ns - start) / gap
    pose = history.at(time_ns)
    np.testing.assert_allclose(pose.world_from_body.translation, exact * np.array(end), atol=1e-9)
    one, two = (rendering.pose((0, 0, 0), rotation).rotation for rotation in (first, second))
    whole = (two * one.inv()).magnitude()
    part = (pose.world_from_body.rotation * one.inv()).magnitude()
    rest = (two * pose.world_from_body.rotation.inv()).magnitude()
    assert part == pytest.approx(exact * whole, abs=1e-6)
    assert part + rest == pytest.approx(whole, abs=1e-6)
    assert pose.gap_ns in (0, gap)
    assert pose.state is TrackingState.TRACKED


@given(st.lists(st.integers(0, 400_000_000), min_size=1, max_size=12), st.integers(0, 10**9))
def test_every_answer_lies_between_tracked_samples_that_are_close(steps, query):
    times = np.unique(np.cumsum([step + 1 for step in steps]))
    history = _history(*[_tracked(int(time_ns)) for time_ns in times])
    try:
        pose = history.at(query)
    except PoseUnavailable as refusal:
        before, after = times[times <= query], times[times >= query]
        if refusal.reason is Missing.NOT_YET:
            assert not after.size
        elif refusal.reason is Missing.TOO_OLD:
            assert not before.size
        else:
            assert after[0] - before[-1] > POSE_LIMIT_NS
    else:
        assert pose.gap_ns <= POSE_LIMIT_NS
        assert pose.age_ns <= pose.gap_ns / 2
        assert times[0] <= query <= times[-1]


def test_an_exact_sample_is_given_as_it_is_and_the_worse_quality_otherwise():
    history = _history(_tracked(100, sigma=0.1), _tracked(200, sigma=0.4), _tracked(300, sigma=0.2))
    assert history.at(100).gap_ns == 0
    assert history.at(100).quality.sigma_mm == pytest.approx(0.1)
    assert history.at(150).quality.sigma_mm == pytest.approx(0.4)
    assert history.at(280).quality.sigma_mm == pytest.approx(0.4)
    assert history.at(280).age_ns == 20


def test_refusals_tell_why():
    assert _refusal(_history(), 5) is Missing.NOT_YET
    history = _history(_tracked(1_000), _tracked(1_000 + POSE_LIMIT_NS + 1))
    assert _refusal(history, 999) is Missing.TOO_OLD
    assert _refusal(history, 1_500) is Missing.LOST_THEN
    assert _refusal(history, 10**9) is Missing.NOT_YET
    history.append(_lost(2 * 10**9))
    assert _refusal(history, 10**9) is Missing.LOST_THEN
    assert _refusal(history, 3 * 10**9) is Missing.NOT_YET


def test_only_tracked_poses_are_interpolated_but_the_newest_is_any():
    predicted = BodyPose(
        "coil_body", 100, TrackingState.PREDICTED, rendering.pose((9, 9, 9)), _tracked(0).quality
    )
    history = _history(_tracked(100), predicted, _tracked(200, (2, 0, 0)), _lost(300))
    assert history.newest().state is TrackingState.LOST
    assert history.at(150).world_from_body.translation[0] == pytest.approx(1.0)
    assert _refusal(history, 250) is Missing.LOST_THEN


def test_the_oldest_are_forgotten():
    history = _history(*[_tracked(k) for k in range(10)], capacity=4)
    assert _refusal(history, 5) is Missing.TOO_OLD
    assert history.at(6).time_ns == 6


def test_a_pose_of_another_body_is_refused():
    with pytest.raises(ValueError, match="history of 'head'"):
        PoseHistory("head").append(_lost(1))


def test_reading_while_writing(no_thread_left):
    history = _history(_tracked(0), capacity=16)
    failures = []

    def read():
        for _ in range(300):
            newest = history.newest().time_ns
            try:
                assert history.at(newest).time_ns == newest
            except PoseUnavailable as refusal:
                if refusal.reason is not Missing.TOO_OLD:
                    failures.append(refusal)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for time_ns in range(1, 2000):
        history.append(_tracked(time_ns))
    for reader in readers:
        reader.join()
    assert not failures
