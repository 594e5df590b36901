"""Pictures of marker bodies as one camera sees them, exact to about a hundredth of a pixel.

Rays come from undistorted pixels, meet the plane of each tag, and read the printed module there.
A pixel whose footprint lies in one module has that module's grey; each other pixel is the mean of
`SAMPLES` rays, placed as a rank-1 lattice: an edge in any direction is resolved to 1 / SAMPLES of
a pixel, where a square grid of as many would resolve one along its rows to 1 / sqrt(SAMPLES).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.interpolate import RectBivariateSpline
from scipy.spatial.transform import RigidTransform

from tests.rendered.light import GOOD, Light, clutter, exposed
from tracking.bodies import MarkerBody
from tracking.cameras import Camera

SAMPLES = 34
_INDEX = np.arange(SAMPLES) + 0.5
LATTICE = np.stack([_INDEX / SAMPLES, (_INDEX * 21 / SAMPLES) % 1.0]) - 0.5
"""(2, SAMPLES) places within a pixel: Fibonacci's lattice of 34 points."""

NODE_PX = 8
"""Distance of the pixels that are undistorted exactly; a spline runs through them."""

WHITE = 4 / 36
"""White paper around each tag of the default body, in sides of the tag."""

DICTIONARIES = {"36h11": cv2.aruco.DICT_APRILTAG_36h11, "25h9": cv2.aruco.DICT_APRILTAG_25h9}


@dataclass(frozen=True, eq=False)
class Crop:
    """Part of a picture, and the camera as if it had taken only that part."""

    image: np.ndarray
    camera: Camera
    left: int
    top: int


class Renderer:
    """Draws bodies as `camera` sees them."""

    def __init__(self, camera: Camera, bodies: Sequence[MarkerBody], seed: int = 0) -> None:
        self.camera = camera
        self._bodies = {body.name: body for body in bodies}
        self._rays = _rays(camera)
        self._modules = {
            (body.family, tag): _modules(body.family, tag)
            for body in bodies
            for tag in body.corners
        }
        # Larger than the picture: each picture shows another part of it.
        self._clutter = clutter(camera.width + 400, camera.height + 300, [seed, 77])

    def picture(
        self,
        poses: Mapping[str, RigidTransform | Sequence[RigidTransform]],
        light: Light = GOOD,
        seed=0,
        *,
        hidden: Sequence[int] = (),
        covers: Sequence[tuple[np.ndarray, float]] = (),
    ) -> np.ndarray:
        """Draw the whole picture; see :meth:`crop`."""
        whole = (0, 0, self.camera.width, self.camera.height)
        return self._draw(poses, light, seed, whole, hidden, covers)

    def crop(
        self,
        poses: Mapping[str, RigidTransform | Sequence[RigidTransform]],
        light: Light = GOOD,
        seed=0,
        *,
        hidden: Sequence[int] = (),
        covers: Sequence[tuple[np.ndarray, float]] = (),
        margin: int = 40,
    ) -> Crop | None:
        """Draw only what lies within `margin` px of the bodies; None if they are out of sight.

        Parameters
        ----------
        poses
            Body name -> ``world_from_body``, or its poses during the exposure, equally spaced.
        light
            Conditions.
        seed
            Of noise, light and the part of the background.
        hidden
            Tags that are not drawn, nor the paper around them.
        covers
            Things before the bodies: corners (N, 2) of a convex polygon in the whole picture's
            pixels, and grey level.
        margin
            Pixels around the bodies.
        """
        camera = self.camera
        points = [
            camera.camera_from_world.apply(pose.apply(corners))
            for name, moved in poses.items()
            for pose in _moments(moved)
            for corners in self._bodies[name].corners.values()
        ]
        seen = np.concatenate(points)
        if seen[:, 2].min() <= 10:
            return None
        pixels = camera.project(seen)
        left, top = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - margin, 0)
        limit = [camera.width, camera.height]
        right, bottom = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + margin + 1, limit)
        if right - left < 2 * margin or bottom - top < 2 * margin:
            return None
        window = (int(left), int(top), int(right), int(bottom))
        image = self._draw(poses, light, seed, window, hidden, covers)
        return Crop(image, _shifted(camera, *window), window[0], window[1])

    def _draw(self, poses, light, seed, window, hidden, covers):
        rng = np.random.default_rng(seed)
        left, top, right, bottom = window
        x, y = rng.integers(0, 400), rng.integers(0, 300)
        behind = self._clutter[y + top : y + bottom, x + left : x + right]
        moments = max(len(_moments(moved)) for moved in poses.values())
        scene = np.zeros_like(behind)
        for moment in range(moments):
            one = behind.copy()
            now = {name: _moments(moved)[moment] for name, moved in poses.items()}
            self._paint_bodies(one, now, light, window, hidden)
            scene += one / moments
        for outline, grey in covers:
            corners = np.rint((outline - [left, top]) * 16).astype(np.int32)
            cv2.fillConvexPoly(scene, corners, grey, cv2.LINE_AA, shift=4)
        return exposed(scene, light, rng)

    def _paint_bodies(self, scene, poses, light, window, hidden):
        in_camera = {name: self.camera.camera_from_world * pose for name, pose in poses.items()}
        for name in sorted(poses, key=lambda one: -in_camera[one].translation[2]):
            body = self._bodies[name]
            seen = {
                tag: in_camera[name].apply(corners)
                for tag, corners in body.corners.items()
                if tag not in hidden
            }
            for corners in seen.values():
                self._paint(scene, window, corners, np.full((1, 1), light.paper), WHITE)
            for tag, corners in seen.items():
                levels = np.where(self._modules[body.family, tag], light.paper, light.ink)
                self._paint(scene, window, corners, levels, 0.0)

    def _paint(self, scene, window, corners, levels, margin):
        """Lay a square sheet with a grid of grey `levels` over `scene`."""
        across, down = corners[1] - corners[0], corners[3] - corners[0]
        normal = np.cross(across, down)
        if corners.mean(axis=0) @ normal <= 0 or corners[:, 2].min() <= 10:
            return  # seen from behind
        centre = corners.mean(axis=0)
        outline = self.camera.project(centre + (corners - centre) * (1 + 2 * margin))
        low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 1, window[:2])
        high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 2, window[2:])
        if (low >= high).any():
            return
        place = _TagPlane(corners[0], across, down, normal, margin, len(levels))
        rays = self._rays[:, low[1] : high[1], low[0] : high[0]]
        u, v = place.cells(rays[0], rays[1])
        ahead = place.cells(
            rays[0] + rays[2] / 2 + rays[3] / 2, rays[1] + rays[4] / 2 + rays[5] / 2
        )
        aside = place.cells(
            rays[0] + rays[2] / 2 - rays[3] / 2, rays[1] + rays[4] / 2 - rays[5] / 2
        )
        reach_u = np.maximum(np.abs(ahead[0] - u), np.abs(aside[0] - u)) * 1.02
        reach_v = np.maximum(np.abs(ahead[1] - v), np.abs(aside[1] - v)) * 1.02
        patch = scene[
            low[1] - window[1] : high[1] - window[1], low[0] - window[0] : high[0] - window[0]
        ]
        count = len(levels)
        flat = (np.floor(u - reach_u) == np.floor(u + reach_u)) & (
            np.floor(v - reach_v) == np.floor(v + reach_v)
        )
        within = (u >= 0) & (u < count) & (v >= 0) & (v < count)
        sure = flat & within
        patch[sure] = levels[v[sure].astype(int), u[sure].astype(int)]
        near = (u > -reach_u) & (u < count + reach_u) & (v > -reach_v) & (v < count + reach_v)
        mixed = near & ~flat
        x, y, x_x, x_y, y_x, y_y = (one[mixed][:, None] for one in rays)
        fine_u, fine_v = place.cells(
            x + x_x * LATTICE[0] + x_y * LATTICE[1], y + y_x * LATTICE[0] + y_y * LATTICE[1]
        )
        inside = (fine_u >= 0) & (fine_u < count) & (fine_v >= 0) & (fine_v < count)
        row, column = (np.clip(one.astype(int), 0, count - 1) for one in (fine_v, fine_u))
        light = (levels[row, column] * inside).mean(axis=1)
        patch[mixed] = light + (1 - inside.mean(axis=1)) * patch[mixed]


