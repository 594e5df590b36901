"""Sub-pixel tag corners: lines fitted to the four sides of each tag, and their intersections.

In: an image, tags detected to about a pixel, the camera. Out: the same tags with corners good to
a few hundredths of a pixel. OpenCV's own refinements leave 0.2 to 0.6 px and make tags look too
small, which no later step can mend.

Per side, gradient profiles are sampled across it and the edge is placed at the centroid of the
squared gradient. In the last pass the edge points are undistorted before the line is fitted, since
only there are straight sides straight.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tracking.cameras import Camera
from tracking.detection import TagObservation

FloatArray = NDArray[np.float64]
GreyImage = NDArray[np.uint8]

PROFILES = 16
"""Profiles per side."""

SIDE_SHARE = (0.12, 0.88)
"""Part of a side that is used: near the corners the neighbouring side disturbs."""

STEP_PX = 0.5
HALF_WIDTHS_PX = (3.0, 2.0)
"""Half the length of the profiles, pass by pass."""

HALF_WIDTH_MODULES = 0.8
"""Profiles must not reach the first row of bits: their limit in tag modules."""

MODULES = 8
"""Modules along a side of a 36h11 tag, border included."""

LEAST_GRADIENT = 4.0
"""Rise of grey level per step below which a profile shows no edge."""

LARGEST_MOVE_PX = 3.0


def refine_corners(
    image: GreyImage, observations: Sequence[TagObservation], camera: Camera
) -> list[TagObservation]:
    """Refine the corners of all `observations` in `image` together.

    Tags whose sides are not found, or of which a corner would move by more than 3 px, are left
    out. Corners are OpenCV pixels: (0, 0) is the centre of the first pixel.
    """
    if not observations:
        return []
    found = np.stack([observation.corners for observation in observations])
    corners, valid = found, np.ones(len(found), dtype=bool)
    for last, half_width in enumerate(HALF_WIDTHS_PX, start=1 - len(HALF_WIDTHS_PX)):
        points, weights = _edge_points(image, corners, half_width)
        valid &= ((weights > 0).sum(axis=2) >= PROFILES // 2).all(axis=1)
        corners = _corners_from(points, weights, camera if last == 0 else None)
    moved = np.linalg.norm(corners - found, axis=2).max(axis=1)
    valid &= moved <= LARGEST_MOVE_PX  # not so either where a corner is not finite
    return [
        TagObservation(observation.tag, refined)
        for observation, refined, good in zip(observations, corners, valid, strict=True)
        if good
    ]


def _edge_points(
    image: GreyImage, corners: FloatArray, half_width: float
) -> tuple[FloatArray, FloatArray]:
    """Edge points (N, 4, P, 2) on the sides of tags `corners` (N, 4, 2), weights (N, 4, P)."""
    start, end = corners, np.roll(corners, -1, axis=1)
    side = end - start
    length = np.maximum(np.linalg.norm(side, axis=2), 1e-6)
    # Clockwise in an image with y down: this normal points out of the tag, from black to white.
    normal = np.stack([side[..., 1], -side[..., 0]], axis=-1) / length[..., None]
    shares = np.linspace(*SIDE_SHARE, PROFILES)
    centres = start[:, :, None] + shares[:, None] * side[:, :, None]
    reach = np.minimum(half_width, HALF_WIDTH_MODULES * length.min(axis=1) / MODULES)
    scale = reach / half_width
    steps = round(half_width / STEP_PX)
    offsets = np.arange(-steps, steps + 1) * STEP_PX
    across = scale[:, None] * offsets
    samples = centres[:, :, :, None] + across[:, None, None, :, None] * normal[:, :, None, None]
    rise = np.diff(_sample(image, samples), axis=-1)
    between = (across[:, 1:] + across[:, :-1]) / 2
    return _centroids(centres, normal, rise, between)


def _centroids(
    centres: FloatArray, normal: FloatArray, rise: FloatArray, between: FloatArray
) -> tuple[FloatArray, FloatArray]:
    strongest = rise.max(axis=-1)
    # Noise and neighbouring edges are weaker than the side itself, or fall instead of rising.
    power = np.square(np.where(rise > 0.2 * strongest[..., None], rise, 0.0))
    total = power.sum(axis=-1)
    shift = (power * between[:, None, None, :]).sum(axis=-1) / np.maximum(total, 1e-9)
    points = centres + shift[..., None] * normal[:, :, None]
    return points, np.where(strongest >= LEAST_GRADIENT, 1.0, 0.0)


def _sample(image: GreyImage, points: FloatArray) -> FloatArray:
    """Grey levels at `points` (..., 2), bilinear, the border continued outside."""
    flat = points.reshape(-1, points.shape[-2], 2).astype(np.float32)
    values = cv2.remap(
        image,
        np.ascontiguousarray(flat[..., 0]),
        np.ascontiguousarray(flat[..., 1]),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(values, dtype=np.float64).reshape(points.shape[:-1])


def _corners_from(points: FloatArray, weights: FloatArray, camera: Camera | None) -> FloatArray:
    """Corners (N, 4, 2) where the lines through the edge points meet; undistorted if a camera."""
    if camera is not None:
        points = camera.undistort(points.reshape(-1, 2)).reshape(points.shape)
    centre, normal = _trimmed_lines(points, weights)
    level = (centre * normal).sum(axis=-1)
    # Corner k lies between side k - 1 and side k.
    before, level_before = np.roll(normal, 1, axis=1), np.roll(level, 1, axis=1)
    determinant = before[..., 0] * normal[..., 1] - before[..., 1] * normal[..., 0]
    safe = np.where(np.abs(determinant) > 1e-6, determinant, np.nan)
    x = (level_before * normal[..., 1] - level * before[..., 1]) / safe
    y = (level * before[..., 0] - level_before * normal[..., 0]) / safe
    corners = np.stack([x, y], axis=-1)
    if camera is None:
        return np.where(np.isfinite(corners), corners, -1e6)
    rays = np.concatenate([corners, np.ones((*corners.shape[:-1], 1))], axis=-1)
    return camera.project(rays.reshape(-1, 3)).reshape(points.shape[0], 4, 2)


def _trimmed_lines(points: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Total least squares lines through `points` (N, 4, P, 2): a point and the unit normal."""
    centre, normal = _lines(points, weights)
    distance = np.abs(((points - centre[:, :, None]) * normal[:, :, None]).sum(axis=-1))
    typical = np.median(distance, axis=-1, keepdims=True)
    return _lines(points, weights * (distance <= 3.0 * typical + 1e-12))


def _lines(points: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    total = np.maximum(weights.sum(axis=-1), 1e-9)[..., None]
    centre = (points * weights[..., None]).sum(axis=-2) / total
    x, y = np.moveaxis(points - centre[:, :, None], -1, 0)
    xx, yy, xy = ((weights * product).sum(axis=-1) for product in (x * x, y * y, x * y))
    # Angle of the larger principal axis of a 2 x 2 covariance.
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    return centre, np.stack([-np.sin(angle), np.cos(angle)], axis=-1)
