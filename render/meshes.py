"""Triangle meshes of simple solids, made with numpy.

In: dimensions in mm. Out: a :class:`Mesh` with outward, counter-clockwise triangles, so that back
faces can be culled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]


@dataclass(frozen=True, eq=False, slots=True)
class Mesh:
    """Triangles in some frame.

    Attributes
    ----------
    vertices
        (N, 3) float64, mm.
    faces
        (M, 3) int32 indices into `vertices`, counter-clockwise seen from outside.
    """

    vertices: FloatArray
    faces: IntArray


def merged(*meshes: Mesh) -> Mesh:
    """Join meshes into one without welding their vertices."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate(
            [mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]
        ).astype(np.int32),
    )


def tube(
    path: ArrayLike,
    radius: float,
    *,
    sides: int = 10,
    closed: bool = False,
    ridge: ArrayLike | None = None,
) -> Mesh:
    """Make a round tube along a polyline; an open one has flat caps.

    Parameters
    ----------
    path
        (N, 3) points, mm; consecutive points differ. A closed path does not repeat its first.
    radius
        Of the tube, mm.
    sides
        Number of sides of the cross-section.
    closed
        Whether the last point joins the first.
    ridge
        (3,) where the first corner of the cross-section points at the first point; not along the
        path. A bar of three sides shows a single flat side to who looks along its ridge.
    """
    points = np.asarray(path, dtype=np.float64)
    rings = _tube_rings(points, radius, sides, closed, ridge)
    count = len(points)
    faces = _band_faces(count, sides, closed)
    vertices = rings.reshape(-1, 3)
    if not closed:
        first, last = count * sides, count * sides + 1
        vertices = np.concatenate([vertices, points[[0, -1]]])
        around = np.arange(sides)
        after = np.roll(around, -1)
        end = (count - 1) * sides
        caps = [
            np.column_stack([np.full(sides, first), after, around]),
            np.column_stack([np.full(sides, last), around + end, after + end]),
        ]
        faces = np.concatenate([faces, *caps])
    return Mesh(vertices, faces.astype(np.int32))


def _tube_rings(
    points: FloatArray, radius: float, sides: int, closed: bool, ridge: ArrayLike | None
) -> FloatArray:
    """(N, sides, 3) cross-sections, turned as little as possible from one to the next."""
    if closed:
        tangents = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    else:
        tangents = np.gradient(points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    if ridge is None:
        across = np.cross(tangents[0], np.eye(3)[np.argmin(np.abs(tangents[0]))])
    else:
        across = np.asarray(ridge, dtype=np.float64)
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    rings = np.empty((len(points), sides, 3))
    for index, (point, tangent) in enumerate(zip(points, tangents, strict=True)):
        across = across - tangent * (across @ tangent)
        across = across / np.linalg.norm(across)
        beside = np.cross(tangent, across)
        rings[index] = point + radius * (
            np.cos(angles)[:, None] * across + np.sin(angles)[:, None] * beside
        )
    return rings


def _band_faces(rings: int, sides: int, closed: bool) -> NDArray[np.int64]:
    last = rings if closed else rings - 1
    ring, side = np.meshgrid(np.arange(last), np.arange(sides), indexing="ij")
    here, there = ring * sides, ((ring + 1) % rings) * sides
    a, b = here + side, here + (side + 1) % sides
    c, d = there + side, there + (side + 1) % sides
    return np.concatenate(
        [
            np.stack([a, b, d], axis=-1).reshape(-1, 3),
            np.stack([a, d, c], axis=-1).reshape(-1, 3),
        ]
    )


def circle(centre: ArrayLike, radius: float, *, count: int = 48) -> FloatArray:
    """(count, 3) points around a circle in a plane of constant z, counter-clockwise from +z."""
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    around = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(count)])
    return np.asarray(centre, dtype=np.float64) + radius * around


def prism(outline: ArrayLike, z_low: float, z_high: float, *, bevel: float = 0.0) -> Mesh:
    """Extrude a star-shaped outline along z, with bevelled edges.

    Parameters
    ----------
    outline
        (N, 2) corners in x and y, mm, counter-clockwise, every corner visible from their mean.
    z_low, z_high
        Extent along z, mm.
    bevel
        How far the two end faces are drawn in, mm.
    """
    corners = np.asarray(outline, dtype=np.float64)
    centre = corners.mean(axis=0)
    outward = corners - centre
    distance = np.linalg.norm(outward, axis=1, keepdims=True)
    drawn_in = centre + outward * np.maximum(distance - bevel, 0.0) / distance
    levels = [(drawn_in, z_low), (corners, z_low + bevel), (corners, z_high - bevel)]
    levels.append((drawn_in, z_high))
    count = len(corners)
    rings = [np.column_stack([ring, np.full(count, z)]) for ring, z in levels]
    vertices = np.concatenate([*rings, [[*centre, z_low], [*centre, z_high]]])
    sides = _band_faces(len(rings), count, closed=False)
    around = np.arange(count)
    after = np.roll(around, -1)
    top = (len(rings) - 1) * count
    bottom_cap = np.column_stack([np.full(count, len(vertices) - 2), after, around])
    top_cap = np.column_stack([np.full(count, len(vertices) - 1), around + top, after + top])
    return Mesh(vertices, np.concatenate([sides, bottom_cap, top_cap]).astype(np.int32))


def sphere(centre: ArrayLike, radius: float, *, rings: int = 8, sides: int = 12) -> Mesh:
    """Make a sphere of `rings` latitudes; one ring of four sides is an octahedron."""
    polar = np.linspace(0, np.pi, rings + 2)[1:-1]
    azimuth = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    polar_grid, azimuth_grid = np.meshgrid(polar, azimuth, indexing="ij")
    unit = np.stack(
        [
            np.sin(polar_grid) * np.cos(azimuth_grid),
            np.sin(polar_grid) * np.sin(azimuth_grid),
            np.cos(polar_grid),
        ],
        axis=-1,
    ).reshape(-1, 3)
    count = len(unit)
    vertices = np.concatenate([unit, [[0, 0, 1], [0, 0, -1]]]) * radius + np.asarray(centre)
    # Latitudes run downward, opposite to the rings of a tube, so the band is turned round.
    band = _band_faces(rings, sides, closed=False)[:, ::-1]
    around = np.arange(sides)
    after = np.roll(around, -1)
    end = (rings - 1) * sides
    north = np.column_stack([np.full(sides, count), around, after])
    south = np.column_stack([np.full(sides, count + 1), after + end, around + end])
    return Mesh(vertices, np.concatenate([band, north, south]).astype(np.int32))
