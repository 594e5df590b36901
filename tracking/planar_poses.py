"""Both poses that a single flat tag allows, for every tag that is seen.

In: the sighting of a body. Out: candidate placements of the body in ``world``, two per tag and
camera.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tracking.reprojection import Placement, Sighting

FloatArray = NDArray[np.float64]


def planar_placements(sighting: Sighting, largest: int | None = None) -> list[Placement]:
    """Candidates for ``world_from_body`` from tags on their own (IPPE for squares).

    Of each camera the `largest` tags are taken, by default all: small ones only add candidates
    further off.
    """
    return [
        placement
        for camera in sighting.cameras
        for first in _largest(sighting, camera, largest)
        for placement in _of_tag(sighting, first)
    ]


def _largest(sighting: Sighting, camera: str, count: int | None) -> list[int]:
    """Index of the first corner of each of the largest tags that `camera` sees."""
    own = [4 * index for index, (name, _) in enumerate(sighting.tags) if name == camera]
    return sorted(own, key=lambda first: -_size(sighting.rays[first : first + 4]))[:count]


def _size(rays: FloatArray) -> float:
    one, other = rays[2] - rays[0], rays[3] - rays[1]
    return abs(float(one[0] * other[1] - one[1] * other[0]))


def _of_tag(sighting: Sighting, first: int) -> list[Placement]:
    rays = sighting.rays[first : first + 4]
    world_from_camera = sighting.rotations[first].T
    frame, centre, size = _tag_frame(sighting.points[first : first + 4])
    half = size / 2
    square = np.array([[-half, half, 0], [half, half, 0], [half, -half, 0], [-half, -half, 0]])
    try:
        _, turns, shifts, _ = cv2.solvePnPGeneric(
            square, rays.reshape(-1, 1, 2), np.eye(3), np.zeros(4), flags=cv2.SOLVEPNP_IPPE_SQUARE
        )
    except cv2.error:  # a quadrangle so degenerate that it has no homography
        return []
    placements = []
    for turn, shift in zip(turns, shifts, strict=True):
        camera_from_tag = np.asarray(cv2.Rodrigues(turn)[0], dtype=np.float64)
        camera_from_body = camera_from_tag @ frame.T
        offset = np.asarray(shift, dtype=np.float64).reshape(3) - camera_from_body @ centre
        placements.append(
            Placement(
                world_from_camera @ camera_from_body,
                world_from_camera @ (offset - sighting.translations[first]),
            )
        )
    return [one for one in placements if np.isfinite(one.translation).all()]


def _tag_frame(corners: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Axes (3, 3, as columns) of a tag: x along its top, y up, z to the viewer; centre; side."""
    across = corners[1] + corners[2] - corners[0] - corners[3]
    up = corners[0] + corners[1] - corners[2] - corners[3]
    size = (np.linalg.norm(across) + np.linalg.norm(up)) / 4
    x = across / np.linalg.norm(across)
    z = np.cross(x, up)
    z /= np.linalg.norm(z)
    return np.column_stack([x, np.cross(z, x), z]), corners.mean(axis=0), float(size)
