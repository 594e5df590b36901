"""The rendering: where edges lie, noise, and that equal seeds give equal pixels."""

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from tracking.bodies import bent_plate
from tracking.practice_feed.panels import draw_panels, printed_panels
from tracking.practice_feed.renderer import FrameRenderer, render_frame
from tracking.practice_feed.scene import practice_scene
from tracking.practice_feed.target import default_head_file, read_target
from tracking.practice_feed.view import view_of

TAG_SIZE = 36.0


@pytest.fixture(scope="module")
def scene():
    return practice_scene(5, read_target(default_head_file(), "M1 hand left"))


def edge_offsets(image, camera, camera_from_body, corners):
    """Mean distance (4,) in px by which each side of a tag lies outside of where it should."""
    offsets = []
    for start, end, inner in zip(
        corners, np.roll(corners, -1, axis=0), np.roll(corners, -2, axis=0), strict=True
    ):
        outward = (end - inner) / TAG_SIZE
        reach = np.arange(-1.3, 1.31, 0.02)[:, None, None]
        along = np.linspace(0.15, 0.85, 150)[:, None]
        points = start + along * (end - start) + reach * outward
        pixels = camera.project(camera_from_body.apply(points.reshape(-1, 3)))
        columns, rows = pixels.astype(np.float32).T.reshape(2, *points.shape[:2])
        rise = np.diff(cv2.remap(image, columns, rows, cv2.INTER_LINEAR), axis=0)
        middle = (reach[1:, 0, 0] + reach[:-1, 0, 0]) / 2
        shift_mm = (rise.sum(axis=1) @ middle) / rise.sum()
        near = camera.project(camera_from_body.apply(np.stack([start, start + outward])))
        offsets.append(shift_mm * np.linalg.norm(near[1] - near[0]))
    return np.array(offsets)


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (12.0, -17.0, 23.0), (-25.0, 8.0, -61.0)])
def test_tag_edges_lie_where_the_projection_puts_them(scene, turn):
    camera = scene.cameras[1]
    body = bent_plate("head", 0)
    pose = RigidTransform.from_components(
        [63.3, -41.7, 560.0], Rotation.from_rotvec(turn, degrees=True)
    )
    canvas = np.full((camera.height, camera.width), 90.0, dtype=np.float32)
    draw_panels(canvas, view_of(camera), printed_panels(body), pose, np.array([0.0, -0.5, -0.8]))
    offsets = np.array([edge_offsets(canvas, camera, pose, body.corners[tag]) for tag in (2, 3)])
    assert np.abs(offsets).max() < 0.012


def test_equal_seeds_give_equal_pixels_and_others_do_not(scene):
    time_ns = 20_000_000_123
    image = render_frame(scene, "left", time_ns)
    again = practice_scene(5, scene.target)
    np.testing.assert_array_equal(image, render_frame(again, "left", time_ns))
    other = practice_scene(6, scene.target)
    assert (image != render_frame(other, "left", time_ns)).mean() > 0.5


def test_sensor_noise_is_about_two_grey_levels(scene):
    renderer = FrameRenderer(scene, "right")
    time_ns = 20_000_000_000
    clean = renderer.expose(time_ns * 1e-9)
    noise = renderer.render(time_ns) - clean
    middle = (clean > 90) & (clean < 140)
    assert noise[middle].std() == pytest.approx(2.0, abs=0.3)
    assert abs(noise.mean()) < 0.01
    assert clean.min() > 5
    assert clean.max() < 250


def test_moving_coil_is_blurred_along_its_path(scene):
    renderer = FrameRenderer(scene, "left")
    sharp = renderer.expose(20.0)
    moving = renderer.expose(58.0)
    camera = scene.camera("left")

    def steepest(image, seconds):
        pose = scene.poses(seconds).world_from_coil_body
        pixels = camera.project_world(
            pose.apply(np.concatenate([scene.coil_body.corners[tag] for tag in (8, 9)]))
        )
        left, top = np.floor(pixels.min(axis=0)).astype(int)
        right, bottom = np.ceil(pixels.max(axis=0)).astype(int)
        return np.percentile(np.abs(np.diff(image[top:bottom, left:right], axis=0)), 97)

    assert steepest(moving, 58.0) < steepest(sharp, 20.0)
