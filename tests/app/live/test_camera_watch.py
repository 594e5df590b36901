"""A camera that is no longer as it was calibrated is named while it is used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from app.live import camera_watch
from app.live.camera_watch import CameraWatch
from app.live.live_cameras import LiveCameras
from app.live.room import Room
from tests.app.calibrate.fake_collector import until
from tests.tracking.calibration.simulated_bodies import observe
from tests.tracking.rendering import pair, pose
from tracking.bodies import bent_plate
from tracking.calibration.result import DeviceSettings
from tracking.feed_description import BodyModel
from tracking.image_stream import Image
from tracking.live_camera import LiveCamera
from tracking.pose_solver import solve_body_pose
from tracking.poses import BodyPose
from tracking.setups import Setup, SetupCamera
from tracking.tracker import TrackedFrames

HEAD = bent_plate("head", 0)
LEFT, RIGHT = pair()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(camera_watch, "LOOK_S", 0.001)


class Stream:
    """A camera with a focus of 12."""

    settings, notes = DeviceSettings(width=1280, height=720, focus=12.0), ()

    def read(self):
        return Image(np.zeros((720, 1280), np.uint8), host_ns=1)

    def close(self):
        pass


def room(focus=12.0):
    settings = DeviceSettings(width=1280, height=720, focus=focus)
    cameras = [SetupCamera(name=one.name, address="0", settings=settings) for one in (LEFT, RIGHT)]
    return Room(
        Path("a.setup"),
        Setup(name="a", cameras=tuple(cameras), bodies=(BodyModel.of(HEAD),)),
    )


def sight(true, number, rng):
    """What the tracker says at one instant while the cameras are as in `true`."""
    place = pose([-60 + 2 * (number // 3), 10, 800], [5, 10, number // 3])
    tags = {camera.name: observe(HEAD, place, camera, rng, 0.05) for camera in true}
    solution = solve_body_pose(HEAD, tags, {one.name: one for one in (LEFT, RIGHT)}, None)
    time_ns = number * 200_000_000
    found = BodyPose("head", time_ns, solution.state, solution.world_from_body, solution.quality)
    seen = {name: tuple(some) for name, some in tags.items()}
    return TrackedFrames(time_ns, {}, seen, {"head": found}, 0)


def watched(sights, focus=12.0):
    """What is said once all `sights` were looked at."""
    cameras = LiveCameras([LiveCamera(one, Stream) for one in (LEFT, RIGHT)])
    for source in cameras.sources:
        source.read()
    rest = list(sights)
    watch = CameraWatch(cameras, room(focus), lambda: rest.pop(0) if rest else None)
    watch.start()
    until(lambda: not rest)
    watch.close()
    return watch.fault()


def test_cameras_as_calibrated_are_not_spoken_of():
    rng = np.random.default_rng(2)
    assert watched([sight([LEFT, RIGHT], number, rng) for number in range(16)]) == ""


def test_a_bumped_camera_is_named():
    rng = np.random.default_rng(2)
    nudge = RigidTransform.from_rotation(Rotation.from_rotvec(np.deg2rad([0.0, 0.6, 0.3])))
    bumped = replace(RIGHT, camera_from_world=nudge * RIGHT.camera_from_world)
    said = watched([sight([LEFT, bumped], number, rng) for number in range(26)])
    assert "'right'" in said
    assert "bumped" in said


def test_another_focus_is_named():
    rng = np.random.default_rng(2)
    said = watched([sight([LEFT, RIGHT], 0, rng)], focus=40.0)
    assert "The focus of camera 'left' is 12 but was 40" in said


def test_a_watch_that_never_began_can_be_closed():
    cameras = LiveCameras([LiveCamera(LEFT, Stream)])
    watch = CameraWatch(cameras, room(), lambda: None)
    watch.close()
    assert watch.fault() == ""
