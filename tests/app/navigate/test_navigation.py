"""From two bodies' poses to one statement about the coil, with its age and its state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from app.navigate.guidance import Tolerance
from app.navigate.navigation import COIL_BODY, HEAD, Setup, navigate
from app.navigate.uncertainty import head_relative_sigma
from render.guidance_state import GuidanceState
from tests.app.navigate.making_poses import (
    COIL_BODY_FROM_COIL,
    MRI_FROM_HEAD,
    SETUP,
    SURFACES,
    TARGET,
    both,
    quality,
    transform,
    unseen,
    world_poses,
)
from tracking.poses import POSE_LIMIT_NS, TrackingState

MS = 1_000_000
rotvecs = st.tuples(*[st.floats(-170, 170)] * 3)
places = st.tuples(*[st.floats(-500, 500)] * 3)


@given(places, rotvecs)
def test_the_coils_place_on_the_head_does_not_depend_on_where_the_person_sits(place, turn):
    mri_from_coil = transform((-41, -22, 83), (165, 22, 3))
    poses = both(mri_from_coil, world_from_head=transform(place, turn))
    found = navigate(poses, SETUP, SURFACES, 0).mri_from_coil
    assert np.allclose(found.as_matrix(), mri_from_coil.as_matrix(), atol=1e-7)


def test_on_target_near_off_and_lost():
    for shift, state in (
        (0.0, GuidanceState.ON_TARGET),
        (2.9, GuidanceState.ON_TARGET),
        (3.1, GuidanceState.NEAR),
        (8.9, GuidanceState.NEAR),
        (9.1, GuidanceState.OFF_TARGET),
    ):
        coil = TARGET.mri_from_target * transform((shift, 0, 0))
        assert navigate(both(coil), SETUP, SURFACES, 0).state(0) is state, shift


def test_a_pose_past_its_limit_is_lost_whatever_it_says():
    navigation = navigate(both(TARGET.mri_from_target), SETUP, SURFACES, 0)
    assert navigation.state(POSE_LIMIT_NS) is GuidanceState.ON_TARGET
    assert navigation.state(POSE_LIMIT_NS + 1) is GuidanceState.LOST
    assert not navigation.fresh(POSE_LIMIT_NS + 1)


def test_a_predicted_pose_is_shown_but_never_on_target():
    poses = both(TARGET.mri_from_target, state=TrackingState.PREDICTED)
    navigation = navigate(poses, SETUP, SURFACES, 0)
    assert navigation.mri_from_coil is not None
    assert not navigation.tracked
    assert not navigation.on_target
    assert navigation.state(0) is GuidanceState.NEAR


@pytest.mark.parametrize("state", [TrackingState.LOST, TrackingState.AMBIGUOUS])
@pytest.mark.parametrize("body", [HEAD, COIL_BODY])
def test_without_either_body_there_is_no_coil_pose(body, state):
    poses = both(TARGET.mri_from_target) | {body: unseen(body, 0, state)}
    navigation = navigate(poses, SETUP, SURFACES, 0)
    assert navigation.mri_from_coil is None
    assert navigation.guidance is None
    assert navigation.state(0) is GuidanceState.LOST
    assert not navigation.on_target


def test_the_age_is_that_of_the_older_body():
    poses = both(TARGET.mri_from_target, time_ns=50 * MS)
    poses[HEAD] = both(TARGET.mri_from_target, time_ns=20 * MS)[HEAD]
    assert navigate(poses, SETUP, SURFACES, 50 * MS).age_ns(70 * MS) == 50 * MS


def test_without_a_target_nothing_is_on_target():
    setup = Setup(MRI_FROM_HEAD, COIL_BODY_FROM_COIL, None, Tolerance())
    navigation = navigate(both(TARGET.mri_from_target), setup, SURFACES, 0)
    assert navigation.guidance is None
    assert not navigation.on_target
    assert navigation.state(0) is GuidanceState.OFF_TARGET


@pytest.mark.parametrize("height", [-4.0, 0.0, 7.0, 60.0])
def test_distances_to_scalp_and_cortex_along_the_axis(height):
    """A coil over the crown of a sphere of 100 mm around one of 85 mm, pointing at its centre."""
    over_crown = transform((0, 0, 100 + height), (180, 0, 0))
    navigation = navigate(both(over_crown), SETUP, SURFACES, 0)
    assert navigation.scalp_distance == pytest.approx(height, abs=0.05)
    assert navigation.cortex_distance == pytest.approx(15 + height, abs=0.05)


def test_a_coil_that_points_away_has_no_distance():
    away = transform((0, 0, 150), (0, 0, 0))
    navigation = navigate(both(away), SETUP, SURFACES, 0)
    assert navigation.cortex_distance is None
    assert navigation.scalp_distance is None


def test_tracking_noise_of_the_coil_on_the_head_against_simulation():
    rng = np.random.default_rng(1)
    head, coil = world_poses(TARGET.mri_from_target, transform((30, -50, 900), (170, 5, 10)))
    covariance = quality(3e-4, 0.03).covariance
    sigma_mm, sigma_deg = head_relative_sigma(
        head, covariance, coil, covariance, COIL_BODY_FROM_COIL
    )
    head_turns, head_places = _disturbed(head, covariance, rng)
    coil_turns, coil_places = _disturbed(coil, covariance, rng)
    focal_points = coil_turns.apply(COIL_BODY_FROM_COIL.translation) + coil_places
    places = head_turns.inv().apply(focal_points - head_places)
    turns = (
        head_turns.inv() * coil_turns * (head.rotation.inv() * coil.rotation).inv()
    ).as_rotvec()
    spread_mm = np.sqrt(np.linalg.eigvalsh(np.cov(places.T))[-1])
    spread_deg = np.rad2deg(np.sqrt(np.linalg.eigvalsh(np.cov(turns.T))[-1]))
    assert sigma_mm == pytest.approx(spread_mm, rel=0.06)
    assert sigma_deg == pytest.approx(spread_deg, rel=0.06)


def _disturbed(pose, covariance, rng, count=4000):
    """Rotations and places of `pose` with `count` left-hand errors about its origin."""
    errors = rng.multivariate_normal(np.zeros(6), covariance, count)
    return Rotation.from_rotvec(errors[:, :3]) * pose.rotation, pose.translation + errors[:, 3:]
