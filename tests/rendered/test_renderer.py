"""The renderer itself, against geometry worked out by hand: tests of others lean on it."""

import cv2
import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from tests.rendered import scenes
from tests.rendered.light import Light
from tests.rendered.renderer import Renderer

CLEAN = Light(psf=0.7, noise=0.0)


def _plain(body=scenes.HEAD):
    camera = scenes.camera()
    return camera, Renderer(camera, [body])


def test_the_ink_of_a_tag_lies_where_its_corners_project():
    camera, renderer = _plain()
    pose = RigidTransform.from_components([30.0, 20, 800], Rotation.from_rotvec([0.2, -0.1, 0.7]))
    image = renderer.picture({"head": pose}, CLEAN)
    quad = camera.project_world(pose.apply(scenes.HEAD.corners[2]))
    # Along a side's normal the middle between ink and paper lies on the side.
    for start, end in zip(quad, np.roll(quad, -1, axis=0), strict=True):
        along = (end - start) / np.linalg.norm(end - start)
        outwards = np.array([along[1], -along[0]])
        shares = np.linspace(0.2, 0.8, 40)[:, None]
        depths = np.linspace(-2, 2, 81)
        places = start + shares[..., None] * (end - start) + depths[:, None] * outwards
        x, y = places.astype(np.float32).transpose(2, 0, 1)
        profile = cv2.remap(image, x, y, cv2.INTER_LINEAR).astype(float).mean(axis=0)
        middle = (CLEAN.ink + CLEAN.paper) / 2
        assert abs(np.interp(middle, profile, depths)) < 0.04


def test_a_crop_is_that_part_of_the_picture_and_its_camera_sees_the_same():
    camera, renderer = _plain()
    pose = RigidTransform.from_components([-80.0, 10, 900], Rotation.from_rotvec([0.1, 0.3, 0]))
    crop = renderer.crop({"head": pose}, CLEAN, seed=4)
    whole = renderer.picture({"head": pose}, CLEAN, seed=4)
    height, width = crop.image.shape
    part = whole[crop.top : crop.top + height, crop.left : crop.left + width]
    assert np.abs(part.astype(int) - crop.image).max() <= 1
    corner = pose.apply(scenes.HEAD.corners[0])
    moved = crop.camera.project_world(corner) + np.array([crop.left, crop.top])
    np.testing.assert_allclose(moved, camera.project_world(corner), atol=1e-9)


def test_light_and_seed_do_what_they_say():
    _, renderer = _plain()
    pose = {"head": RigidTransform.from_translation([0.0, 0, 900])}
    clean = renderer.picture(pose, CLEAN, [3, 0]).astype(float)
    noisy = renderer.picture(pose, Light(psf=0.7, noise=5.0), [3, 0])
    assert abs(np.std(noisy - clean) - 5.0) < 0.3
    again = renderer.picture(pose, Light(psf=0.7, noise=5.0), [3, 1])
    assert abs(np.std(noisy.astype(float) - again) - 5.0 * np.sqrt(2)) < 0.3
    hidden = renderer.picture(pose, CLEAN, [3, 0], hidden=[2])
    changed = np.abs(hidden - clean) > 5
    assert 500 < changed.sum() < 5000


def test_a_moving_body_is_smeared_along_its_way():
    _, renderer = _plain()
    still = RigidTransform.from_translation([0.0, 0, 900])
    moved = [RigidTransform.from_translation([x, 0, 900]) for x in np.linspace(-6, 6, 13)]
    body = np.s_[310:410, 570:700]
    sharp = renderer.picture({"head": still}, CLEAN)[body].astype(float)
    smeared = renderer.picture({"head": moved}, CLEAN)[body].astype(float)
    along, across = (
        np.abs(np.diff(smeared, axis=axis)).sum() / np.abs(np.diff(sharp, axis=axis)).sum()
        for axis in (1, 0)
    )
    assert along < 0.75
    assert across > along
