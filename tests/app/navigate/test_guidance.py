"""The four errors against constructions whose answer is known without the code under test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from app.navigate.guidance import Tolerance, ToleranceError, compare

finite = st.floats(-200, 200)
vectors = st.tuples(finite, finite, finite).map(np.array)
rotvecs = st.tuples(*[st.floats(-3, 3)] * 3).map(np.array)
poses = st.builds(
    lambda t, r: RigidTransform.from_components(t, Rotation.from_rotvec(r)), vectors, rotvecs
)


def pose(translation=(0, 0, 0), rotvec_deg=(0, 0, 0)):
    return RigidTransform.from_components(
        np.array(translation, float), Rotation.from_rotvec(np.deg2rad(rotvec_deg))
    )


def test_offset_in_plane_and_along_the_axis_are_told_apart():
    guidance = compare(pose(), pose((3, 4, 12)))
    assert guidance.distance_to_target == pytest.approx(13)
    assert guidance.target_error == pytest.approx(5)
    assert (guidance.offset_x, guidance.offset_y, guidance.offset_z) == pytest.approx((3, 4, 12))


def test_tilt_is_the_angle_between_the_axes_and_names_its_rotation():
    guidance = compare(pose(), pose(rotvec_deg=(7, 0, 0)))
    assert guidance.angular_error == pytest.approx(7)
    assert (guidance.tilt_x, guidance.tilt_y) == pytest.approx((7, 0))
    assert guidance.twist_error == pytest.approx(0)


def test_twist_has_brainsights_sign():
    # Turning the target about z (into the head) by +10 moves its y towards minus the coil's x,
    # which is Brainsight's plus x.
    assert compare(pose(), pose(rotvec_deg=(0, 0, 10))).twist_error == pytest.approx(10)
    assert compare(pose(), pose(rotvec_deg=(0, 0, -170))).twist_error == pytest.approx(-170)


def test_against_brainsights_own_axes():
    """The definitions, written out once more in Brainsight's frame (x and z reversed)."""
    rng = np.random.default_rng(5)
    flip = np.diag([-1.0, 1.0, -1.0])
    for _ in range(50):
        coil = pose(rng.normal(0, 50, 3), rng.normal(0, 60, 3))
        target = pose(rng.normal(0, 50, 3), rng.normal(0, 60, 3))
        coil_axes = coil.rotation.as_matrix() @ flip
        target_axes = target.rotation.as_matrix() @ flip
        between = target.translation - coil.translation
        z = coil_axes[:, 2]
        guidance = compare(coil, target)
        assert guidance.target_error == pytest.approx(np.linalg.norm(np.cross(between, z)))
        cosine = np.clip(z @ target_axes[:, 2], -1, 1)
        assert guidance.angular_error == pytest.approx(np.rad2deg(np.arccos(cosine)), abs=1e-5)
        twist = np.arctan2(target_axes[:, 1] @ coil_axes[:, 0], target_axes[:, 1] @ coil_axes[:, 1])
        assert guidance.twist_error == pytest.approx(np.rad2deg(twist))


@given(poses, poses, poses)
def test_errors_do_not_depend_on_the_frame_of_the_image(coil, target, moved):
    here, there = compare(coil, target), compare(moved * coil, moved * target)
    assert here.distance_to_target == pytest.approx(there.distance_to_target, abs=1e-6)
    assert here.target_error == pytest.approx(there.target_error, abs=1e-6)
    assert here.angular_error == pytest.approx(there.angular_error, abs=1e-5)


@given(poses, poses)
def test_doing_what_the_deviation_says_brings_the_coil_onto_the_target(coil, target):
    guidance = compare(coil, target)
    tilt = Rotation.from_rotvec(np.deg2rad([guidance.tilt_x, guidance.tilt_y, 0]))
    step = RigidTransform.from_components(
        np.array([guidance.offset_x, guidance.offset_y, guidance.offset_z]), tilt
    )
    after = compare(coil * step, target)
    assert after.distance_to_target == pytest.approx(0, abs=1e-6)
    assert after.angular_error == pytest.approx(0, abs=1e-5)


@given(poses)
def test_a_coil_on_its_target_has_no_error(target):
    guidance = compare(target, target)
    assert guidance.within(Tolerance(0.001, 0.001, 0.001))


@pytest.mark.parametrize(
    ("coil", "word"),
    [
        (pose((3.1, 0, 0)), "3.1 mm from the target"),
        (pose(rotvec_deg=(0, 5.2, 0)), "tilted by 5.2°"),
        (pose(rotvec_deg=(0, 0, -5.3)), "turned by 5.3°"),
    ],
)
def test_each_number_out_of_tolerance_is_named(coil, word):
    (sentence,) = compare(coil, pose()).exceeded(Tolerance())
    assert word in sentence


def test_tolerances_hold_at_their_limit_and_not_beyond():
    assert compare(pose((3.0, 0, 0)), pose()).within(Tolerance())
    assert not compare(pose((3.0001, 0, 0)), pose()).within(Tolerance())
    assert not compare(pose(rotvec_deg=(0, 0, -5.001)), pose()).within(Tolerance())


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), 51.0])
def test_a_tolerance_that_cannot_be_meant_is_refused(value):
    with pytest.raises(ToleranceError, match="position tolerance"):
        Tolerance(position=value)
