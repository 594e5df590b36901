"""From millimetres to pixels and back, for one view and one size of picture.

In: points in ``mri``. Out: pixels (x right, y down, the centre of the first pixel at 0, 0) and
depths as the graphics library stores them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from render.views import VIEW_ANGLE_DEG, View

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels: left <= x < right, top <= y < bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.left >= self.right or self.top >= self.bottom

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of an image."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True, eq=False)
class Projection:
    """A perspective camera with clipping planes and a picture size.

    Attributes
    ----------
    view
        Where the camera stands.
    near, far
        Distances of the clipping planes, mm.
    width, height
        Size of the picture, pixels.
    """

    view: View
    near: float
    far: float
    width: int
    height: int

    @property
    def whole(self) -> Box:
        """Every pixel."""
        return Box(0, 0, self.width, self.height)

    @cached_property
    def _axes(self) -> FloatArray:
        return np.stack([self.view.right, -self.view.view_up, self.view.direction])

    @cached_property
    def _focal_px(self) -> float:
        return float(self.height / 2 / np.tan(np.deg2rad(VIEW_ANGLE_DEG / 2)))

    @property
    def _centre(self) -> FloatArray:
        return np.array([(self.width - 1) / 2, (self.height - 1) / 2])

    def pixels(self, points: ArrayLike) -> FloatArray:
        """(N, 2) pixels of (N, 3) points; NaN for points nearer than the near plane."""
        seen = (np.asarray(points, dtype=np.float64) - self.view.position) @ self._axes.T
        ahead = np.where(seen[:, 2:] >= self.near, seen[:, 2:], np.nan)
        pixels: FloatArray = self._centre + self._focal_px * seen[:, :2] / ahead
        return pixels

    def point(self, x: float, y: float, depth: float) -> FloatArray:
        """(3,) point at a pixel, given its stored depth (OpenGL's, 0 near to 1 far)."""
        ahead = self.near * self.far / (self.far - depth * (self.far - self.near))
        across = (np.array([x, y]) - self._centre) / self._focal_px
        point: FloatArray = self.view.position + ahead * (np.array([*across, 1.0]) @ self._axes)
        return point

    def box_around(self, points: ArrayLike, margin: int = 3) -> Box:
        """Pixels that hold the convex hull of (N, 3) points; all if a point is too near."""
        pixels = self.pixels(points)
        if np.isnan(pixels).any():
            return self.whole
        limits = np.array([self.width, self.height])
        low = np.clip(np.floor(pixels.min(axis=0)) - margin, 0, limits).astype(int)
        high = np.clip(np.ceil(pixels.max(axis=0)) + margin + 1, 0, limits).astype(int)
        return Box(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
