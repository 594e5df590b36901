"""The motion filter against exact motions: velocity, order of time, gaps, jumps, covariance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from tracking.motion_filter import STRENGTHS, MotionFilter

MS = 1_000_000
NOISE = np.diag([1e-4**2] * 3 + [0.03**2] * 3)


def _pose(seconds, twist, start=(0.0, 0.0, 800.0)):
    turn = Rotation.from_rotvec(np.asarray(twist[:3]) * seconds)
    return RigidTransform.from_components(np.array(start) + np.asarray(twist[3:]) * seconds, turn)


def _noisy(pose, rng):
    error = rng.normal(size=6) * np.sqrt(np.diagonal(NOISE))
    turn = Rotation.from_rotvec(error[:3]) * pose.rotation
    return RigidTransform.from_components(pose.translation + error[3:], turn).as_matrix()


def _followed(twist, times_ms, seed=0):
    rng = np.random.default_rng(seed)
    motion = MotionFilter(times_ms[0] * MS, _noisy(_pose(times_ms[0] / 1e3, twist), rng), NOISE)
    for time in times_ms[1:]:
        assert motion.update(time * MS, _noisy(_pose(time / 1e3, twist), rng), NOISE)
    return motion


speeds = st.floats(-150, 150)
turns = st.floats(-1.0, 1.0)


@settings(max_examples=10, deadline=None)
@given(
    st.tuples(turns, turns, turns, speeds, speeds, speeds),
    st.lists(st.integers(10, 60), min_size=40, max_size=40),
    st.integers(0, 2**31),
)
def test_a_steady_motion_is_learned_at_whatever_times_it_is_seen(twist, gaps, seed):
    motion = _followed(twist, np.cumsum(gaps).tolist(), seed)
    assert np.abs(motion.state.twist[3:] - twist[3:]).max() < 4.0
    assert np.abs(motion.state.twist[:3] - twist[:3]).max() < 0.02
    ahead = motion.expect(motion.state.time_ns + 20 * MS)
    true = _pose(ahead.time_ns / 1e9, twist)
    np.testing.assert_allclose(ahead.translation, true.translation, atol=0.2)
    covariance = ahead.covariance
    np.testing.assert_allclose(covariance, covariance.T, atol=1e-9)
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_a_resting_body_gets_the_noise_of_rest_and_a_starting_one_that_of_motion_at_once():
    motion = _followed((0.0,) * 6, list(range(0, 1320, 33)))
    assert motion.strength <= STRENGTHS[1]
    assert np.linalg.norm(motion.state.twist[3:]) < 3.0
    started = motion.state.time_ns
    for step in range(1, 4):
        pose = RigidTransform.from_translation([6.0 * step, 0, 800.0]).as_matrix()
        assert motion.update(started + step * 33 * MS, pose, NOISE)
    assert motion.strength >= 100.0
    assert motion.state.twist[3] == pytest.approx(180, rel=0.25)


def test_the_expected_pose_is_off_by_as_much_as_its_covariance_says():
    distances = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        twist = np.array([0.1, 0, 0.2, 40.0, 10.0, -20.0])
        motion = _followed(twist, list(range(0, 660, 33)), seed)
        state = motion.expect(660 * MS)
        measured = _noisy(_pose(0.66, twist), rng)
        turn = Rotation.from_matrix(measured[:3, :3] @ state.rotation.T).as_rotvec()
        off = np.concatenate([turn, measured[:3, 3] - state.translation])
        distances.append(off @ np.linalg.solve(state.covariance[:6, :6] + NOISE, off))
    assert 3.0 < np.mean(distances) < 9.0  # six degrees of freedom


def test_a_late_measurement_takes_part_and_a_much_too_late_one_does_not():
    twist = (0, 0, 0, 100.0, 0, 0)
    motion = _followed(twist, list(range(0, 330, 33)))
    newest = motion.state.time_ns
    before = motion.state.covariance[3, 3]
    late = newest - 15 * MS
    assert motion.update(late, _pose(late / 1e9, twist).as_matrix(), NOISE)
    assert motion.state.time_ns == newest
    assert motion.state.covariance[3, 3] < before
    assert motion.state.translation[0] == pytest.approx(newest / 1e9 * 100.0, abs=0.1)
    kept = motion.state
    assert not motion.update(newest - 80 * MS, _pose(0, twist).as_matrix(), NOISE)
    assert motion.state is kept


def test_what_no_motion_explains_is_refused_and_changes_nothing():
    motion = _followed((0.0,) * 6, list(range(0, 660, 33)))
    kept = motion.state
    flipped = RigidTransform.from_components([0, 0, 800.0], Rotation.from_rotvec([0, 0.9, 0]))
    assert not motion.update(kept.time_ns + 33 * MS, flipped.as_matrix(), NOISE)
    assert motion.state is kept


@settings(max_examples=20, deadline=None)
@given(st.integers(-40, 2000))
def test_the_further_from_the_newest_measurement_the_less_is_known(gap_ms):
    motion = _followed((0, 0, 0, 30.0, 0, 0), list(range(0, 330, 33)))
    near = motion.expect(motion.state.time_ns)
    far = motion.expect(motion.state.time_ns + gap_ms * MS)
    assert far.covariance[9, 9] >= near.covariance[9, 9]
    assert np.linalg.eigvalsh(far.covariance).min() > 0
    wider = motion.expect(far.time_ns, 300.0)
    assert np.diagonal(wider.covariance >= far.covariance - 1e-12).all()
