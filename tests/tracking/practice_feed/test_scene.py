"""The practice scene: what the cameras can see, and that the frames fit together."""

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform

from tracking.bodies import MarkerBody
from tracking.cameras import Camera
from tracking.practice_feed.scene import Poses, practice_scene
from tracking.practice_feed.surroundings import sleeve_panel
from tracking.practice_feed.target import default_head_file, read_target

VISIBLE = [0.0, 3.0, 5.0, 10.0, 16.0, 28.0, 34.0, 45.0, 50.0, 58.0, 59.9]


@pytest.fixture(scope="module")
def scene():
    return practice_scene(1, read_target(default_head_file(), "M1 hand left"))


def bodies(scene, poses: Poses) -> list[tuple[MarkerBody, RigidTransform]]:
    return [
        (scene.head, poses.world_from_head),
        (scene.coil_body, poses.world_from_coil_body),
    ]


def tilt_deg(camera: Camera, world_from_body: RigidTransform, corners) -> float:
    points = camera.camera_from_world.apply(world_from_body.apply(corners))
    back = np.cross(points[1] - points[0], points[3] - points[0])
    ray = points.mean(axis=0)
    return np.rad2deg(np.arccos(back @ ray / np.linalg.norm(back) / np.linalg.norm(ray)))


@pytest.mark.parametrize("seconds", [14.0, 20.0, 29.0, 46.0, 55.0])
def test_on_target_every_tag_is_seen_well_by_both_cameras(scene, seconds):
    for camera in scene.cameras:
        for body, pose in bodies(scene, scene.poses(seconds)):
            for corners in body.corners.values():
                pixels = camera.project_world(pose.apply(corners))
                sides = np.linalg.norm(pixels - np.roll(pixels, 1, axis=0), axis=1)
                assert sides.min() > 24.5
                assert tilt_deg(camera, pose, corners) < 61


@pytest.mark.parametrize("seconds", VISIBLE)
def test_no_tag_leaves_the_picture_or_hides_another_body(scene, seconds):
    for camera in scene.cameras:
        boxes = []
        for body, pose in bodies(scene, scene.poses(seconds)):
            points = pose.apply(np.concatenate(list(body.corners.values())))
            pixels = camera.project_world(points)
            assert (pixels > 15).all()
            assert (pixels < [camera.width - 15, camera.height - 15]).all()
            boxes.append((pixels.min(axis=0), pixels.max(axis=0)))
        (low, high), (other_low, other_high) = boxes
        assert (low > other_high).any() or (other_low > high).any()


def behind_sleeve(scene, camera: Camera, poses: Poses, points) -> np.ndarray:
    """Which world points (N, 3) the sleeve hides from the camera."""
    sleeve = sleeve_panel(np.random.default_rng(0))
    sleeve_from_world = poses.world_from_sleeve.inv()
    eye = sleeve_from_world.apply(camera.camera_from_world.inv().translation)
    ends = sleeve_from_world.apply(points)
    share = eye[2] / (eye[2] - ends[:, 2])
    hits = (eye + (ends - eye) * share[:, None])[:, :2]
    return ((share < 1)[:, None] & (hits > sleeve.low) & (hits < sleeve.high)).all(axis=1)


def test_sleeve_hides_the_whole_coil_body_for_four_seconds_and_never_the_head(scene):
    hidden = []
    for seconds in np.arange(36.0, 44.0, 0.05):
        poses = scene.poses(seconds)
        coil, head = (
            [
                behind_sleeve(
                    scene, camera, poses, pose.apply(np.concatenate(list(body.corners.values())))
                )
                for camera in scene.cameras
            ]
            for body, pose in reversed(bodies(scene, poses))
        )
        hidden.append(np.all(coil))
        assert not np.any(head)
    assert sum(hidden) * 0.05 >= 4.0


def test_chain_of_frames_leads_to_the_target(scene):
    description = scene.description()
    poses = scene.poses(20.0)
    mri_from_coil = (
        description.mri_from_head.transform()
        * poses.world_from_head.inv()
        * poses.world_from_coil_body
        * description.coil_body_from_coil.transform()
    )
    error = description.target.mri_from_target.transform().inv() * mri_from_coil
    assert np.linalg.norm(error.translation) < 1.5
    assert np.rad2deg(error.rotation.magnitude()) < 2.0
    assert 90 < np.linalg.norm(description.coil_body_from_coil.translation) < 115


def test_first_camera_is_the_world_and_lenses_differ(scene):
    left, right = scene.cameras
    np.testing.assert_allclose(left.camera_from_world.as_matrix(), np.eye(4), atol=1e-12)
    assert 400 < np.linalg.norm(right.camera_from_world.translation) < 550
    assert (left.distortion[:4] != 0).all()
    assert (left.distortion[:4] != right.distortion[:4]).all()
