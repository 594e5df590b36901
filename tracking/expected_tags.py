"""Which tags of a body a camera should see, and where, if the body is where it is expected.

In: a body, a camera, the body's expected pose. Out: one :class:`TagObservation` for every tag that
faces the camera and lies in its picture, to be looked for right there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracking.bodies import MarkerBody
from tracking.cameras import Camera
from tracking.detection import SMALLEST_PERIMETER, TagObservation

FloatArray = NDArray[np.float64]

FACING = 0.15
"""Least cosine between a tag's normal and the way to the camera at which it may still be read."""

NEAREST_MM = 1.0


class TagLayout:
    """A body's tags as arrays, for speed.

    Attributes
    ----------
    tags
        Ids of the T tags.
    corners
        (4 T, 3) in the body's frame, mm.
    """

    def __init__(self, body: MarkerBody) -> None:
        self.tags = tuple(body.corners)
        self.corners: FloatArray = np.concatenate(list(body.corners.values()))

    def expected(self, camera: Camera, camera_from_body: FloatArray) -> list[TagObservation]:
        """Tags that `camera` should see with the body at `camera_from_body` (4, 4), mm."""
        points = self.corners @ camera_from_body[:3, :3].T + camera_from_body[:3, 3]
        quads = points.reshape(-1, 4, 3)
        centres = quads.mean(axis=1)
        normals = np.cross(quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0])
        lengths = np.linalg.norm(normals, axis=1) * np.linalg.norm(centres, axis=1)
        cosines = (normals * centres).sum(axis=1) / np.maximum(lengths, 1e-9)
        ahead = (cosines > FACING) & (quads[:, :, 2] > NEAREST_MM).all(axis=1)
        if not ahead.any():
            return []
        pixels = camera.project(quads[ahead].reshape(-1, 3)).reshape(-1, 4, 2)
        sides = pixels - pixels[:, [1, 2, 3, 0]]
        whole = (
            (np.hypot(sides[..., 0], sides[..., 1]).sum(axis=1) >= SMALLEST_PERIMETER)
            & (pixels > 2.0).all(axis=(1, 2))
            & (pixels < [camera.width - 3.0, camera.height - 3.0]).all(axis=(1, 2))
        )
        tags = [tag for tag, faces in zip(self.tags, ahead.tolist(), strict=True) if faces]
        return [
            TagObservation(tag, quad)
            for tag, quad, good in zip(tags, pixels, whole.tolist(), strict=True)
            if good
        ]

    def outline(self, camera: Camera, camera_from_body: FloatArray) -> FloatArray | None:
        """Pixels (4 T, 2) of all corners; None if one of them does not lie before the camera."""
        points = self.corners @ camera_from_body[:3, :3].T + camera_from_body[:3, 3]
        return None if float(points[:, 2].min()) <= NEAREST_MM else camera.project(points)
