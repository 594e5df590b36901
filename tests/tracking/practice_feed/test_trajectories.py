"""The motion of head, coil and sleeve: how fast, how smooth, how near the target."""

import numpy as np
import pytest

from tracking.practice_feed.trajectories import (
    PERIOD,
    coil_motion,
    head_sway,
    keyed,
    sleeve_advance,
)

STEP = 1e-3
TIMES = np.arange(0.0, PERIOD, STEP)
PLATE = np.array([3.5, 98.0, 58.0])


@pytest.mark.parametrize("seed", [1, 7])
def test_head_sways_at_the_speed_of_a_person(seed):
    sway = head_sway(np.random.default_rng(seed), PLATE)
    path = sway.rest_from_mri(TIMES).apply(PLATE)
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1) / STEP
    assert speed.mean() == pytest.approx(1.5, rel=0.01)
    assert np.abs(path - PLATE).max() < 15


def test_coil_is_never_faster_than_a_hand_moves_it():
    path = coil_motion(np.random.default_rng(1)).target_from_coil(TIMES).translation
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1) / STEP
    assert speed.max() < 125
    assert np.linalg.norm(path[0]) == pytest.approx(250, abs=5)


@pytest.mark.parametrize(("start", "end"), [(14.0, 30.0), (46.0, 56.0)])
def test_coil_is_held_on_the_target(start, end):
    motion = coil_motion(np.random.default_rng(1))
    offset = motion.target_from_coil(np.arange(start, end, 0.01))
    assert np.linalg.norm(offset.translation, axis=1).max() < 1.5
    assert np.rad2deg(offset.rotation.magnitude()).max() < 2.0
    tremor = offset.translation - offset.translation.mean(axis=0)
    assert 0.15 < np.sqrt((tremor**2).sum(axis=1).mean()) < 0.45


def test_coil_is_turned_on_arrival_and_wanders_off_later():
    motion = coil_motion(np.random.default_rng(1))
    arrival = motion.target_from_coil(np.array([8.0]))[0]
    assert np.rad2deg(arrival.rotation.as_rotvec()[2]) == pytest.approx(25, abs=1)
    astray = motion.target_from_coil(np.array([36.0]))[0]
    assert np.linalg.norm(astray.translation) == pytest.approx(12, abs=1)
    assert np.rad2deg(astray.rotation.magnitude()) == pytest.approx(10, abs=1)


def test_every_motion_can_be_played_in_a_loop():
    rng = np.random.default_rng(3)
    sway, motion = head_sway(rng, PLATE), coil_motion(rng)
    ends = np.array([0.0, PERIOD])
    for poses in (sway.rest_from_mri(ends), motion.target_from_coil(ends)):
        np.testing.assert_allclose(poses[0].as_matrix(), poses[1].as_matrix(), atol=1e-6)


def test_paths_between_keys_are_smooth_to_the_second_derivative():
    times, values = np.array([0.0, 1.0, 3.0]), np.array([[0.0], [2.0], [-1.0]])
    fine = np.arange(-0.5, 3.5, STEP)
    path = keyed(fine, times, values)[:, 0]
    acceleration = np.diff(path, 2) / STEP**2
    assert np.abs(np.diff(acceleration)).max() < 0.2  # a kink in velocity would give 1000
    np.testing.assert_allclose(keyed(times, times, values), values)


def test_sleeve_stays_for_four_seconds():
    advance = sleeve_advance(TIMES)
    assert (advance == 1.0).sum() * STEP >= 4.0
    assert advance[0] == advance[-1] == 0.0
