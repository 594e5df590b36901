"""Sub-pixel saddle points: where two black and two white squares of a chessboard meet.

In: an image and its inner corners to about a pixel or two. Out: the same to some hundredths.

Around such a corner the blurred grey level is ``mean + product of two steps``, one across each of
the two lines that meet there. The point about which it is symmetric is found in two ways. First
by a quadratic fit to the smoothed neighbourhood, whose saddle is the corner (Lucchese and Mitra,
"Using saddle points for subpixel feature detection", 2002), which comes near from far. Then by
fitting the model itself - place, directions of both lines, blur, levels - by Gauss-Newton: it
uses the whole window and knows the sharpness of the image, where the quadratic is only true in
the very middle. All corners take part in each array operation.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
GreyImage = NDArray[np.uint8]

SMOOTHING_PX = 1.0
QUADRATIC_RADIUS = 3
QUADRATIC_ROUNDS = 3

RADII = (3, 8)
"""Least and largest half width of the window of the model, pixels."""

ITERATIONS = 8
ENOUGH_PX = 0.003
LARGEST_MOVE_PX = 3.0
LEAST_CONTRAST = 8.0
WORST_RESIDUAL = 0.25
"""RMS of what the model leaves, relative to half the contrast, beyond which it is no corner."""

BLUR_PX = (0.4, 3.0)


def refine_saddles(
    image: GreyImage, points: FloatArray, *, spacing: float | FloatArray | None = None
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Refine chessboard corners `points` to sub-pixel.

    Parameters
    ----------
    image
        Grey levels (height, width).
    points
        (N, 2) corners in OpenCV's pixels, to about 2 px.
    spacing
        Distance to the nearest other corner or printed mark, pixels, one for all or (N,); the
        window stays within 0.4 of it. None: the distance to the nearest other point is taken,
        halved, for between the corners of a ChArUco board there are tags.

    Returns
    -------
    points, ok
        (N, 2), and (N,) which of them are good: those that moved by more than 3 px, lie too near
        the border or show no saddle are not, and are given back as they came.
    """
    given = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if not len(given):
        return given.copy(), np.zeros(0, dtype=bool)
    radius = _radii(given, spacing)
    ok = np.asarray((np.abs(given) < 1e6).all(axis=1))
    refined, found = _quadratic_saddles(image, np.where(ok[:, None], given, 0.0))
    ok &= found & (np.linalg.norm(refined - given, axis=1) <= LARGEST_MOVE_PX)
    for size in np.unique(radius[ok]).tolist():
        chosen = ok & (radius == size)
        refined[chosen], ok[chosen] = _fitted(image, refined[chosen], int(size))
    ok &= np.linalg.norm(refined - given, axis=1) <= LARGEST_MOVE_PX
    return np.where(ok[:, None], refined, given), ok


def _radii(given: FloatArray, spacing: float | FloatArray | None) -> NDArray[np.intp]:
    if spacing is None:
        gaps = np.linalg.norm(given[:, None] - given[None], axis=2)
        np.fill_diagonal(gaps, np.inf)
        spacing = np.where(np.isfinite(gaps), gaps, 40.0).min(axis=1) / 2
    return np.clip(np.broadcast_to(0.4 * np.asarray(spacing), len(given)), *RADII).astype(np.intp)


def _windows(
    image: NDArray[np.generic], centres: NDArray[np.intp], radius: int
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Square windows (N, K) about pixels `centres` (N, 2), and which lie in the image."""
    height, width = image.shape
    low, high = (
        (centres >= radius).all(axis=1),
        (centres < [width - radius, height - radius]).all(1),
    )
    inside = np.asarray(low & high)
    safe = np.where(inside[:, None], centres, radius)
    if min(height, width) <= 2 * radius:
        return np.zeros((len(centres), (2 * radius + 1) ** 2)), np.zeros(len(centres), dtype=bool)
    x, y = _grid(radius)
    return image[safe[:, 1, None] + y, safe[:, 0, None] + x].astype(np.float64), inside


def _grid(radius: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    y, x = (axis.ravel() for axis in np.mgrid[-radius : radius + 1, -radius : radius + 1])
    return x, y


def _quadratic_saddles(
    image: GreyImage, points: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Saddles of quadratic surfaces fitted around `points`, and where there are such."""
    smooth = cv2.GaussianBlur(image, (0, 0), SMOOTHING_PX)
    x, y = _grid(QUADRATIC_RADIUS)
    surface = np.linalg.pinv(np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1))
    place, ok = points.copy(), np.ones(len(points), dtype=bool)
    for _ in range(QUADRATIC_ROUNDS):
        centres = np.rint(np.clip(place, -1e6, 1e6)).astype(np.intp)
        windows, inside = _windows(np.asarray(smooth), centres, QUADRATIC_RADIUS)
        _, gx, gy, xx, xy, yy = (windows @ surface.T).T
        curvature = 4 * xx * yy - xy * xy
        ok &= inside & (curvature < -1e-3)
        safe = np.where(ok, curvature, -1.0)
        shift = np.stack([gy * xy - 2 * gx * yy, gx * xy - 2 * gy * xx], axis=1) / safe[:, None]
        # From afar only the direction is right.
        place = np.where(ok[:, None], centres + np.clip(shift, -2.0, 2.0), place)
    return place, ok


