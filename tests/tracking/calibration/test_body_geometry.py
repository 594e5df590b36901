"""Bodies from simulated hand-turned videos: true geometry, stated error, every refusal by name."""

from functools import lru_cache

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform

from tests.tracking import rendering
from tests.tracking.calibration.simulated_bodies import film, geometry_error, hand_turned, printed
from tracking.bodies import MarkerBody, bent_plate
from tracking.calibration.body_geometry import (
    BodyCollector,
    BodyRequest,
    MeasuredEdge,
    Scale,
    solve_bodies,
)
from tracking.calibration.body_problem import Geometry, linearise, residuals, seen_of
from tracking.calibration.body_solution import frame_of, tag_place
from tracking.calibration.collector import CalibrationError
from tracking.calibration.tag_views import TagView, TagViewer
from tracking.detection import TagObservation
from tracking.frames import Frame

LEFT, RIGHT = rendering.pair()
ONE, TWO = {"left": LEFT}, {"left": LEFT, "right": RIGHT}
DESIGN = bent_plate("head", 0)
STEP_NS = 200_000_000
MEASURED = Scale(36.0, 0.02)


@lru_cache
def _video(body, both, count, seed, turning):
    rng = np.random.default_rng(seed)
    poses = hand_turned(count, **dict(turning))
    return tuple(film([(body, poses)], [LEFT, RIGHT] if both else [LEFT], rng, step_ns=STEP_NS))


def video(body, cameras=ONE, *, count=40, seed=0, **turning):
    return list(_video(body, len(cameras) == 2, count, seed, tuple(turning.items())))


@lru_cache
def made(seed=0, sigma=0.2):
    return printed(DESIGN, np.random.default_rng(100 + seed), sigma)


def solve(views, cameras=ONE, request=None, scale=MEASURED):
    (result,) = solve_bodies(views, cameras, [request or BodyRequest.of(DESIGN)], scale)
    return result


def named(result, name):
    return next(one.value for one in result.further if one.name == name)


@pytest.mark.parametrize(("cameras", "with_design"), [(ONE, False), (TWO, True)])
def test_geometry_is_found_to_a_few_hundredths(cameras, with_design):
    body = made()
    request = BodyRequest("head", tuple(range(6)), DESIGN if with_design else None)
    result = solve(video(body, cameras), cameras, request)
    if len(cameras) == 2:  # which tell the scale too
        assert (
            0.6 < geometry_error(result.value.body.body(), body) / named(result, "corner sd") < 1.6
        )
    assert result.faults == ()
    assert geometry_error(result.value.body.body(), body) <= 0.03
    assert 0.03 < named(result, "corner noise") < 0.06
    assert result.residual.value < 0.1
    assert result.predicted_error.value < 0.2


def _coverage(seeds):
    """RMS of errors over their stated sd; the scale is told by the cameras."""
    ratios = []
    for seed in seeds:
        body = made(seed, sigma=0.05)
        result = solve(video(body, TWO, seed=seed), TWO)
        error = geometry_error(result.value.body.body(), body)
        ratios.append(error / named(result, "corner sd"))
    return float(np.sqrt(np.mean(np.square(ratios))))


@pytest.mark.soak
def test_the_stated_sd_is_that_of_the_errors_of_many_bodies():
    assert 0.75 < _coverage(range(20)) < 1.3


def test_two_cameras_tell_the_scale_and_an_edge_does_too():
    scaled = MarkerBody("head", "36h11", {tag: 1.03 * quad for tag, quad in DESIGN.corners.items()})
    by_cameras = solve(video(scaled, TWO, count=30), TWO, scale=Scale())
    assert geometry_error(by_cameras.value.body.body(), scaled) < 0.03
    across = float(np.linalg.norm(scaled.corners[4][1] - scaled.corners[0][0]))
    edge = MeasuredEdge((0, 0), (4, 1), across, sigma=0.01)
    by_edge = solve(video(scaled), scale=Scale(edge=edge))
    assert geometry_error(by_edge.value.body.body(), scaled) < 0.04


def test_nothing_that_tells_the_scale_is_refused():
    with pytest.raises(CalibrationError, match="Nothing tells the scale"):
        solve(video(DESIGN, count=40), scale=Scale())


def test_bodies_in_one_video_are_told_apart_by_how_they_move():
    coil = bent_plate("coil_body", 6)
    rng = np.random.default_rng(0)
    mine, other = hand_turned(36, x=-90), hand_turned(46, x=110, tilt_deg=40)[10:]
    views = film([(DESIGN, mine), (coil, other)], [LEFT], rng, step_ns=STEP_NS)
    results = solve_bodies(views, ONE, [], MEASURED)
    assert sorted(result.subject for result in results) == ["coil_body", "head"]
    for result in results:
        truth = {"head": DESIGN, "coil_body": coil}[result.subject]
        assert geometry_error(result.value.body.body(), truth) < 0.03


def _faults(views, request=None):
    return " ".join(solve(views, request=request).faults)


def test_too_little_turning_is_refused():
    with pytest.raises(CalibrationError, match="10 views show enough"):
        solve(video(DESIGN)[:10])
    assert "different views only" in _faults(video(DESIGN)[:20])
    still = [
        TagView(k * STEP_NS, view.tags, view.speed)
        for k, view in enumerate(video(DESIGN, tilt_deg=2.0))
    ]
    assert "too few angles" in _faults(still)


def _without(views, hide):
    return [
        TagView(
            view.time_ns,
            {
                camera: tuple(one for one in seen if not hide(one.tag, k))
                for camera, seen in view.tags.items()
            },
            view.speed,
        )
        for k, view in enumerate(views)
    ]


