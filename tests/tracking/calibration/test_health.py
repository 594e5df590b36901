"""Cameras in use: a nudged one and one out of focus are named, healthy ones are not, settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from app.practice.equipment import practice_feed_folder
from tests.tracking.calibration.simulated_bodies import observe
from tests.tracking.rendering import pair, pose, render
from tracking.bodies import bent_plate
from tracking.calibration.health import CameraHealth, camera_settings_faults
from tracking.calibration.result import DeviceSettings
from tracking.feed import open_feed
from tracking.frames import Frame
from tracking.pose_solver import solve_body_pose
from tracking.poses import BodyPose
from tracking.tracker import TrackedFrames, Tracker
from tracking.video_file import VideoReader

HEAD, COIL = bent_plate("head", 0), bent_plate("coil_body", 6)
LEFT, RIGHT = pair()


def _nudged(camera, turn_deg, shift):
    nudge = RigidTransform.from_components(
        np.asarray(shift, dtype=np.float64), Rotation.from_rotvec(np.deg2rad(turn_deg))
    )
    return replace(camera, camera_from_world=nudge * camera.camera_from_world)


def _told(true, *, instants=20):
    """What health says while cameras are as in `true` but taken for LEFT and RIGHT."""
    rng = np.random.default_rng(2)
    health = CameraHealth([LEFT, RIGHT], [HEAD, COIL])
    known = {camera.name: camera for camera in (LEFT, RIGHT)}
    told = ()
    for number in range(instants):
        places = {
            "head": pose([-60 + 2 * (number // 3), 10, 800], [5, 10, number // 3]),
            "coil_body": pose([120, -30 + 4 * (number // 3), 760], [-12, -8, 10]),
        }
        time_ns = number * 200_000_000
        poses, tags = {}, {camera.name: [] for camera in true}
        for body in (HEAD, COIL):
            seen = {
                camera.name: observe(body, places[body.name], camera, rng, 0.05) for camera in true
            }
            for name, some in seen.items():
                tags[name] += some
            solution = solve_body_pose(body, seen, known, None)
            poses[body.name] = BodyPose(
                body.name, time_ns, solution.state, solution.world_from_body, solution.quality
            )
        told = health.update(
            TrackedFrames(time_ns, {}, {k: tuple(v) for k, v in tags.items()}, poses, 0)
        )
    return told


def test_healthy_cameras_are_not_spoken_of():
    assert _told([LEFT, RIGHT]) == ()


@pytest.mark.parametrize(
    ("turn", "shift"),
    [([0.2, 0, 0], [0, 0, 0]), ([0, 0.2, 0], [0, 0, 0]), ([0.1, 0.1, 0.1], [1, 0, 0])],
)
def test_a_nudge_is_named(turn, shift):
    (sentence,) = _told([LEFT, _nudged(RIGHT, turn, shift)])
    assert "bumped" in sentence
    assert "'right'" in sentence


def test_a_changed_focus_is_named():
    matrix = RIGHT.matrix.copy()
    matrix[[0, 1], [0, 1]] *= 1.003
    told = _told([LEFT, replace(RIGHT, matrix=matrix)])
    assert any("'right'" in sentence for sentence in told)


def test_settings_other_than_calibrated_are_named():
    before = DeviceSettings(device="a", width=1280, height=720, focus=10.0)
    assert camera_settings_faults({"left": before}, {"left": before}) == ()
    for change, word in (
        ({"width": 640}, "640 x 720"),
        ({"focus": 12.0}, "focus"),
        ({"device": "b"}, "another camera"),
    ):
        (told,) = camera_settings_faults(
            {"left": before}, {"left": before.model_copy(update=change)}
        )
        assert word in told
        assert "'left'" in told


def test_a_mirrored_camera_is_named():
    image = render(LEFT, [(HEAD, pose([0, 0, 700]))])
    health = CameraHealth([LEFT], [HEAD])
    frame = Frame("left", 0, 0, np.ascontiguousarray(image[:, ::-1]))
    told = ()
    for _ in range(10):
        told = health.update(TrackedFrames(0, {"left": frame}, {"left": ()}, {}, 0))
    assert len(told) == 1
    assert "'left' mirrors" in told[0]


def test_no_alarm_on_the_practice_feed():
    feed = open_feed(practice_feed_folder())
    tracker = Tracker(feed.cameras, feed.bodies)
    health = CameraHealth(feed.cameras, feed.bodies)
    readers = [VideoReader(recording.video) for recording in feed.recordings]
    told, judged = set(), 0
    for instant in feed.instants()[:240]:
        frames = [
            Frame(
                feed.recordings[number].camera.name,
                index,
                int(feed.recordings[number].times_ns[index]),
                readers[number].read(),
            )
            for number, index in instant.frames
        ]
        told |= set(health.update(tracker.process(frames)))
        judged = health.judged
    for reader in readers:
        reader.close()
    assert judged > 0
    assert told == set()
