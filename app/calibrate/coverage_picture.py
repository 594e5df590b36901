"""A camera's picture while it is calibrated: the points found, and where points are missing.

In: a grey frame, points, a map of counts. Out: an RGB image. No Qt.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from render import palette

ENOUGH = 1
"""Points in a field of the image from which it counts as covered."""

TINT = 0.35


def coverage_picture(
    image: NDArray[np.uint8],
    found: NDArray[np.float64],
    coverage: NDArray[np.int64],
    width: int,
) -> NDArray[np.uint8]:
    """Draw `image` (H, W) about `width` pixels wide with what was found on it.

    Parameters
    ----------
    image
        Grey.
    found
        (N, 2) pixels of `image`, each drawn as a small cross.
    coverage
        (rows, columns) points gathered so far in each field of the image; fields with too few are
        tinted and framed. Empty: no map is drawn.
    width
        Wanted width, pixels.

    Returns
    -------
    (h, w, 3) uint8
        RGB.
    """
    factor = max(width, 1) / image.shape[1]
    size = (max(width, 1), max(round(image.shape[0] * factor), 1))
    grey = cv2.resize(image, size, None, 0, 0, cv2.INTER_AREA)
    picture = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    if coverage.size:
        _tint_gaps(picture, coverage)
    for x, y in (np.asarray(found) + 0.5) * factor:
        centre = (round(float(x)), round(float(y)))
        cv2.drawMarker(picture, centre, _rgb(palette.GREEN), cv2.MARKER_CROSS, 9, 1, cv2.LINE_AA)
    return picture


def covered_share(coverage: NDArray[np.int64]) -> float:
    """Share of the fields of `coverage` (rows, columns) that hold enough points; 1 if empty."""
    return float((coverage >= ENOUGH).mean()) if coverage.size else 1.0


def _tint_gaps(picture: NDArray[np.uint8], coverage: NDArray[np.int64]) -> None:
    rows, columns = coverage.shape
    colour = np.array(_rgb(palette.ORANGE))
    height, width = picture.shape[:2]
    for row, column in np.argwhere(coverage < ENOUGH):
        top, bottom = height * row // rows, height * (row + 1) // rows
        left, right = width * column // columns, width * (column + 1) // columns
        field = picture[top:bottom, left:right]
        field[:] = ((1 - TINT) * field + TINT * colour).astype(np.uint8)
        cv2.rectangle(
            picture, (int(left), int(top)), (int(right) - 1, int(bottom) - 1), colour.tolist(), 1
        )


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = palette.rgb(colour)
    return 255 * red, 255 * green, 255 * blue
