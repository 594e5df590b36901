"""Views: presets look where they say; orbit, zoom and pan keep their promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from render.projection import Projection
from render.views import FARTHEST, NEAREST, View, ViewPreset, orbit, pan, preset_view, zoom

BOUNDS = np.array([[-80.0, -110.0, -70.0], [80.0, 90.0, 100.0]])
CENTRE = BOUNDS.mean(axis=0)
ANGLES = st.floats(-170, 170)


def pose(vector: tuple[float, float, float]) -> RigidTransform:
    rotation = Rotation.from_rotvec(vector, degrees=True)
    return RigidTransform.from_components([10.0, -20.0, 90.0], rotation)


def looking(view: View) -> Projection:
    return Projection(view, 10.0, 3000.0, 900, 700)


def is_proper(view: View) -> bool:
    axes = np.stack([view.right, view.view_up, view.direction])
    return bool(np.allclose(axes @ axes.T, np.eye(3), atol=1e-9))


@pytest.mark.parametrize(
    ("preset", "right", "up"),
    [
        (ViewPreset.LEFT, [0, -1, 0], [0, 0, 1]),  # the nose points to the left of the picture
        (ViewPreset.RIGHT, [0, 1, 0], [0, 0, 1]),
        (ViewPreset.TOP, [1, 0, 0], [0, 1, 0]),
        (ViewPreset.FRONT, [-1, 0, 0], [0, 0, 1]),  # one faces the head: its left on one's right
    ],
)
def test_presets_look_from_where_they_say(
    preset: ViewPreset, right: list[float], up: list[float]
) -> None:
    view = preset_view(preset, BOUNDS)
    np.testing.assert_allclose(view.right, right, atol=1e-12)
    np.testing.assert_allclose(view.view_up, up, atol=1e-12)
    corners = np.stack(np.meshgrid(*BOUNDS.T), -1).reshape(-1, 3)
    pixels = looking(view).pixels(corners)
    assert (pixels > -60).all()
    assert (pixels < [960, 760]).all()


@settings(max_examples=60, deadline=None)
@given(st.tuples(ANGLES, ANGLES, ANGLES))
def test_over_the_coil_its_front_is_up_and_its_x_axis_points_left(
    turn: tuple[float, float, float],
) -> None:
    target = pose(turn)
    projection = looking(preset_view(ViewPreset.OVER_COIL, BOUNDS, target))
    origin, x, y = projection.pixels(target.apply([[0, 0, 0], [10, 0, 0], [0, 10, 0]]))
    np.testing.assert_allclose(origin, [449.5, 349.5], atol=1e-6)
    assert x[0] < origin[0] - 5
    assert x[1] == pytest.approx(origin[1], abs=1e-6)
    assert y[1] < origin[1] - 5
    assert y[0] == pytest.approx(origin[0], abs=1e-6)


def test_over_the_coil_without_a_target_looks_from_above() -> None:
    over, top = (preset_view(preset, BOUNDS) for preset in (ViewPreset.OVER_COIL, ViewPreset.TOP))
    np.testing.assert_array_equal(over.position, top.position)


@settings(max_examples=60, deadline=None)
@given(st.floats(-400, 400), st.floats(-400, 400))
def test_orbiting_keeps_focus_and_distance(right: float, up: float) -> None:
    before = preset_view(ViewPreset.LEFT, BOUNDS)
    after = orbit(before, right, up)
    assert is_proper(after)
    assert after.distance == pytest.approx(before.distance)
    np.testing.assert_array_equal(after.focal_point, before.focal_point)


def test_orbiting_turns_the_way_it_says() -> None:
    before = preset_view(ViewPreset.FRONT, BOUNDS)
    assert orbit(before, 20, 0).position @ before.right > before.position @ before.right
    assert orbit(before, 0, 20).position[2] > before.position[2]


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 100))
def test_zoom_stays_within_limits_and_keeps_the_line_of_sight(factor: float) -> None:
    before = preset_view(ViewPreset.TOP, BOUNDS)
    after = zoom(before, factor)
    assert NEAREST - 1e-6 <= after.distance <= FARTHEST + 1e-6
    np.testing.assert_allclose(after.direction, before.direction, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.floats(-300, 300), st.floats(-300, 300))
def test_panning_moves_the_picture_with_the_mouse(right: float, down: float) -> None:
    before = preset_view(ViewPreset.LEFT, BOUNDS)
    after = pan(before, right, down, 700)
    moved = looking(after).pixels([CENTRE])[0] - looking(before).pixels([CENTRE])[0]
    np.testing.assert_allclose(moved, [right, down], atol=1e-6)
