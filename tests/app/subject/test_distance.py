"""Distances to surfaces against spheres and planes, where the answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.subject.distance import SurfaceDistance, closest_points
from render.surface import Surface

RADIUS = 80.0


def sphere(rings=60, segments=120):
    """A sphere of RADIUS about the origin; its flat triangles lie at most 0.06 mm inside."""
    polar = np.linspace(0, np.pi, rings + 1)
    around = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    p, a = np.meshgrid(polar, around, indexing="ij")
    points = RADIUS * np.stack([np.sin(p) * np.cos(a), np.sin(p) * np.sin(a), np.cos(p)], axis=-1)
    index = np.arange((rings + 1) * segments).reshape(rings + 1, segments)
    here, below = index[:-1], index[1:]
    right, below_right = np.roll(here, -1, axis=1), np.roll(below, -1, axis=1)
    faces = np.concatenate(
        [np.stack([here, below, right], -1), np.stack([right, below, below_right], -1)]
    )
    return Surface(points.reshape(-1, 3).astype(np.float32), faces.reshape(-1, 3))


SPHERE = SurfaceDistance(sphere())
UNIT = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1)


@given(direction=UNIT, radius=st.floats(30, 200))
def test_nearest_point_of_a_sphere(direction, radius):
    unit = np.array(direction) / np.linalg.norm(direction)
    distance, point = SPHERE.nearest(radius * unit)
    assert distance == pytest.approx(abs(radius - RADIUS), abs=0.08)
    assert np.linalg.norm(point) == pytest.approx(RADIUS, abs=0.08)
    assert np.linalg.norm(point - radius * unit) == pytest.approx(distance, abs=1e-9)


@given(direction=UNIT, aim=UNIT, radius=st.floats(82, 200))
def test_along_an_axis_to_a_sphere(direction, aim, radius):
    origin = radius * np.array(direction) / np.linalg.norm(direction)
    inner = 60 * np.array(aim) / np.linalg.norm(aim)
    axis = (inner - origin) / np.linalg.norm(inner - origin)
    half = -(origin @ axis)
    expected = half - np.sqrt(half**2 - radius**2 + RADIUS**2)
    assert SPHERE.along(origin, 7 * axis) == pytest.approx(expected, abs=0.1)
    assert SPHERE.along(origin, -axis) is None


@given(aim=UNIT)
def test_from_inside_the_far_wall_is_hit_in_either_direction(aim):
    assert SPHERE.along([0, 0, 0], aim) == pytest.approx(RADIUS, abs=0.08)


def test_an_axis_beside_the_surface_hits_nothing():
    assert SPHERE.along([0, 81, -200], [0, 0, 1]) is None


def test_an_axis_through_a_vertex_or_an_edge_is_not_lost():
    surface = sphere(20, 40)
    distance = SurfaceDistance(surface)
    corners = surface.vertices[surface.faces].astype(float)
    for target in np.concatenate([surface.vertices[41:90], corners[50:90, :2].mean(axis=1)]):
        assert distance.along(3 * target, -target) == pytest.approx(
            2 * np.linalg.norm(target), abs=1e-3
        )


TRIANGLE = arrays(np.float64, (3, 3), elements=st.floats(-50, 50, width=32))
POINT = arrays(np.float64, 3, elements=st.floats(-100, 100, width=32))
GRID = np.array([(i, j, 24 - i - j) for i in range(25) for j in range(25 - i)]) / 24


@given(corners=TRIANGLE, point=POINT)
def test_no_point_of_a_triangle_is_nearer_than_the_closest(corners, point):
    closest = closest_points(point, corners[None])[0]
    inside = GRID @ corners
    assert np.linalg.norm(closest - point) <= np.linalg.norm(inside - point, axis=1).min() + 1e-6
    # The point itself belongs to the triangle: it is within a step of the sampled points.
    step = np.linalg.norm(np.diff(corners[[0, 1, 2, 0]], axis=0), axis=1).max() / 24
    assert np.linalg.norm(inside - closest, axis=1).min() <= step + 1e-6


@settings(max_examples=50)
@given(corners=arrays(np.float64, (40, 3, 3), elements=st.floats(-50, 50, width=16)), point=POINT)
def test_culling_never_drops_the_nearest_triangle(corners, point):
    surface = Surface(corners.reshape(-1, 3), np.arange(120).reshape(40, 3))
    exact = np.linalg.norm(closest_points(point, corners) - point, axis=1).min()
    assert SurfaceDistance(surface).nearest(point)[0] == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("wrong", [[0, 0], [0, 0, np.nan], [[0, 0, 0]]])
def test_what_is_no_point_is_refused(wrong):
    with pytest.raises(ValueError, match="three finite numbers"):
        SPHERE.nearest(wrong)
    with pytest.raises(ValueError, match="three finite numbers"):
        SPHERE.along(wrong, [0, 0, 1])


def test_a_direction_without_length_is_refused():
    with pytest.raises(ValueError, match="no length"):
        SPHERE.along([0, 0, 0], [0, 0, 0])
