"""The tracker's states: tracked, predicted, ambiguous, lost, and tracked again."""

import functools

import numpy as np
import pytest

from tests.tracking import making_feeds, rendering
from tracking.bodies import bent_plate
from tracking.frames import Frame
from tracking.poses import POSE_LIMIT_NS, TrackingState
from tracking.tracker import Tracker

HEAD, COIL = making_feeds.HEAD, making_feeds.COIL
CAMERAS = making_feeds.cameras()
MS = 1_000_000


def _frames(time_ns, seconds=0.0, *, bodies=(HEAD, COIL), cameras=CAMERAS):
    return [Frame(view.name, 0, time_ns, _image(view, seconds, tuple(bodies))) for view in cameras]


@functools.cache
def _image(view, seconds, bodies):
    poses = {"head": making_feeds.head_at(seconds), "coil_body": making_feeds.coil_at(seconds)}
    return rendering.render(view, [(body, poses[body.name]) for body in bodies])


def _states(tracked):
    return {name: pose.state for name, pose in tracked.poses.items()}


@pytest.fixture
def tracker():
    return Tracker(CAMERAS, [HEAD, COIL])


def test_bodies_are_found_and_followed_with_their_true_poses(tracker):
    for step in range(3):
        tracked = tracker.process(_frames(step * 33 * MS, step * 0.033))
    assert set(_states(tracked).values()) == {TrackingState.TRACKED}
    for name, truth in (("head", making_feeds.head_at), ("coil_body", making_feeds.coil_at)):
        pose = tracked.poses[name]
        assert pose.time_ns == 66 * MS
        shift = pose.world_from_body.translation - truth(0.066).translation
        assert np.linalg.norm(shift) < 0.5
        assert (pose.world_from_body.rotation * truth(0.066).rotation.inv()).magnitude() < 0.01
        assert pose.quality.cameras == 2
    assert set(tracked.frames) == set(tracked.detections) == {"left", "right"}
    assert len(tracked.detections["left"]) >= 10
    assert tracked.processing_ns > 0


def test_a_hidden_body_is_predicted_then_lost_then_found_again(tracker):
    tracker.process(_frames(0))
    states = [
        _states(tracker.process(_frames(k * 50 * MS, bodies=[HEAD])))["coil_body"]
        for k in range(1, 6)
    ]
    assert states == [TrackingState.PREDICTED] * 3 + [TrackingState.LOST] * 2
    back = [_states(tracker.process(_frames((300 + k * 33) * MS)))["coil_body"] for k in range(5)]
    assert TrackingState.TRACKED in back[:4]
    assert back[4] is TrackingState.TRACKED


def test_a_predicted_pose_keeps_the_time_and_place_it_was_seen_at(tracker):
    seen = tracker.process(_frames(40 * MS)).poses["coil_body"]
    later = tracker.process(_frames(90 * MS, bodies=[HEAD])).poses["coil_body"]
    assert later.state is TrackingState.PREDICTED
    assert later.time_ns == 40 * MS
    assert later.world_from_body is seen.world_from_body


def test_silence_ages_every_pose_until_it_is_lost(tracker):
    tracker.process(_frames(1000))
    assert set(_states(tracker.tick(1000 + POSE_LIMIT_NS)).values()) == {TrackingState.PREDICTED}
    tracked = tracker.tick(1001 + POSE_LIMIT_NS)
    assert set(_states(tracked).values()) == {TrackingState.LOST}
    assert all(pose.world_from_body is None for pose in tracked.poses.values())
    assert dict(tracked.frames) == {}


def test_a_jump_is_followed_at_the_next_search(tracker):
    tracker.process(_frames(0))
    after = [
        _states(tracker.process(_frames((200 + 33 * k) * MS, seconds=3.0)))["coil_body"]
        for k in range(4)
    ]
    assert TrackingState.TRACKED in after


def test_one_camera_is_enough_and_its_time_counts(tracker):
    tracked = tracker.process(_frames(7 * MS, cameras=CAMERAS[:1]))
    assert tracked.poses["head"].state is TrackingState.TRACKED
    assert tracked.poses["head"].quality.cameras == 1
    left = _frames(40 * MS, cameras=CAMERAS[:1])
    right = _frames(44 * MS, cameras=CAMERAS[1:])
    both = tracker.process(left + right)
    assert both.time_ns == 44 * MS
    pose = both.poses["head"]
    assert pose.time_ns == (44 * MS if "right" in pose.quality.camera_rms_px else 40 * MS)


def test_a_single_distant_tag_is_ambiguous_not_a_pose():
    view = rendering.camera("left", focal=480.0, size=(640, 480))
    tracker = Tracker([view], [HEAD])
    placed = [(HEAD, rendering.pose([0, 0, 700], [0, 10, 0]))]
    hidden = [tag for tag in HEAD.corners if tag != 2]
    found = set()
    for k in range(4):
        image = rendering.render(view, placed, k, hidden=hidden, noise=1.0)
        pose = tracker.process([Frame("left", k, k * 100 * MS, image)]).poses["head"]
        found.add(pose.state)
        assert pose.state is not TrackingState.TRACKED
        assert pose.world_from_body is None
    assert TrackingState.AMBIGUOUS in found


def test_shared_tags_and_names_are_refused():
    with pytest.raises(ValueError, match="Tag 3 is on 'head' and on 'coil_body'"):
        Tracker(CAMERAS, [HEAD, bent_plate("coil_body", 3)])
    with pytest.raises(ValueError, match="own name"):
        Tracker(CAMERAS, [HEAD, bent_plate("head", 6)])
