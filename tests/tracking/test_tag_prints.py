"""Blurred prints against samples of the blur itself; rays against undistortion."""

import numpy as np
import pytest

from tests.rendered import scenes
from tracking.bodies import MarkerBody, bent_plate
from tracking.ray_map import ray_map
from tracking.tag_prints import (
    BRIGHTNESS,
    BY_BLUR,
    BY_U,
    BY_V,
    blurred_prints,
    quiet_modules,
    tag_prints,
)

BODY = bent_plate("head", 0)
INK = np.array([one.ink for one in tag_prints(BODY).values()])
TAG = 3


def _read(prints, places):
    u, v = (np.tile(places[:, axis].astype(np.float32), (len(INK), 1)) for axis in (0, 1))
    return np.array(prints.read(u, v))[:, TAG]


def _prints(per_pixel, variance):
    count = len(INK)
    return blurred_prints(INK, np.repeat(per_pixel[None], count, 0), np.full(count, variance))


@pytest.mark.parametrize("shear", [0.0, 0.03, -0.05])
def test_a_print_is_the_mean_of_its_modules_under_the_blur(shear):
    rng = np.random.default_rng(0)
    per_pixel = np.array([[0.18, shear], [0.02, 0.24]])
    places = rng.uniform(-0.5, 8.5, (60, 2))
    blur = rng.normal(size=(40_000, 2)) * np.sqrt(0.6) @ per_pixel.T
    cells = np.floor(places[:, None] + blur).astype(int)
    inside = ((cells >= 0) & (cells < 8)).all(axis=2)
    column, row = np.clip(cells, 0, 7).transpose(2, 0, 1)
    expected = 1.0 - (INK[TAG][row, column] * inside).mean(axis=1)
    found = _read(_prints(per_pixel, 0.6), places)[BRIGHTNESS]
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_its_derivatives_are_those_of_its_brightness():
    per_pixel = np.array([[0.18, 0.01], [0.01, 0.2]])
    places = np.random.default_rng(1).uniform(0.0, 8.0, (200, 2))
    prints = _prints(per_pixel, 0.6)
    found = _read(prints, places)
    for channel, axis in ((BY_U, 0), (BY_V, 1)):
        step = 0.08 * np.eye(2)[axis]
        ahead, behind = (_read(prints, places + s * step)[BRIGHTNESS] for s in (1, -1))
        difference = (ahead - behind) / 0.16
        assert np.sqrt(np.mean((difference - found[channel]) ** 2)) < 0.1
    wide, narrow = (_read(_prints(per_pixel, v), places)[BRIGHTNESS] for v in (0.66, 0.54))
    difference = (wide - narrow) / 0.12
    assert np.sqrt(np.mean((difference - found[BY_BLUR]) ** 2)) < 0.2 * np.sqrt(
        np.mean(difference**2)
    )


def test_the_frame_of_a_print_leads_to_the_corners():
    for tag, one in tag_prints(BODY).items():
        places = np.array([[0, 0, 1], [8, 0, 1], [8, 8, 1], [0, 8, 1.0]])
        np.testing.assert_allclose(places @ one.frame, BODY.corners[tag], atol=1e-9)


def test_the_white_between_tags_is_measured():
    assert quiet_modules(bent_plate("head", 0, gap=2.0)) == pytest.approx(2.0 / 4.5, rel=0.1)
    assert quiet_modules(MarkerBody("one", "36h11", {3: BODY.corners[3]})) == 1.0


def test_rays_are_those_of_undistorted_pixels():
    camera = scenes.camera()
    rays = ray_map(camera)
    pixels = np.random.default_rng(2).integers(0, [camera.width, camera.height], (500, 2))
    exact = camera.undistort(pixels.astype(np.float64))
    off = (rays[:, pixels[:, 1], pixels[:, 0]].T - exact) * camera.matrix[0, 0]
    assert np.abs(off).max() < 5e-4
