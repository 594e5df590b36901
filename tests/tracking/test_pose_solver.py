"""Poses against exact and rendered truth: error, covariance, outliers, ambiguity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from tests.tracking import rendering
from tracking.bodies import MarkerBody, bent_plate
from tracking.detection import TagObservation
from tracking.pose_solver import solve_body_pose
from tracking.poses import TrackingState
from tracking.reprojection import Placement, residuals, sighting_of

HEAD = bent_plate("head", 0)
LEFT, RIGHT = rendering.pair()
CAMERAS = {"left": LEFT, "right": RIGHT}
POSE = rendering.pose([100, 40, 800], [10, 25, -8])


def _observe(pose, *, noise=0.05, seed=0, names=("left", "right"), tags=None, body=HEAD):
    rng = np.random.default_rng(seed)
    return {
        name: [
            TagObservation(
                tag,
                rendering.true_corners(CAMERAS[name], body, pose, tag)
                + rng.normal(0, noise, (4, 2)),
            )
            for tag in (body.corners if tags is None else tags)
        ]
        for name in names
    }


def _errors(solution, truth):
    shift = np.asarray(solution.world_from_body.translation - truth.translation)
    turn = (solution.world_from_body.rotation * truth.rotation.inv()).as_rotvec()
    return np.concatenate([turn, shift])


angles = st.floats(-40, 40)


@settings(max_examples=25, deadline=None)
@given(st.tuples(angles, angles, angles), st.floats(500, 1100), st.booleans())
def test_exact_corners_give_the_exact_pose_without_a_prior(rotation, depth, both):
    truth = rendering.pose([80, 20, depth], rotation)
    names = ("left", "right") if both else ("left",)
    solution = solve_body_pose(HEAD, _observe(truth, noise=0, names=names), CAMERAS, None)
    assert solution.state is TrackingState.TRACKED
    error = _errors(solution, truth)
    assert np.abs(error[:3]).max() < 1e-5
    assert np.abs(error[3:]).max() < 1e-2
    assert solution.quality.corners == 24 * len(names)
    assert solution.cameras == names


def test_the_jacobian_is_the_derivative_of_the_residual():
    sighting = sighting_of(HEAD, _observe(POSE), CAMERAS)
    matrix = POSE.as_matrix()
    here = Placement(matrix[:3, :3], matrix[:3, 3])
    _, jacobian = residuals(sighting, here)
    for axis in range(6):
        step = np.zeros(6)
        step[axis] = 1e-5
        ahead, behind = (
            residuals(sighting, here.moved(step))[0],
            residuals(sighting, here.moved(-step))[0],
        )
        # The residual is seen minus expected: its derivative has the opposite sign.
        np.testing.assert_allclose(
            (behind - ahead) / 2e-5, jacobian[:, :, axis], atol=1e-3, rtol=1e-4
        )


def test_residuals_are_those_of_the_distorted_pixels():
    seen = _observe(POSE, noise=0.3)
    matrix = POSE.as_matrix()
    residual, _ = residuals(
        sighting_of(HEAD, seen, CAMERAS), Placement(matrix[:3, :3], matrix[:3, 3])
    )
    expected = [
        one.corners - rendering.true_corners(CAMERAS[name], HEAD, POSE, one.tag)
        for name, observations in seen.items()
        for one in observations
    ]
    np.testing.assert_allclose(residual.reshape(-1, 4, 2), expected, atol=1e-3)


def test_the_covariance_tells_the_scatter():
    exact = _observe(POSE, noise=0)
    errors, claims = [], []
    sighting = sighting_of(HEAD, exact, CAMERAS)
    precision = dict(zip(sighting.tags, sighting.precision[::4], strict=True))
    for seed in range(150):
        rng = np.random.default_rng(seed)
        seen = {
            camera: [
                TagObservation(
                    one.tag,
                    one.corners + rng.normal(0, 0.05, (4, 2)) / precision[camera, one.tag],
                )
                for one in observations
            ]
            for camera, observations in exact.items()
        }
        solution = solve_body_pose(HEAD, seen, CAMERAS, POSE)
        errors.append(_errors(solution, POSE))
        claims.append(solution.quality.covariance)
    normalised = np.einsum("ni,nij,nj->n", errors, np.linalg.inv(claims), errors)
    assert 4.5 < normalised.mean() < 8.0  # a chi-square of six degrees of freedom has mean 6


def test_perfect_corners_do_not_claim_a_perfect_pose():
    quality = solve_body_pose(HEAD, _observe(POSE, noise=0), CAMERAS, POSE).quality
    assert quality.rms_px < 1e-3
    assert quality.sigma_mm > 0.002
    assert quality.sigma_deg > 0.001


@pytest.mark.parametrize("with_prior", [False, True])
def test_a_misread_tag_is_left_out(with_prior):
    seen = _observe(POSE)
    seen["left"][3] = TagObservation(3, seen["left"][3].corners + np.array([6.0, -4.0]))
    solution = solve_body_pose(HEAD, seen, CAMERAS, POSE if with_prior else None)
    assert solution.dropped == (("left", 3),)
    assert solution.quality.corners == 44
    assert np.abs(_errors(solution, POSE)[3:]).max() < 0.3


def _far_tag():
    small = MarkerBody("pointer", "36h11", {14: bent_plate("pointer", 12).corners[14]})
    return small, rendering.pose([0, 0, 1100], [0, 12, 0])


@pytest.mark.parametrize("seed", range(8))
def test_one_distant_tag_is_ambiguous_until_a_prior_decides(seed):
    body, truth = _far_tag()
    seen = _observe(truth, noise=0.1, seed=seed, names=("left",), body=body)
    alone = solve_body_pose(body, seen, CAMERAS, None)
    assert alone.state is TrackingState.AMBIGUOUS
    assert alone.world_from_body is None
    assert alone.quality is None
    decided = solve_body_pose(body, seen, CAMERAS, truth)
    assert decided.state is TrackingState.TRACKED
    assert np.rad2deg(np.linalg.norm(_errors(decided, truth)[:3])) < 15


def test_a_second_camera_settles_one_tag():
    body, truth = _far_tag()
    solution = solve_body_pose(body, _observe(truth, body=body), CAMERAS, None)
    assert solution.state is TrackingState.TRACKED
    assert np.linalg.norm(_errors(solution, truth)[3:]) < 1.0


def test_a_wrong_prior_does_not_hold_the_pose():
    wrong = RigidTransform.from_components(
        POSE.translation + np.array([30, 0, 50]), Rotation.from_rotvec([0, 1.2, 0]) * POSE.rotation
    )
    solution = solve_body_pose(HEAD, _observe(POSE), CAMERAS, wrong)
    assert np.abs(_errors(solution, POSE)[3:]).max() < 0.5


def test_nothing_seen_or_nothing_fitting_is_lost():
    assert solve_body_pose(HEAD, {}, CAMERAS, POSE).state is TrackingState.LOST
    other = {"left": [TagObservation(40, np.zeros((4, 2)))]}
    assert solve_body_pose(HEAD, other, CAMERAS, None).state is TrackingState.LOST
    rng = np.random.default_rng(0)
    scattered = {
        "left": [
            TagObservation(one.tag, one.corners + rng.uniform(-60, 60, 2))
            for one in _observe(POSE)["left"]
        ]
    }
    assert solve_body_pose(HEAD, scattered, CAMERAS, None).world_from_body is None


def test_errors_of_rounding_do_not_add_up_from_prior_to_prior():
    pose = POSE
    skewed = pose.as_matrix()
    skewed[:3, :3] *= 1 + 1e-6
    pose = RigidTransform(skewed, normalize=False)
    seen = _observe(POSE)
    for _ in range(3):
        pose = solve_body_pose(HEAD, seen, CAMERAS, pose).world_from_body
    rotation = pose.as_matrix()[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-14)
