"""Coil calibration: conventions, the puck's mean, the dimples' fit, and every refusal by name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from tests.tracking import rendering
from tracking.bodies import MarkerBody
from tracking.calibration.coil import check_focal_point, coil_axes, puck_from_coil
from tracking.calibration.coil_description import (
    CoilDescription,
    CoilDescriptionError,
    check_dimples,
    read_coil_description,
)
from tracking.calibration.coil_dimples import solve_dimples
from tracking.calibration.coil_puck import PairPose, solve_puck
from tracking.calibration.collector import CalibrationError
from tracking.calibration.rigid_errors import (
    error_between,
    mean_transform,
    moved,
    relative_covariance,
)
from tracking.calibration.touches import TipPose, Touch, find_touches
from tracking.poses import BodyPose, PoseQuality, TrackingState

COIL = rendering.pose([12, 30, -85], [170, 10, 25])
NOISE = np.diag([1e-3, 1e-3, 5e-4, 0.05, 0.05, 0.2]) ** 2

DIMPLES = {
    "nose": (0.0, 60.0, -4.0),
    "left wing": (-70.0, 5.0, -8.0),
    "right wing": (65.0, -10.0, -3.0),
    "neck": (10.0, -55.0, -20.0),
    "button": (5.0, -20.0, -45.0),
}


def description(dimples=None, name="figure-8"):
    dimples = DIMPLES if dimples is None else dimples
    return CoilDescription.model_validate(
        {
            "unit": "mm",
            "name": name,
            "dimples": [{"name": key, "position": value} for key, value in dimples.items()],
        }
    )


def puck(*, z_to_reader=True, thickness=5.0):
    """Four tags around the focal point, front away from the coil."""
    corners = {}
    for number, (x, y) in enumerate([(-25, 25), (25, 25), (-25, -25), (25, -25)]):
        square = np.array([[-15, 15, 0], [15, 15, 0], [15, -15, 0], [-15, -15, 0.0]])
        corners[18 + number] = square + np.array([x, y, thickness])
    if not z_to_reader:  # x and z the other way, y the same
        corners = {tag: quad * [-1, 1, -1] for tag, quad in corners.items()}
    return MarkerBody("puck", "36h11", corners)


vectors = st.tuples(*[st.floats(-1, 1)] * 3).map(np.array)


@given(vectors, vectors)
def test_axes_are_those_of_the_convention(z, y):
    if np.linalg.norm(np.cross(z, y)) < 1e-3:
        return
    axes = coil_axes(z, y).as_matrix()
    assert axes[:, 2] @ z == pytest.approx(np.linalg.norm(z))
    assert axes[:, 1] @ y > 0
    np.testing.assert_allclose(axes[:, 0], np.cross(axes[:, 1], axes[:, 2]), atol=1e-12)


def test_a_clamped_puck_looks_into_the_head_and_points_away_from_the_handle():
    for z_to_reader in (True, False):
        body = puck(z_to_reader=z_to_reader)
        on_puck = puck_from_coil(body)
        assert np.allclose(on_puck.translation, 0)
        for corners in body.corners.values():
            in_coil = on_puck.inv().apply(corners)
            np.testing.assert_allclose(in_coil[:, 2], 5.0, atol=1e-9)  # towards the head
            # Seen by the head, the printed top left is up and left.
            assert in_coil[0, 1] > in_coil[3, 1]
        away = on_puck.inv().apply(np.array([0.0, 1.0, 0.0]))
        np.testing.assert_allclose(away, [0, 1, 0], atol=1e-9)


def _tracked(name, pose, time_ns, covariance=NOISE):
    quality = PoseQuality(24, 6, 1, 0.05, covariance)
    return BodyPose(name, time_ns, TrackingState.TRACKED, pose, quality)


def pairs(rng, count=150, *, scale=1.0, turn=30.0, slip=0.0, noise=NOISE):
    """Coil body and puck, turned together; the puck slides halfway by `slip` mm."""
    seen = []
    coil_from_puck = puck_from_coil(puck()).inv()
    for number in range(count):
        share = number / count
        body = rendering.pose(
            [20 * share, -30, 700 + 50 * share],
            [turn * np.sin(9 * share), turn * np.cos(7 * share), turn * share],
        )
        slid = RigidTransform.from_translation([slip if share > 0.5 else 0.0, 0, 0])
        on_body = body * COIL * coil_from_puck * slid
        noisy = [
            moved(pose, scale * np.sqrt(np.diag(noise)) * rng.normal(size=6))
            for pose in (body, on_body)
        ]
        time_ns = number * 33_000_000
        seen.append(
            PairPose(_tracked("coil_body", noisy[0], time_ns), _tracked("puck", noisy[1], time_ns))
        )
    return seen


def test_the_puck_tells_where_the_coil_is_within_its_stated_error():
    normalised = []
    for seed in range(8):
        result = solve_puck(pairs(np.random.default_rng(seed)), puck())
        assert result.faults == ()
        found = result.value.coil_body_from_coil.transform()
        error = error_between(found, COIL)
        normalised.append((np.linalg.norm(error[3:]) / result.predicted_error.value) ** 2)
        assert np.rad2deg(np.linalg.norm(error[:3])) < 0.05
    # RMS of errors over stated RMS errors: 1 if they are right.
    assert 0.7 < np.sqrt(np.mean(normalised)) < 1.35


def test_the_covariance_of_a_relative_pose_is_that_of_its_scatter():
    first = rendering.pose([10, 40, 600], [20, 0, 40])
    second = rendering.pose([80, -60, 700], [0, 150, 10])
    noise = np.diag([4e-3, 2e-3, 1e-3, 0.1, 0.2, 0.3]) ** 2
    rng, sigmas = np.random.default_rng(1), np.sqrt(np.diag(noise))
    errors = [
        error_between(
            moved(first, sigmas * rng.normal(size=6)).inv()
            * moved(second, sigmas * rng.normal(size=6)),
            first.inv() * second,
        )
        for _ in range(500)
    ]
    expected = relative_covariance(first, noise, second, noise)
    sigmas = np.sqrt(np.diag(expected))
    found = np.cov(np.array(errors).T)
    np.testing.assert_allclose(
        found / np.outer(sigmas, sigmas), expected / np.outer(sigmas, sigmas), atol=0.2
    )


def test_a_mean_takes_no_notice_of_a_few_wild_frames():
    rng = np.random.default_rng(3)
    errors = rng.multivariate_normal(np.zeros(6), NOISE, 120)
    errors[::17] += [0.1, 0.0, 0.0, 10.0, 0.0, 0.0]
    transforms = RigidTransform.concatenate([moved(COIL, error) for error in errors])
    mean = mean_transform(transforms, np.repeat(NOISE[None], 120, axis=0))
    assert np.linalg.norm(error_between(mean.transform, COIL)[3:]) < 0.15


def test_errors_that_last_make_the_mean_less_sure():
    rng = np.random.default_rng(5)
    lasting, state = [], np.zeros(6)
    for _ in range(300):
        state = 0.9 * state + np.sqrt(1 - 0.81) * rng.normal(size=6)
        lasting.append(state)
    sigmas = np.sqrt(np.diag(NOISE))
    covariances = np.repeat(NOISE[None], 300, axis=0)
    means = [
        mean_transform(
            RigidTransform.concatenate([moved(COIL, error * sigmas) for error in errors]),
            covariances,
        )
        for errors in (lasting, rng.normal(size=(300, 6)))
    ]
    assert means[0].covariance[5, 5] > 6 * means[1].covariance[5, 5]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"count": 60}, "in 60 pictures only"),
        ({"turn": 0.0}, "was turned by"),
        ({"slip": 2.0}, "slipped"),
        ({"scale": 12.0}, "Single frames differ"),
    ],
)
def test_a_poor_recording_of_the_puck_is_named(changes, words):
    result = solve_puck(pairs(np.random.default_rng(0), **changes), puck())
    assert any(words in fault for fault in result.faults), result.faults
    with pytest.raises(ValueError, match="cannot be accepted"):
        result.decided(accepted=True)


def test_a_puck_that_was_never_seen_with_the_coil_is_refused():
    with pytest.raises(CalibrationError, match="seen together in 3 pictures"):
        solve_puck(pairs(np.random.default_rng(0))[:3], puck())


def test_a_coil_far_from_where_it_was_is_told():
    before = COIL * RigidTransform.from_translation([0, 12.0, 0])
    result = solve_puck(pairs(np.random.default_rng(0)), puck(), before=before)
    assert any("12.0 mm" in warning for warning in result.warnings)


def _touch(point, rng, noise, shaft, number=0):
    return Touch(
        point=point + rng.normal(0, noise, 3),
        covariance=noise**2 * np.eye(3) + 1e-12 * np.eye(3),
        shaft=shaft,
        scatter=noise,
        start_ns=number * 10**9,
        end_ns=number * 10**9 + 9 * 10**8,
    )


FACE = np.array([[-40, 0, 0], [40, 0, 0], [0, 30, 0], [0, -30, 0], [20, 20, 0.0]])


def touches(rng, *, order=None, noise=0.15, dimples=None, face=FACE, pose=COIL, from_inside=False):
    positions = np.array(list((DIMPLES if dimples is None else dimples).values()))
    order = range(len(positions)) if order is None else order
    into_head = pose.rotation.apply([0, 0, -1.0 if from_inside else 1.0])
    points = [*positions[list(order)], *face]
    return [
        _touch(pose.apply(point), rng, noise, into_head, number)
        for number, point in enumerate(points)
    ]


def test_dimples_and_face_tell_where_the_coil_is_within_the_stated_error():
    normalised = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        result = solve_dimples(touches(rng, noise=0.2), description(), tip_sigma=0.0)
        assert result.faults == ()
        found = result.value.coil_body_from_coil.transform()
        normalised.append(
            (np.linalg.norm(found.translation - COIL.translation) / result.predicted_error.value)
            ** 2
        )
    assert 0.5 < np.sqrt(np.mean(normalised)) < 1.3  # how dimples seat is allowed for on top


angles = st.floats(-180, 180)


@settings(max_examples=20, deadline=None)
@given(st.tuples(angles, angles, angles), st.tuples(*[st.floats(-100, 100)] * 3))
def test_exact_touches_give_the_exact_coil_however_it_sits(turn, place):
    pose = rendering.pose(place, turn)
    exact = touches(np.random.default_rng(0), noise=0.0, pose=pose)
    result = solve_dimples(exact, description())
    error = error_between(result.value.coil_body_from_coil.transform(), pose)
    assert np.abs(error).max() < 1e-5
    assert result.residual.value < 1e-5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"order": [1, 0, 2, 3, 4]}, "another order: it looks like left wing, nose, right wing"),
        ({"order": [0, 1, 2, 4, 3]}, "another order"),
        (
            {"dimples": {name: (-x, y, z) for name, (x, y, z) in DIMPLES.items()}},
            "positions are mirrored",
        ),
        ({"face": FACE + np.array([0, 0, 5.0])}, "beside the plane"),
        ({"from_inside": True}, "from within the coil"),
        (
            {"dimples": DIMPLES | {"neck": (10.0, -50.0, -16.0)}},
            "'neck' misses by",
        ),
    ],
)
def test_wrong_touches_are_recognised_and_named(changes, words):
    result = solve_dimples(touches(np.random.default_rng(0), **changes), description())
    assert any(words in fault for fault in result.faults), result.faults


def test_too_few_touches_name_the_order():
    with pytest.raises(CalibrationError, match=r"3 touches .* nose, left wing"):
        solve_dimples(touches(np.random.default_rng(0))[:3], description())


def test_dimples_that_look_the_same_in_another_order_are_told():
    square = {"a": (40, 40, 0), "b": (-40, 40, 0), "c": (-40, -40, 0), "d": (40, -40, 0)}
    rng = np.random.default_rng(0)
    result = solve_dimples(touches(rng, dimples=square), description(square))
    assert any("look the same in the order" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("dimples", "words"),
    [
        ({"a": (0, 0, 0), "b": (10, 0, 0), "c": (0, 10, 0)}, "has 3 dimples"),
        ({"a": (0, 0, 0), "b": (20, 0, 0), "c": (40, 1, 0), "d": (80, 0, 0)}, "collinear"),
        ({"a": (0, 0, 0), "b": (0, 0.5, 0), "c": (40, 40, 0), "d": (80, 0, 0)}, "'a' and 'b'"),
    ],
)
def test_dimples_that_cannot_tell_the_coil_are_refused(dimples, words):
    with pytest.raises(CoilDescriptionError, match=words):
        check_dimples(description(dimples))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[]", "schema version"),
        ('{"schema_version": 9}', "schema version 9"),
        ('{"schema_version": 1, "unit": "mm", "name": "c"}', "'dimples' is wrong"),
        (
            '{"schema_version": 1, "unit": "mm", "name": "c", "dimples": '
            '[{"name": "a", "position": [0, 0, "x"]}]}',
            "'dimples.0.position.2' is wrong",
        ),
    ],
)
def test_a_damaged_description_is_named(tmp_path, text, words):
    path = tmp_path / "coil.json"
    path.write_text(text)
    with pytest.raises(CoilDescriptionError, match=words):
        read_coil_description(path)
    with pytest.raises(CoilDescriptionError, match="cannot be read"):
        read_coil_description(tmp_path / "none.json")


def test_a_description_is_read_back(tmp_path):
    path = tmp_path / "coil.json"
    path.write_text(description().model_dump_json())
    assert read_coil_description(path) == description()


def test_touching_the_focal_point_shows_the_error():
    check = check_focal_point(COIL, COIL.apply([0.3, -0.4, 1.2]))
    assert check.sideways == pytest.approx(0.5)
    assert check.depth == pytest.approx(1.2)
    assert check.error == pytest.approx(1.3)


def test_touches_are_the_places_where_the_tip_rests():
    rng = np.random.default_rng(0)
    stops = np.array([[0, 0, 0], [40, 0, 0], [40, 30, 0.0]])
    path = []
    for number, stop in enumerate(stops):
        path += [stop] * 30
        if number + 1 < len(stops):
            path += list(np.linspace(stop, stops[number + 1], 20))
    poses = [
        TipPose(
            k * 33_000_000, point + rng.normal(0, 0.1, 3), 0.01 * np.eye(3), np.array([0, 0, 1.0])
        )
        for k, point in enumerate(path)
    ]
    found = find_touches(poses)
    assert len(found) == 3
    for touch, stop in zip(found, stops, strict=True):
        assert np.linalg.norm(touch.point - stop) < 0.15
        assert touch.scatter < 0.4


def test_a_tip_that_never_rests_touches_nothing():
    poses = [
        TipPose(k * 33_000_000, np.array([2.0 * k, 0, 0]), 0.01 * np.eye(3), np.array([0, 0, 1.0]))
        for k in range(100)
    ]
    assert find_touches(poses) == []


def test_a_turned_mean_stays_a_mean():
    """The mean moves with the transforms: left-multiplied, it is multiplied too."""
    rng = np.random.default_rng(0)
    turn = RigidTransform.from_components([5, 6, 7], Rotation.from_rotvec([0.3, -1, 0.5]))
    transforms = [moved(COIL, rng.multivariate_normal(np.zeros(6), NOISE)) for _ in range(20)]
    isotropic = np.repeat(np.diag([1e-6] * 3 + [1e-2] * 3)[None], 20, axis=0)
    mean = mean_transform(RigidTransform.concatenate(transforms), isotropic)
    other = mean_transform(
        RigidTransform.concatenate([turn * one for one in transforms]), isotropic
    )
    assert np.abs(error_between(other.transform, turn * mean.transform)).max() < 1e-3
