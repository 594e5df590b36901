"""The lens as calibration sees it: nine numbers, pixels from points, and the derivatives.

In: points in a camera's frame and its lens. Out: pixels and how they change with the points and
with each number. The model is OpenCV's with five coefficients (docs.opencv.org, calib3d): pinhole
with radial (k1, k2, k3) and tangential (p1, p2) distortion.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.cameras import Camera

FloatArray = NDArray[np.float64]

NUMBERS = ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3")
"""What a lens consists of, in this order; the first four in pixels."""


def lens_of(camera: Camera) -> FloatArray:
    """Give the (9,) lens of `camera`; coefficients beyond five are not known here.

    Raises
    ------
    ValueError
        If `camera` has a rational distortion, with coefficients k4 to k6.
    """
    distortion = np.zeros(5)
    given = np.asarray(camera.distortion, dtype=np.float64).ravel()
    if np.any(given[5:]):
        raise ValueError("A lens with more than five distortion coefficients is not known.")
    distortion[: min(5, given.size)] = given[:5]
    matrix = camera.matrix
    return np.array([matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], *distortion])


def camera_of(
    name: str, size: tuple[int, int], lens: FloatArray, camera_from_world: RigidTransform
) -> Camera:
    """Give the camera with `lens` (9,) and pictures of `size` (width, height)."""
    fx, fy, cx, cy = lens[:4]
    return Camera(
        name=name,
        width=size[0],
        height=size[1],
        matrix=np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]),
        distortion=lens[4:].copy(),
        camera_from_world=camera_from_world,
    )


def mirrored_lens(lens: FloatArray, width: int) -> FloatArray:
    """Give the (9,) lens of the same camera whose pictures of `width` are mirrored, or back."""
    turned = lens.copy()
    turned[2], turned[7] = width - 1 - lens[2], -lens[7]
    return turned


def project(lenses: FloatArray, points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Project each point through the lens of its own row.

    Parameters
    ----------
    lenses
        (N, 9), or (9,) for all.
    points
        (N, 3) in the camera's frame.

    Returns
    -------
    pixels
        (N, 2).
    by_point
        (N, 2, 3) derivatives by the point.
    by_lens
        (N, 2, 9) derivatives by the lens.
    """
    fx, fy, cx, cy, k1, k2, p1, p2, k3 = np.broadcast_to(lenses, (len(points), 9)).T
    depth = points[:, 2]
    x, y = points[:, 0] / depth, points[:, 1] / depth
    square = x * x + y * y
    radial = 1 + square * (k1 + square * (k2 + square * k3))
    steepness = 2 * (k1 + square * (2 * k2 + 3 * k3 * square))
    bent_x = x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x)
    bent_y = y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y
    pixels = np.column_stack([fx * bent_x + cx, fy * bent_y + cy])
    by_plane = np.empty((len(points), 2, 2))
    by_plane[:, 0, 0] = fx * (radial + x * x * steepness + 2 * p1 * y + 6 * p2 * x)
    by_plane[:, 0, 1] = fx * (x * y * steepness + 2 * p1 * x + 2 * p2 * y)
    by_plane[:, 1, 0] = fy * (x * y * steepness + 2 * p1 * x + 2 * p2 * y)
    by_plane[:, 1, 1] = fy * (radial + y * y * steepness + 6 * p1 * y + 2 * p2 * x)
    by_point = np.empty((len(points), 2, 3))
    by_point[:, :, :2] = by_plane / depth[:, None, None]
    by_point[:, :, 2] = -(by_plane[:, :, 0] * x[:, None] + by_plane[:, :, 1] * y[:, None])
    by_point[:, :, 2] /= depth[:, None]
    by_lens = np.zeros((len(points), 2, 9))
    by_lens[:, 0, 0], by_lens[:, 1, 1] = bent_x, bent_y
    by_lens[:, 0, 2] = by_lens[:, 1, 3] = 1.0
    for column, power in ((4, square), (5, square**2), (8, square**3)):
        by_lens[:, 0, column], by_lens[:, 1, column] = fx * x * power, fy * y * power
    by_lens[:, 0, 6], by_lens[:, 1, 6] = fx * 2 * x * y, fy * (square + 2 * y * y)
    by_lens[:, 0, 7], by_lens[:, 1, 7] = fx * (square + 2 * x * x), fy * 2 * x * y
    return pixels, by_point, by_lens
