"""Points to pixels and back, against what was really drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from render.actors import mesh_actor
from render.layers import Layer, LayerWindow
from render.meshes import sphere
from render.projection import Box, Projection
from render.views import look_along

VIEW = look_along(np.array([0.3, 1.0, -0.2]), np.array([0.0, 0, 1]), np.array([5.0, 6, 7]), 500.0)
PROJECTION = Projection(VIEW, 100.0, 900.0, 200, 150)
NEAR_MIDDLE = st.floats(-35, 35)
"""A ball about such a point lies wholly in the picture."""


@settings(max_examples=15, deadline=None)
@given(NEAR_MIDDLE, NEAR_MIDDLE, NEAR_MIDDLE)
def test_a_pixel_with_its_depth_leads_back_to_the_point(x: float, y: float, z: float) -> None:
    point = np.array([x, y, z])
    ahead = (point - VIEW.position) @ VIEW.direction
    # OpenGL's depth, from the definition of a perspective projection.
    depth = 900 / 800 * (1 - 100 / ahead)
    (pixel,) = PROJECTION.pixels([point])
    np.testing.assert_allclose(PROJECTION.point(*pixel, depth), point, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(NEAR_MIDDLE, NEAR_MIDDLE, NEAR_MIDDLE)
def test_the_graphics_library_draws_a_point_where_the_projection_says(
    x: float, y: float, z: float
) -> None:
    window = LayerWindow()
    window.add(mesh_actor(sphere((x, y, z), 6.0, rings=9, sides=12), (1, 1, 1)))
    layer = window.grab(PROJECTION, PROJECTION.whole)
    window.close()
    rows, columns = np.nonzero(layer.pixels)
    (pixel,) = PROJECTION.pixels([[x, y, z]])
    assert (columns.mean(), rows.mean()) == pytest.approx(tuple(pixel), abs=0.7)
    nearest = PROJECTION.point(*pixel, layer.depth[tuple(np.rint(pixel[::-1]).astype(int))])
    assert np.linalg.norm(nearest - [x, y, z]) == pytest.approx(6.0, abs=0.7)


def test_a_part_of_a_picture_is_cut_out_of_the_whole() -> None:
    window = LayerWindow()
    ball = sphere((20, 6, 30), 30.0)
    window.add(mesh_actor(ball, (0.2, 0.6, 1.0)))
    whole, box = window.grab(PROJECTION, PROJECTION.whole), Box(80, 30, 171, 91)
    again = window.grab(PROJECTION, box)
    window.close()
    window = LayerWindow()
    window.add(mesh_actor(ball, (0.2, 0.6, 1.0)))
    small = window.grab(PROJECTION, box)
    window.close()
    for part in (again, small):
        assert (part.pixels > 0).sum() > 500
        # Rounding may move the outline and a shade by the least step.
        assert ((part.pixels > 0) != (whole.pixels[box.slices] > 0)).sum() < 10
        assert np.median(np.abs(colours(part) - colours(whole)[box.slices])) == 0
        np.testing.assert_allclose(part.depth, whole.depth[box.slices], atol=1e-3)


def colours(layer: Layer) -> NDArray[np.int_]:
    return layer.pixels.view(np.uint8).reshape(*layer.depth.shape, 4).astype(int)


def test_a_box_holds_its_points_and_stays_in_the_picture() -> None:
    points = np.random.default_rng(1).uniform(-40, 40, (20, 3))
    box = PROJECTION.box_around(points)
    pixels = PROJECTION.pixels(points)
    assert (pixels >= [box.left, box.top]).all()
    assert (pixels < [box.right, box.bottom]).all()
    assert PROJECTION.box_around(points + VIEW.right * 1e4).empty
    assert PROJECTION.box_around([VIEW.position, [0, 0, 0]]) == PROJECTION.whole