def test_tags_unseen_or_seen_alone_are_named():
    faults = _faults(_without(video(DESIGN), lambda tag, _: tag == 3))
    assert "Tag 3 of 'head' was never seen: " in faults
    alone = _without(video(DESIGN), lambda tag, k: (tag == 3) != (k % 4 == 0))
    assert "Tag 3 of 'head' was never seen together" in _faults(alone)


def test_a_tag_that_comes_loose_is_named():
    views = video(DESIGN)
    slid = MarkerBody(
        "head",
        "36h11",
        {tag: quad + (0.8 if tag == 2 else 0.0) for tag, quad in DESIGN.corners.items()},
    )
    later = video(slid)
    faults = _faults([*views[:20], *later[20:]])
    assert "not rigid" in faults
    assert "2" in faults


def test_one_id_printed_twice_is_named():
    views = [
        TagView(view.time_ns, view.tags, view.speed, frozenset({4}) if k == 7 else frozenset())
        for k, view in enumerate(video(DESIGN)[:26])
    ]
    assert "Tag 4 was seen twice" in _faults(views)
    with pytest.raises(CalibrationError, match="asked for on 'head' and on 'coil_body'"):
        BodyCollector([LEFT], [BodyRequest("head", (0, 1)), BodyRequest("coil_body", (1, 2))])


def test_nothing_seen_is_refused():
    with pytest.raises(CalibrationError, match="No tag of family"):
        solve_bodies([TagView(0, {})], ONE, [], MEASURED)


def test_the_jacobian_is_the_derivative_of_the_residual():
    views = video(made(), TWO, count=4)
    ids = sorted(DESIGN.corners)
    seen = seen_of(views, ids, TWO, "36h11")
    places = [tag_place(DESIGN.corners[tag]) for tag in ids]
    poses = hand_turned(4)
    rng = np.random.default_rng(0)
    here = Geometry(
        half_sides=np.full(6, 18.0),
        log_scale=0.01,
        shapes=rng.normal(0, 0.1, (6, 6)),
        tag_rotations=np.array([place.rotation for place in places]),
        tag_translations=np.array([place.translation for place in places]),
        view_rotations=np.array([pose.rotation.as_matrix() for pose in poses]),
        view_translations=np.array([pose.translation for pose in poses]),
    )
    _, jacobian = linearise(seen, here)
    dense = jacobian.toarray()
    for column in rng.choice(here.unknowns, 40, replace=False):
        step = np.zeros(here.unknowns)
        step[column] = 1e-5
        # The residual is seen minus expected: its derivative has the opposite sign.
        slope = (residuals(seen, here.moved(-step)) - residuals(seen, here.moved(step))) / 2e-5
        np.testing.assert_allclose(slope.ravel(), dense[:, column], atol=2e-3, rtol=1e-4)


def test_the_frame_is_that_of_the_design_or_looks_like_a_bent_plate():
    shift = rendering.pose([30, -20, 10], [20, 40, -70])
    moved = MarkerBody("head", "36h11", {t: shift.apply(q) for t, q in DESIGN.corners.items()})
    for nominal in (DESIGN, None):
        frame = frame_of(moved, nominal)
        back = np.concatenate([frame.inv().apply(quad) for quad in moved.corners.values()])
        there = np.concatenate(list(DESIGN.corners.values()))
        if nominal is None:  # its origin is the mean of all corners
            there = there - there.mean(axis=0)
        np.testing.assert_allclose(back, there, atol=1e-9)


def test_corners_of_a_later_camera_are_led_back_to_the_common_time():
    body = {"left": [], "right": []}
    viewer = TagViewer([LEFT, RIGHT], "36h11")
    for k in range(2):
        pose = rendering.pose([100 + 3.0 * k, 20, 700], [5, 10, 3])
        late = rendering.pose([100 + 3.0 * (k + 0.3), 20, 700], [5, 10, 3])
        frames = [
            Frame("left", k, k * 33_000_000, rendering.render(LEFT, [(DESIGN, pose)], k)),
            Frame(
                "right", k, k * 33_000_000 + 9_900_000, rendering.render(RIGHT, [(DESIGN, late)], k)
            ),
        ]
        view = viewer.look(frames)
        body = {name: {one.tag: one.corners for one in seen} for name, seen in view.tags.items()}
    for name, camera in TWO.items():
        for tag, corners in body[name].items():
            truth = rendering.true_corners(camera, DESIGN, pose, tag)
            assert np.abs(corners - truth).max() < 0.2
    assert view.speed > 50


def test_a_collector_says_what_to_show_next():
    collector = BodyCollector([LEFT], [BodyRequest.of(DESIGN)], scale=MEASURED)
    hints = []
    for view in _without(video(DESIGN, count=70), lambda tag, k: tag == 5 and k < 30):
        progress = collector.add_view(view)
        hints.append(progress.hint)
    assert any("Turn tag 5" in hint for hint in hints[:30])
    assert progress.ready
    assert progress.share == 1.0
    assert set(progress.found) <= {"left"}


def test_views_forget_the_tags_of_other_bodies():
    one = TagObservation(1, np.zeros((4, 2)))
    view = TagView(0, {"left": (one, TagObservation(9, np.ones((4, 2))))}, 5.0, frozenset({9}))
    own = view.only([1, 2])
    assert own.ids == {1}
    assert own.repeated == frozenset()
    assert isinstance(frame_of(DESIGN, None), RigidTransform)
