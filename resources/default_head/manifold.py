"""Mending a thinned mesh: sheets that were pinched together along an edge are parted again.

In: points and triangles of a closed mesh some of whose edges have four triangles. Out: the
largest piece of it, each edge with two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Points = NDArray[np.float32]
Faces = NDArray[np.int32]
Indices = NDArray[np.int64]


def parted(points: Points, faces: Faces) -> tuple[Points, Faces]:
    """Give every fan of triangles about a point its own copy of that point.

    Two triangles belong to one fan if they share an edge that is theirs alone. At an edge of
    four, a triangle is joined with one of opposite direction, of its own fan if there is one.
    Points without triangles are dropped.
    """
    sides, groups = _sides_by_edge(faces)
    pairs = [group for group in groups if len(group) == 2]
    labels = _fans(sides, np.array(pairs), faces.size)
    for group in groups:
        if len(group) == 4:
            pairs += _matched(group, sides, labels)
    labels = _fans(sides, np.array(pairs), faces.size)
    faces, points = labels.reshape(-1, 3).astype(np.int32), _at(points, faces, labels)
    return _largest_piece(points, faces)


def _at(points: Points, faces: Faces, labels: Indices) -> Points:
    moved = np.empty((int(labels.max()) + 1, 3), dtype=np.float32)
    moved[labels] = points[faces.ravel()]
    return moved


def _largest_piece(points: Points, faces: Faces) -> tuple[Points, Faces]:
    ends = np.concatenate([faces[:, :2], faces[:, 1:]])
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(points),) * 2)
    piece = connected_components(graph, directed=False)[1][faces[:, 0]]
    kept, renumbered = np.unique(faces[piece == np.bincount(piece).argmax()], return_inverse=True)
    return points[kept], renumbered.reshape(-1, 3).astype(np.int32)


def _sides_by_edge(faces: Faces) -> tuple[Indices, list[Indices]]:
    """Each side as its two corners, the one with the lower point first, and sides by edge."""
    corner = np.arange(faces.size).reshape(-1, 3)
    sides = np.concatenate([corner[:, [0, 1]], corner[:, [1, 2]], corner[:, [2, 0]]])
    ends = faces.ravel()[sides]
    falling = ends[:, 0] > ends[:, 1]
    sides[falling] = sides[falling][:, ::-1]
    ends = np.sort(ends, axis=1)
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    new = (np.diff(ends[order], axis=0) != 0).any(axis=1)
    return sides, np.split(order, np.flatnonzero(new) + 1)


def _fans(sides: Indices, pairs: Indices, corners: int) -> Indices:
    """Label of the fan of each corner, when the sides in `pairs` (K, 2) are joined."""
    first, second = sides[pairs[:, 0]].ravel(), sides[pairs[:, 1]].ravel()
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(corners, corners))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _matched(group: Indices, sides: Indices, labels: Indices) -> list[Indices]:
    """Join the four sides of an edge in two pairs of opposite direction."""
    rising = [side for side in group if (sides[side][1] - sides[side][0]) % 3 == 1]
    falling = [side for side in group if side not in rising]
    fan = labels[sides[rising[0]][0]]
    falling.sort(key=lambda side: labels[sides[side][0]] != fan)
    return [np.array(pair) for pair in zip(rising, falling, strict=True)]
