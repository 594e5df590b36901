"""The pointer's tip by pivoting: truth within the stated error, equivariance, every refusal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from tests.tracking import rendering
from tracking.bodies import bent_plate
from tracking.calibration.collector import CalibrationError
from tracking.calibration.pivot import resting, solve_pivot
from tracking.calibration.pointer import (
    PointerCollector,
    check_distance,
    check_tip,
    solve_pointer,
)
from tracking.poses import BodyPose, PoseQuality, TrackingState
from tracking.tracker import TrackedFrames

TIP = np.array([3.0, -20.0, 150.0])
POINT = np.array([10.0, 20.0, 800.0])
NOISE = np.diag([6e-4, 6e-4, 4e-4, 0.03, 0.03, 0.1]) ** 2


def tilts(count, cone=35.0, *, flat=False):
    turn = np.linspace(0, 2 * np.pi, count)
    tilt = np.deg2rad(cone) * np.abs(np.sin(3.3 * turn))
    about = 0.0 * turn if flat else 11 * turn
    lean = Rotation.from_rotvec(
        np.column_stack([tilt * np.cos(about), tilt * np.sin(about), 0 * turn])
    )
    roll = Rotation.from_rotvec(np.column_stack([0 * turn, 0 * turn, 0.3 * np.sin(5 * turn)]))
    if flat:
        sway = np.deg2rad(cone) * np.sin(3.3 * turn)
        return Rotation.from_rotvec(np.column_stack([sway, 0 * turn, 0 * turn]))
    return lean * roll


def pivoting(rng, count=260, *, cone=35.0, scale=1.0, flat=False, slide=None, noise=NOISE):
    """Poses with the tip in POINT, or sliding from it along (N, 3) `slide`."""
    turned = tilts(count, cone, flat=flat)
    point = POINT + (0 if slide is None else slide)
    error = scale * rng.normal(size=(count, 6)) * np.sqrt(np.diag(noise))
    shifted = point - turned.apply(TIP) + error[:, 3:]
    return RigidTransform.from_components(shifted, Rotation.from_rotvec(error[:, :3]) * turned)


def tracked(poses, noise=NOISE):
    quality = PoseQuality(24, 6, 1, 0.05, noise)
    return [
        BodyPose("pointer", k * 33_000_000, TrackingState.TRACKED, pose, quality)
        for k, pose in enumerate(poses)
    ]


def repeated(noise, count):
    return np.repeat(noise[None], count, axis=0)


def test_errors_are_as_large_as_stated():
    squares, beyond = [], 0
    for seed in range(12):
        result = solve_pointer(tracked(pivoting(np.random.default_rng(seed))))
        assert result.faults == ()
        error = np.array(result.value.pointer_tip) - TIP
        sigmas = [one.value for one in result.further if one.name.startswith("tip ")]
        squares.append((error / sigmas) ** 2)
        bound = next(one.value for one in result.further if one.name == "95 % bound")
        beyond += np.linalg.norm(error) > bound
        assert (np.abs(error) < 4 * np.array(sigmas)).all()
    assert 0.6 < np.sqrt(np.mean(squares)) < 1.4
    assert beyond <= 3


coordinates = st.tuples(*[st.floats(-100, 100)] * 3).map(np.array)
turns = st.tuples(*[st.floats(-3, 3)] * 3).map(np.array)


@settings(max_examples=10, deadline=None)
@given(coordinates, turns, coordinates, turns)
def test_the_tip_moves_with_the_body_and_the_point_with_the_world(shift, turn, world, world_turn):
    poses = pivoting(np.random.default_rng(0), 30)
    noise = np.diag([1e-6] * 3 + [1e-2] * 3)
    before = solve_pivot(poses, repeated(noise, 30))
    other_body = RigidTransform.from_components(shift, Rotation.from_rotvec(turn))
    other_world = RigidTransform.from_components(world, Rotation.from_rotvec(world_turn))
    # Exact poses: weights, which depend on the choice of the body's origin, then do not matter.
    exact = pivoting(np.random.default_rng(0), 30, scale=0.0)
    moved = RigidTransform.concatenate([other_world * pose * other_body for pose in exact])
    after = solve_pivot(moved, repeated(noise, 30))
    np.testing.assert_allclose(other_body.apply(after.tip), TIP, atol=1e-5)
    np.testing.assert_allclose(after.point, other_world.apply(POINT), atol=1e-5)
    assert np.linalg.norm(before.tip - TIP) < 3.0


def test_coming_and_going_is_left_out():
    poses = pivoting(np.random.default_rng(0))
    away = np.linspace([120.0, 50, -80], [5.0, 0, -3], 50)
    coming = RigidTransform.concatenate(
        [RigidTransform.from_translation(step) * poses[0] for step in away]
    )
    stretch = resting(RigidTransform.concatenate([coming, poses, coming]))
    assert 45 <= stretch.start <= 55
    assert 305 <= stretch.stop <= 315
    result = solve_pointer(tracked(RigidTransform.concatenate([coming, poses])))
    assert np.linalg.norm(np.array(result.value.pointer_tip) - TIP) < 0.1


def _slid(how_far, count=260):
    slide = np.zeros((count, 3))
    slide[count // 2 :, 0] = how_far
    return slide


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"count": 120}, "Only 120 poses"),
        ({"cone": 15.0}, "was tilted by 1"),
        ({"slide": _slid(0.9)}, "slipped"),
        ({"slide": _slid(6.0)}, "slipped"),
        ({"scale": 5.0}, "misses its point"),
    ],
)
def test_poor_pivoting_is_named(changes, words):
    result = solve_pointer(tracked(pivoting(np.random.default_rng(0), **changes)))
    assert any(words in fault for fault in result.faults), result.faults


def test_tilting_about_one_axis_only_is_refused():
    flat = tracked(pivoting(np.random.default_rng(0), flat=True))
    result = solve_pointer(flat)
    assert any("to and fro only" in fault for fault in result.faults), result.faults


def test_no_pivoting_at_all_is_refused():
    with pytest.raises(CalibrationError, match="never tracked"):
        solve_pointer([])
    with pytest.raises(CalibrationError, match="did not rest"):
        solve_pointer(tracked(pivoting(np.random.default_rng(0)))[:20])


def test_a_divot_shows_the_error_of_a_tip():
    poses = pivoting(np.random.default_rng(0), scale=0.0)
    check = check_tip(poses[:30], TIP, POINT + np.array([0.0, 0.5, 0.0]))
    assert check.error == pytest.approx(0.5, abs=1e-6)
    assert check.scatter < 1e-6
    there = RigidTransform.concatenate(
        [RigidTransform.from_translation([50.0, 0, 0]) * pose for pose in poses[:30]]
    )
    assert check_distance(poses[:30], there, TIP, 50.2).error == pytest.approx(0.2, abs=1e-6)


def test_a_collector_says_what_to_do_next():
    collector = PointerCollector([rendering.camera()], bent_plate("pointer", 12))
    hints, progress = set(), None
    steep, wide = (
        pivoting(np.random.default_rng(0), 60, cone=10.0),
        pivoting(np.random.default_rng(1)),
    )
    for pose in tracked(RigidTransform.concatenate([steep, wide])):
        progress = collector.add_tracked(TrackedFrames(pose.time_ns, {}, {}, {"pointer": pose}, 0))
        hints.add(progress.hint.split(":")[0])
    assert "Tilt it further" in hints
    assert progress.ready
    (result,) = collector.solve()
    assert result.faults == ()