def _fitted(
    image: GreyImage, points: FloatArray, radius: int
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Fit the model to windows of one size about `points` (N, 2)."""
    centres = np.rint(points).astype(np.intp)
    levels, ok = _windows(image, centres, radius)
    x, y = _grid(radius)
    # Round, and fading out, so that what lies further off enters little by little.
    weight = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
    state = np.concatenate(
        [points - centres, _directions(levels, x, y), np.full((len(points), 1), 0.8)], axis=1
    )
    solved: FloatArray = np.zeros((len(points), 7))
    residual: FloatArray = np.full(len(points), np.inf)
    for _ in range(ITERATIONS):
        basis = _basis(state, x, y)
        normal = np.swapaxes(basis * weight[:, None], 1, 2) @ basis + 1e-6 * np.eye(7)
        right = (np.swapaxes(basis * weight[:, None], 1, 2) @ levels[..., None])[..., 0]
        solved = np.asarray(np.linalg.solve(normal, right[..., None])[..., 0], np.float64)
        left = levels - np.einsum("nkp,np->nk", basis, solved)
        residual = np.sqrt(np.square(left) @ weight / weight.sum(), dtype=np.float64)
        contrast = np.where(np.abs(solved[:, 1:2]) > 1e-3, solved[:, 1:2], np.inf)
        moves = np.clip(solved[:, 2:] / contrast, -0.5, 0.5)
        state += moves
        state[:, 4] = np.clip(state[:, 4], *BLUR_PX)
        ok &= np.abs(solved[:, 1]) * 2 >= LEAST_CONTRAST
        if np.abs(moves[ok, :2]).max(initial=0.0) < ENOUGH_PX:
            break
    contrast = np.maximum(np.abs(solved[:, 1]), 1e-9)
    ok = ok & (residual <= WORST_RESIDUAL * contrast) & (np.abs(state[:, :2]) <= radius).all(axis=1)
    ok &= np.abs(np.sin(state[:, 2] - state[:, 3])) > 0.2
    return centres + state[:, :2], np.asarray(ok)


def _directions(levels: FloatArray, x: NDArray[np.intp], y: NDArray[np.intp]) -> FloatArray:
    """Angles (N, 2) of both lines, from the directions in which the saddle neither rises nor falls.

    On a circle about the corner the grey level goes up and down twice: the phase of that wave
    gives the bisector, and a right angle between the lines is near enough to begin with.
    """
    angle = np.arctan2(y, x)
    ring = np.where(np.hypot(x, y) >= 1.5, 1.0, 0.0)
    wave = (levels * ring) @ np.exp(2j * angle)
    bisector = np.angle(wave) / 2
    return np.stack([bisector - np.pi / 4, bisector + np.pi / 4], axis=1)


def _basis(state: FloatArray, x: NDArray[np.intp], y: NDArray[np.intp]) -> FloatArray:
    """Model and derivatives (N, K, 7): one, product, by place x and y, by both angles, by blur."""
    across, along, steps, slopes = [], [], [], []
    dx, dy = x - state[:, :1], y - state[:, 1:2]
    inverse = 1 / state[:, 4:5]
    for angle in (state[:, 2:3], state[:, 3:4]):
        cosine, sine = np.cos(angle), np.sin(angle)
        distance = cosine * dy - sine * dx
        z = distance * inverse
        across.append(distance)
        along.append(cosine * dx + sine * dy)
        steps.append(np.tanh(z * (0.7978845608 + 0.035677408 * z * z)))
        slopes.append(0.7978845608 * np.exp(-0.5 * z * z) * inverse)
    first, second = slopes[0] * steps[1], steps[0] * slopes[1]
    sines, cosines = np.sin(state[:, 2:4]), np.cos(state[:, 2:4])
    by_x = first * sines[:, :1] + second * sines[:, 1:]
    by_y = -(first * cosines[:, :1] + second * cosines[:, 1:])
    by_blur = -(first * across[0] + second * across[1]) * inverse
    product = steps[0] * steps[1]
    return np.stack(
        [
            np.ones_like(product),
            product,
            by_x,
            by_y,
            -first * along[0],
            -second * along[1],
            by_blur,
        ],
        axis=2,
    )