@dataclass(frozen=True, eq=False)
class _TagPlane:
    """A square sheet in the camera's frame: a tag and `margin` sides of it around."""

    corner: np.ndarray
    across: np.ndarray
    down: np.ndarray
    normal: np.ndarray
    margin: float
    count: int

    def cells(self, x, y):
        """Where the rays (x, y, 1) meet the sheet, in cells from its first corner."""
        depth = (self.corner @ self.normal) / (
            x * self.normal[0] + y * self.normal[1] + self.normal[2]
        )
        scale = self.count / (1 + 2 * self.margin)
        cells = []
        for axis in (self.across, self.down):
            share = depth * (x * axis[0] + y * axis[1] + axis[2]) - self.corner @ axis
            cells.append((share / (axis @ axis) + self.margin) * scale)
        return cells


def _moments(moved):
    return [moved] if isinstance(moved, RigidTransform) else list(moved)


def _rays(camera):
    """(6, height, width): ray x and y at z = 1 of each pixel, and how x and y change along the
    row and down the column: x, y, x by column, x by row, y by column, y by row."""
    columns = np.arange(-NODE_PX, camera.width + 2 * NODE_PX, NODE_PX, dtype=np.float64)
    rows = np.arange(-NODE_PX, camera.height + 2 * NODE_PX, NODE_PX, dtype=np.float64)
    nodes = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 1, 2)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-14)
    exact = cv2.undistortPoints(
        nodes, camera.matrix, camera.distortion, R=None, P=None, criteria=criteria
    ).reshape(len(rows), len(columns), 2)
    xs, ys = np.arange(camera.width), np.arange(camera.height)
    by_x, by_y = (RectBivariateSpline(rows, columns, exact[..., axis]) for axis in (0, 1))
    return np.stack(
        [
            by_x(ys, xs),
            by_y(ys, xs),
            by_x(ys, xs, dy=1),
            by_x(ys, xs, dx=1),
            by_y(ys, xs, dy=1),
            by_y(ys, xs, dx=1),
        ]
    )


def _modules(family, tag):
    dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARIES[family])
    cells = dictionary.markerSize + 2
    return cv2.aruco.generateImageMarker(dictionary, tag, cells) > 0


def _shifted(camera, left, top, right, bottom):
    matrix = camera.matrix.copy()
    matrix[:2, 2] -= [left, top]
    return replace(camera, width=right - left, height=bottom - top, matrix=matrix)
