"""Poses of other trackers: what names mean, what is a measurement and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.tracking import rendering
from tracking.foreign_poses import (
    NamesError,
    PoseRefused,
    PoseWatch,
    TransformNames,
    parse_names,
    rigid_from_matrix,
)
from tracking.poses import TrackingState

POSE = rendering.pose([10.0, -20.0, 900.0], [5, 10, -170])
MATRIX = POSE.as_matrix()
NAMES = TransformNames({"HeadToTracker": "head", "TrackerToCoil": "coil_body", "Pen": "pointer"})


@given(
    st.lists(st.floats(-1, 1), min_size=4, max_size=4),
    st.lists(st.floats(-9e4, 9e4), min_size=3, max_size=3),
)
def test_a_rigid_matrix_in_single_precision_is_taken(quaternion, place):
    if np.linalg.norm(quaternion) < 1e-3 or np.linalg.norm(place) < 1e-2:
        return
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat(quaternion).as_matrix()
    matrix[:3, 3] = place
    rounded = matrix.astype(np.float32).astype(float)
    transform = rigid_from_matrix(rounded)
    np.testing.assert_allclose(transform.as_matrix(), matrix, atol=1e-2)
    turn = transform.rotation.as_matrix()
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)


def _changed(change):
    matrix = MATRIX.copy()
    change(matrix)
    return matrix


@pytest.mark.parametrize(
    ("matrix", "told"),
    [
        (np.eye(4), "identity"),
        (np.zeros((4, 4)), "last row"),
        (_changed(lambda m: m[:3, :3].fill(0)), "not rigid"),
        (_changed(lambda m: m.__setitem__((0, 3), np.nan)), "finite"),
        (_changed(lambda m: m.__setitem__((1, 1), np.inf)), "finite"),
        (_changed(lambda m: m.__setitem__((slice(0, 3), 0), -m[:3, 0])), "mirrored"),
        (_changed(lambda m: m.__setitem__((slice(0, 3), slice(0, 3)), 1.01 * m[:3, :3])), "rigid"),
        (_changed(lambda m: m.__setitem__((0, 3), 1e38)), "farther"),
        (_changed(lambda m: m.__setitem__((0, 0), 1e300)), "farther"),
    ],
)  # fmt: skip
def test_what_is_no_pose_is_refused_and_lost(matrix, told):
    with pytest.raises(PoseRefused, match=told):
        rigid_from_matrix(matrix)
    watch = PoseWatch("head")
    pose = watch.judge(matrix, inverted=False, stamp_ns=None, time_ns=5)
    assert (pose.state, pose.time_ns, pose.world_from_body) == (TrackingState.LOST, 5, None)


def test_names_tell_body_and_direction():
    assert NAMES.body("HeadToTracker") == "head"
    assert NAMES.body("ProbeToTracker") is None
    assert TransformNames({}, others=True).body("ProbeToTracker") == "ProbeToTracker"
    assert [NAMES.inverted(name) for name in NAMES.bodies] == [False, True, False]
    watch = PoseWatch("coil_body")
    pose = watch.judge(POSE.inv().as_matrix(), inverted=True, stamp_ns=None, time_ns=0)
    np.testing.assert_allclose(pose.world_from_body.as_matrix(), MATRIX, atol=1e-9)
    assert not pose.quality.known


def test_a_transform_that_does_not_lead_to_the_tracker_is_told():
    with pytest.raises(NamesError, match=r"'StylusToReference' neither leads .* StylusToTracker"):
        TransformNames({"StylusToReference": "pointer"})
    assert TransformNames({"StylusToReference": "pointer"}, tracker="Reference")


def test_words_of_the_command_line():
    assert parse_names(["HeadToTracker=head", " A = b "]) == {"HeadToTracker": "head", "A": "b"}
    for wrong in ("HeadToTracker", "=head", "HeadToTracker="):
        with pytest.raises(NamesError, match="HeadToTracker=head"):
            parse_names([wrong])
    with pytest.raises(NamesError, match="two bodies"):
        parse_names(["A=b", "A=c"])


def test_repeats_are_no_measurements():
    watch = PoseWatch("head")
    moved = (rendering.pose([1, 0, 0]) * POSE).as_matrix()

    def judge(matrix, stamp, time):
        return watch.judge(matrix, inverted=False, stamp_ns=stamp, time_ns=time)

    assert judge(MATRIX, 100, 1).state is TrackingState.TRACKED
    assert judge(moved, 100, 2) is None, "the same time again"
    assert judge(moved, 99, 3) is None, "an earlier time"
    assert judge(MATRIX, 101, 4) is None, "the same bits at a new time"
    assert judge(MATRIX, None, 5) is None, "the same bits without a time"
    assert judge(moved, 102, 6).state is TrackingState.TRACKED
    assert judge(np.eye(4), 103, 7).state is TrackingState.LOST
    assert judge(moved, 104, 8) is None, "what was there before it was lost"
