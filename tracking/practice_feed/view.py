"""What one camera's pixels look along: rays without distortion, and how a patch of them is drawn.

In: a camera. Out: rays per pixel and rectangles of the image that a shape can touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.cameras import Camera

FloatArray = NDArray[np.float64]
Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class View:
    """A camera with the viewing ray of every pixel.

    Attributes
    ----------
    camera
        The camera.
    rays
        (height, width, 2) normalised image coordinates of the pixel centres.
    """

    camera: Camera
    rays: FloatArray

    def patch_around(self, points_camera: FloatArray, margin: int) -> tuple[slice, slice] | None:
        """Rows and columns that hold the projections of points (N, 3); None if out of sight."""
        pixels = self.camera.project(points_camera)
        low = np.floor(pixels.min(axis=0)).astype(int) - margin
        high = np.ceil(pixels.max(axis=0)).astype(int) + margin + 1
        left, top = np.maximum(low, 0)
        right, bottom = np.minimum(high, (self.camera.width, self.camera.height))
        if left >= right or top >= bottom:
            return None
        return slice(int(top), int(bottom)), slice(int(left), int(right))


def view_of(camera: Camera) -> View:
    """Compute the rays of `camera`."""
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    pixels = np.column_stack([columns.ravel(), rows.ravel()]).astype(np.float64)
    rays = camera.undistort(pixels).reshape(camera.height, camera.width, 2)
    return View(camera, rays)


def lay_over(canvas: Image, patch: tuple[slice, slice], colour: Image, cover: Image) -> None:
    """Draw on `canvas` in place: `colour` is already multiplied by `cover`, which is 0 to 1."""
    canvas[patch] = canvas[patch] * (1 - cover) + colour
