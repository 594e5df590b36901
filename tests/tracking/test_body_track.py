"""One body seen by cameras that take turns: motion, order of time, and what counts as tracked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from tests.tracking import rendering
from tracking.bodies import MarkerBody, bent_plate
from tracking.body_track import COMPANION_NS, BodyTrack, View
from tracking.detection import TagObservation
from tracking.pose_solver import solve_body_pose
from tracking.poses import POSE_LIMIT_NS, TrackingState
from tracking.time_shifts import TimeShifts

BODY = bent_plate("coil_body", 6)
LEFT, RIGHT = rendering.pair()
CAMERAS = {"left": LEFT, "right": RIGHT}
MS = 1_000_000
TILT = np.array([0.1, 0.3, -0.2])
POINT = np.array([0.0, 0.0, 100.0])


def _pose(time_ns, speed=100.0):
    phase = speed / 60.0 * time_ns / 1e9
    way = 60.0 * np.array([np.sin(phase), 0.8 * np.cos(phase), 0.6 * np.sin(phase + 0.7)])
    turn = 0.15 * min(speed / 100.0, 1.0) * np.array([np.sin(phase), np.cos(phase), 0.0])
    return RigidTransform.from_components(
        np.array([150.0, 20.0, 850.0]) + way, Rotation.from_rotvec(turn + TILT)
    )


def _tags(camera, time_ns, rng, *, speed=100.0, noise=0.04, body=BODY):
    pose = _pose(time_ns, speed)
    return [
        TagObservation(
            tag,
            rendering.true_corners(CAMERAS[camera], body, pose, tag) + rng.normal(0, noise, (4, 2)),
        )
        for tag in body.corners
    ]


def _turns(count, late_ms):
    """(camera, capture time) in order of time; the right camera `late_ms` after the left one."""
    return sorted(
        (
            (name, (step * 33 + (late_ms if name == "right" else 0)) * MS)
            for step in range(count)
            for name in CAMERAS
        ),
        key=lambda one: one[1],
    )


def _off(pose, time_ns, speed):
    return float(np.linalg.norm(pose.apply(POINT) - _pose(time_ns, speed).apply(POINT)))


def _rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def _unsynchronised(speed, late_ms=15, count=50, seed=0):
    rng = np.random.default_rng(seed)
    track = BodyTrack(BODY, CAMERAS)
    ours, paired, newest = [], [], {}
    for camera, time_ns in _turns(count, late_ms):
        newest[camera] = View(time_ns, _tags(camera, time_ns, rng, speed=speed))
        pose = track.follow({camera: newest[camera]}, time_ns)
        assert pose.time_ns == time_ns
        if len(newest) < 2 or time_ns < 200 * MS:
            continue
        assert pose.quality.cameras == 2
        ours.append(_off(pose.world_from_body, time_ns, speed))
        nearest = solve_body_pose(
            BODY, {name: view.tags for name, view in newest.items()}, CAMERAS, None
        )
        middle = sum(view.time_ns for view in newest.values()) // 2
        paired.append(_off(nearest.world_from_body, middle, speed))
    return _rms(ours), _rms(paired)


def test_a_moving_body_is_as_exact_as_a_resting_one_though_the_cameras_take_turns():
    ours, paired = _unsynchronised(100.0)
    assert ours < 0.25
    assert paired > 1.0


def test_a_resting_body_is_as_exact_as_if_the_cameras_were_released_together():
    ours, paired = _unsynchronised(0.0)
    assert ours < 1.15 * paired


def test_images_that_come_late_are_taken_at_their_own_time():
    rng = np.random.default_rng(1)
    track = BodyTrack(BODY, CAMERAS)
    order = _turns(40, 15)
    for first in range(1, len(order) - 1, 2):
        order[first], order[first + 1] = order[first + 1], order[first]
    errors, before = [], -1
    for camera, time_ns in order:
        pose = track.follow({camera: View(time_ns, _tags(camera, time_ns, rng))}, time_ns)
        assert pose.state is TrackingState.TRACKED
        assert pose.time_ns >= before
        before = pose.time_ns
        errors.append(_off(pose.world_from_body, pose.time_ns, 100.0))
    assert _rms(errors[12:]) < 0.3


def test_a_camera_that_cannot_see_the_body_does_not_take_its_pose_away():
    rng = np.random.default_rng(2)
    track = BodyTrack(BODY, CAMERAS)
    seen = track.follow({"left": View(0, _tags("left", 0, rng))}, 0)
    assert track.follow({"right": View(15 * MS, [])}, 15 * MS) is seen
    assert track.follow({"right": View(48 * MS, [])}, 48 * MS).state is TrackingState.PREDICTED
    gone = track.follow({"left": View(33 * MS, [])}, 33 * MS)
    assert gone.state is TrackingState.PREDICTED
    assert gone.time_ns == 0


def test_cameras_that_differ_in_latency_betray_it_by_a_moving_body():
    rng = np.random.default_rng(3)
    track, shifts = BodyTrack(BODY, CAMERAS), TimeShifts(list(CAMERAS))
    for camera, stated in _turns(120, 0):
        real = stated + (6 * MS if camera == "right" else 0)
        stamp = stated + shifts.applied_ns(camera)
        track.follow({camera: View(stamp, _tags(camera, real, rng))}, stamp)
        shifts.add(track.time_shifts)
    assert shifts.applied_ns("left") == 0
    assert shifts.applied_ns("right") == pytest.approx(6 * MS, abs=0.7 * MS)
    assert shifts.estimates["right"].shift_s == pytest.approx(0.006, abs=0.0007)


def test_nothing_is_applied_where_the_latencies_are_equal():
    rng = np.random.default_rng(4)
    track, shifts = BodyTrack(BODY, CAMERAS), TimeShifts(list(CAMERAS))
    for camera, time_ns in _turns(100, 15):
        track.follow({camera: View(time_ns, _tags(camera, time_ns, rng))}, time_ns)
        shifts.add(track.time_shifts)
    assert shifts.applied_ns("right") == 0
    assert abs(shifts.estimates["right"].shift_s) < 0.0005


events = st.lists(
    st.tuples(
        st.sampled_from(sorted(CAMERAS)),
        st.integers(1, 90),
        st.sampled_from(["whole", "one tag", "nothing", "silence"]),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=20, deadline=None)
@given(events)
def test_only_what_a_camera_sees_now_is_tracked_whatever_happens(story):
    rng = np.random.default_rng(5)
    track, now, sights = BodyTrack(BODY, CAMERAS), 0, {}
    for camera, pause_ms, sight in story:
        now += pause_ms * MS
        if sight == "silence":
            pose = track.unseen(now)
            assert pose.state in (TrackingState.PREDICTED, TrackingState.LOST)
        else:
            tags = [] if sight == "nothing" else _tags(camera, now, rng)
            tags = tags[:1] if sight == "one tag" else tags
            sights[camera] = (now, bool(tags))
            pose = track.follow({camera: View(now, tags)}, now)
        if pose.state is TrackingState.TRACKED:
            assert now - pose.time_ns <= COMPANION_NS
            assert (pose.time_ns, True) in sights.values(), "the newest image of a camera shows it"
            turn = pose.world_from_body.rotation * _pose(pose.time_ns).rotation.inv()
            assert np.rad2deg(turn.magnitude()) < 10.0
        elif pose.state is TrackingState.PREDICTED:
            assert now - pose.time_ns <= POSE_LIMIT_NS
        else:
            assert pose.world_from_body is None


def test_a_tag_that_turns_through_facing_the_camera_is_never_taken_for_its_mirror_image():
    small = MarkerBody("pointer", "36h11", {14: bent_plate("pointer", 12).corners[14]})
    track, rng = BodyTrack(small, {"left": LEFT}), np.random.default_rng(6)
    wrong = 0
    for step in range(120):
        pose = rendering.pose([0, 0, 900], [0, 40 - 80 * step / 119, 0])
        corners = rendering.true_corners(LEFT, small, pose, 14) + rng.normal(0, 0.08, (4, 2))
        time_ns = step * 33 * MS
        found = track.follow({"left": View(time_ns, [TagObservation(14, corners)])}, time_ns)
        if found.state is TrackingState.TRACKED:
            turn = found.world_from_body.rotation * pose.rotation.inv()
            wrong += np.rad2deg(turn.magnitude()) > 10.0
    assert wrong == 0
