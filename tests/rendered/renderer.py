"""Pictures of marker bodies as one camera sees them, exact to about a hundredth of a pixel.

Rays come from undistorted pixels, meet the plane of each tag, and read the printed module there.
Pixels are drawn in parts, which the lens blurs before a pixel gathers them. A part that lies in one
module has that module's grey; each other is the mean of `SAMPLES` rays, placed as a rank-1 lattice:
an edge in any direction is resolved to 1 / SAMPLES of a part, where a square grid of as many rays
would resolve one along its rows to 1 / sqrt(SAMPLES).
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

FINE = 3
"""Parts of a pixel, each way, of what is drawn before the lens blurs it. Blurring whole pixels
instead would leave steps in each edge that no lens makes."""

SAMPLES = 13
_INDEX = np.arange(SAMPLES)
LATTICE = ((np.stack([_INDEX, (_INDEX * 8) % SAMPLES]) + 0.5) / SAMPLES - 0.5).astype(np.float32)
"""(2, SAMPLES) places within a part of a pixel: Fibonacci's lattice of 13 points."""

EDGE_PX = 12
NEAREST = 10.0
GRAZING = 0.01
"""Border drawn finely around bodies, px; what is nearer to the camera is not drawn, mm;
neither is what is seen under a smaller sine of an angle."""

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
            Of noise, light and the part of the background. Of several numbers the first decides
            the latter two.
        hidden
            Tags that are not drawn, nor the paper around them.
        covers
            Things before the bodies: corners (N, 2) of a convex polygon in the whole picture's
            pixels, and grey level.
        margin
            Pixels around the bodies.
        """
        window = self._window(poses, margin)
        if window is None:
            return None
        image = self._draw(poses, light, seed, window, hidden, covers)
        return Crop(image, _shifted(self.camera, *window), window[0], window[1])

    def _draw(self, poses, light, seed, window, hidden, covers):
        # Of several numbers the first decides what is seen, all of them the noise.
        setting = np.random.default_rng(np.atleast_1d(seed)[0])
        left, top, right, bottom = window
        x, y = setting.integers(0, 400), setting.integers(0, 300)
        scene = self._clutter[y + top : y + bottom, x + left : x + right].copy()
        for part in self._windows(poses, window):
            rows = slice(part[1] - top, part[3] - top)
            columns = slice(part[0] - left, part[2] - left)
            scene[rows, columns] = self._optics(
                scene[rows, columns], poses, light, part, hidden, covers
            )
        return exposed(scene, light, setting, np.random.default_rng(seed))

    def _windows(self, poses, window):
        """Parts of `window` with bodies in them; parts that touch are one."""
        parts = []
        for name, moved in poses.items():
            part = self._window({name: moved}, EDGE_PX)
            if part is None:
                continue
            part = (*np.maximum(part[:2], window[:2]), *np.minimum(part[2:], window[2:]))
            if part[0] >= part[2] or part[1] >= part[3]:
                continue
            touching = [one for one in parts if _touch(one, part)]
            parts = [one for one in parts if one not in touching]
            for one in touching:
                part = (*np.minimum(one[:2], part[:2]), *np.maximum(one[2:], part[2:]))
            parts.append(tuple(int(edge) for edge in part))
        return parts

    def _window(self, poses, margin):
        """Left, top, right and bottom of what is within `margin` of the bodies, or None."""
        camera = self.camera
        seen = np.concatenate(
            [
                camera.camera_from_world.apply(pose.apply(corners))
                for name, moved in poses.items()
                for pose in _moments(moved)
                for corners in self._bodies[name].corners.values()
            ]
        )
        if seen[:, 2].min() <= NEAREST:
            return None
        pixels = camera.project(seen)
        low = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - margin, 0)
        limit = [camera.width, camera.height]
        high = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + margin + 1, limit)
        if (high - low < 2 * margin).any():
            return None
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])

    def _optics(self, behind, poses, light, window, hidden, covers):
        """What falls on the pixels of `window`: drawn finely, blurred, gathered by pixel."""
        height, width = behind.shape
        fine = cv2.resize(behind, (width * FINE, height * FINE), interpolation=cv2.INTER_LINEAR)
        moments = max(len(_moments(moved)) for moved in poses.values())
        scene = np.zeros_like(fine)
        for moment in range(moments):
            one = fine.copy()
            now = {
                name: _moments(moved)[min(moment, len(_moments(moved)) - 1)]
                for name, moved in poses.items()
            }
            self._paint_bodies(one, now, light, window, hidden)
            scene += one / moments
        for outline, grey in covers:
            # The centre of the first pixel is not that of its first part.
            corners = (np.asarray(outline) - window[:2]) * FINE + (FINE - 1) / 2
            cv2.fillConvexPoly(
                scene, np.rint(corners * 16).astype(np.int32), grey, cv2.LINE_AA, shift=4
            )
        if light.psf > 0:
            scene = cv2.GaussianBlur(scene, (0, 0), light.psf * FINE)
        return cv2.resize(scene, (width, height), interpolation=cv2.INTER_AREA)

    def _paint_bodies(self, scene, poses, light, window, hidden):
        in_camera = {name: self.camera.camera_from_world * pose for name, pose in poses.items()}
        for name in sorted(poses, key=lambda one: -in_camera[one].translation[2]):
            body = self._bodies[name]
            seen = {
                tag: in_camera[name].apply(corners)
                for tag, corners in body.corners.items()
                if tag not in hidden
            }
            paper = np.full((1, 1), light.paper, dtype=np.float32)
            for corners in seen.values():
                self._paint(scene, window, corners, paper, WHITE)
            for tag, corners in seen.items():
                levels = np.where(self._modules[body.family, tag], light.paper, light.ink)
                self._paint(scene, window, corners, levels.astype(np.float32), 0.0)

    def _paint(self, scene, window, corners, levels, margin):
        """Lay a square sheet with a grid of grey `levels` over `scene`."""
        normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
        centre = corners.mean(axis=0)
        slant = centre @ normal / np.linalg.norm(centre) / np.linalg.norm(normal)
        if slant <= GRAZING or corners[:, 2].min() <= NEAREST:
            return  # seen from behind, or from the edge
        sheet = centre + (corners - centre) * (1 + 2 * margin)
        outline = self.camera.project(sheet)
        low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 1, window[:2])
        high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 2, window[2:])
        if (low >= high).any():
            return
        count = len(levels)
        # (u, v, 1) cells times the depth is a ray.
        axes = np.array([(sheet[1] - sheet[0]) / count, (sheet[3] - sheet[0]) / count, sheet[0]])
        to_cells = np.linalg.inv(axes).astype(np.float32)
        rays, steps = _fine_rays(self._rays[:, low[1] : high[1], low[0] : high[0]])
        start = (low - window[:2]) * FINE
        patch = scene[start[1] : start[1] + rays.shape[1], start[0] : start[0] + rays.shape[2]]
        _lay(patch, levels, to_cells, rays, steps)


def _lay(patch, levels, to_cells, rays, steps):
    """Draw the cells `levels` over the fine pixels `patch`."""
    count = len(levels)
    u, v = _cells(to_cells, rays[0], rays[1])
    reach_u, reach_v = _reach(to_cells, rays, steps)
    near = (np.abs(u - count / 2) < count / 2 + reach_u) & (
        np.abs(v - count / 2) < count / 2 + reach_v
    )
    where = np.flatnonzero(near)
    u, v = u.reshape(-1)[where], v.reshape(-1)[where]
    column, row = np.floor(u), np.floor(v)
    flat = (
        (np.abs(u - column - 0.5) < 0.5 - reach_u)
        & (np.abs(v - row - 0.5) < 0.5 - reach_v)
        & (np.minimum(u, v) >= 0)
        & (np.maximum(u, v) < count)
    )
    cells = (row[flat] * count + column[flat]).astype(np.intp)
    down, across = np.divmod(where, patch.shape[1])
    patch[down[flat], across[flat]] = levels.reshape(-1)[cells]
    mixed = np.flatnonzero(~flat)
    down, across = down[mixed], across[mixed]
    offsets = steps @ LATTICE
    x, y = rays[:, down, across][:, :, None] + offsets[:, None]
    fine_u, fine_v = _cells(to_cells, x, y)
    inside = (np.abs(fine_u - count / 2) < count / 2) & (np.abs(fine_v - count / 2) < count / 2)
    row, column = (np.clip(one, 0, count - 1).astype(np.int32) for one in (fine_v, fine_u))
    light = (levels.reshape(-1)[row * count + column] * inside).mean(axis=1)
    patch[down, across] = light + (1 - inside.mean(axis=1)) * patch[down, across]


def _cells(to_cells, x, y):
    """Where the rays (x, y, 1) meet the sheet, in cells from its first corner."""
    u, v, w = (x * to_cells[0, k] + y * to_cells[1, k] + to_cells[2, k] for k in range(3))
    # Rays that pass the sheet's horizon meet it nowhere: far away from all cells.
    depth = np.maximum(w, 1e-9)
    return u / depth, v / depth


def _reach(to_cells, rays, steps):
    """How far half a fine pixel reaches at most from its centre along u and v."""
    rows, columns = [0, 0, -1, -1, rays.shape[1] // 2], [0, -1, 0, -1, rays.shape[2] // 2]
    here = rays[:, rows, columns][:, :, None]
    half = steps @ np.array([[0.0, 0.5, 0.5], [0.0, 0.5, -0.5]], dtype=np.float32)
    moved = np.array(_cells(to_cells, *(here + half[:, None])))
    return 1.1 * np.abs(moved[..., 1:] - moved[..., :1]).max(axis=(1, 2))


def _fine_rays(rays):
    """Rays (2, FINE h, FINE w) of the parts of pixels (6, h, w), and their change (2, 2) by a part
    along the row and down the column, which is the same all over a tag."""
    height, width = rays.shape[1:]
    offsets = ((np.arange(FINE) + 0.5) / FINE - 0.5).astype(np.float32)
    across, down = offsets[None, None, None, :], offsets[None, :, None, None]
    wide = rays[:, :, None, :, None]
    shape = (height * FINE, width * FINE)
    fine = [(wide[k] + wide[2 + 2 * k] * across + wide[3 + 2 * k] * down) for k in (0, 1)]
    steps = rays[2:].mean(axis=(1, 2)).reshape(2, 2) / FINE
    return np.array([one.reshape(shape) for one in fine]), steps


def _touch(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


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
    ).astype(np.float32)


def _modules(family, tag):
    dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARIES[family])
    cells = dictionary.markerSize + 2
    return cv2.aruco.generateImageMarker(dictionary, tag, cells) > 0


def _shifted(camera, left, top, right, bottom):
    matrix = camera.matrix.copy()
    matrix[:2, 2] -= [left, top]
    return replace(camera, width=right - left, height=bottom - top, matrix=matrix)
