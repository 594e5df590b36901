"""Distances from the coil to a surface: the nearest point, and along an axis.

In: a :class:`~render.surface.Surface` once, then points and directions in the same frame, mm.
Out: exact distances to its triangles, fast enough to be asked for every drawn frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from render.rays import RayCaster
from render.surface import Surface

FloatArray = NDArray[np.float64]

_SLACK = 0.1
"""mm by which bounding spheres are widened: far above the error of their float32 arithmetic."""


class SurfaceDistance:
    """Distances to one surface.

    Every triangle lies in a bounding sphere about its centroid. A query for the nearest point first
    culls by the spheres, all at once in single precision, then treats the few triangles left
    exactly.
    """

    def __init__(self, surface: Surface) -> None:
        corners = surface.vertices.astype(np.float64)[surface.faces]
        centroids = corners.mean(axis=1)
        radii = np.linalg.norm(corners - centroids[:, None], axis=2).max(axis=1)
        self._corners = corners
        self._centroids = np.ascontiguousarray(centroids.T, dtype=np.float32)
        self._radii = (radii + _SLACK).astype(np.float32)
        self._rays = RayCaster(surface)
        self._middle = surface.vertices.mean(axis=0).astype(np.float64)
        self._extent = float(np.linalg.norm(surface.vertices - self._middle, axis=1).max()) + 1.0

    def nearest(self, point: ArrayLike) -> tuple[float, FloatArray]:
        """Give the distance to the point of the surface nearest to `point` (3,), and that point.

        Raises
        ------
        ValueError
            If `point` is not three finite numbers.
        """
        point = _vector(point)
        offsets = self._centroids - point.astype(np.float32)[:, None]
        to_centroid = np.sqrt(np.einsum("ij,ij->j", offsets, offsets))
        bound = to_centroid.min() + _SLACK
        candidates = np.flatnonzero(to_centroid - self._radii <= bound)
        points = closest_points(point, self._corners[candidates])
        distances = np.linalg.norm(points - point, axis=1)
        best = int(np.argmin(distances))
        return float(distances[best]), points[best]

    def along(self, origin: ArrayLike, direction: ArrayLike) -> float | None:
        """Give the distance from `origin` (3,) along `direction` (3,) to the first triangle hit.

        Triangles are hit from either side; those behind `origin` are not. None if there is none.

        Raises
        ------
        ValueError
            If either is not three finite numbers, or `direction` is zero.
        """
        origin, direction = _vector(origin), _vector(direction)
        length = float(np.linalg.norm(direction))
        if length == 0:
            raise ValueError("The direction has no length.")
        axis = direction / length
        reach = float(np.linalg.norm(origin - self._middle)) + self._extent
        hit = self._rays.first_hit(origin, axis, reach)
        return None if hit is None else float((hit - origin) @ axis)


def closest_points(point: FloatArray, corners: FloatArray) -> FloatArray:
    """Give the (M, 3) points nearest to `point` (3,) on the triangles `corners` (M, 3, 3).

    The foot of the perpendicular where it lies within the triangle, otherwise the nearest
    point of its three sides.
    """
    first, second, third = corners[:, 0], corners[:, 1], corners[:, 2]
    sides = np.stack([second - first, third - second, first - third], axis=1)
    reach = point - corners
    lengths = np.einsum("mij,mij->mi", sides, sides)
    share = np.einsum("mij,mij->mi", reach, sides) / np.where(lengths > 0, lengths, 1)
    on_sides = corners + np.clip(share, 0, 1)[..., None] * sides
    gaps = np.einsum("mij,mij->mi", point - on_sides, point - on_sides)
    nearest: FloatArray = on_sides[np.arange(len(corners)), np.argmin(gaps, axis=1)]

    normals = np.cross(sides[:, 0], third - first)
    squares = np.einsum("mj,mj->m", normals, normals)
    flat = squares > 0
    height = np.einsum("mj,mj->m", reach[:, 0], normals) / np.where(flat, squares, 1)
    turns = np.einsum("mij,mj->mi", np.cross(sides, reach), normals)
    inside = flat & (turns >= 0).all(axis=1)
    nearest[inside] = (point - height[:, None] * normals)[inside]
    return nearest


def _vector(values: ArrayLike) -> FloatArray:
    vector = np.asarray(values, dtype=np.float64)
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise ValueError(f"A point or direction must be three finite numbers, not {values!r}.")
    return vector
