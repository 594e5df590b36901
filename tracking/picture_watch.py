"""What is wrong with a camera's pictures, in a sentence, while they come.

In: grey images with their times. Out: sentences about black, over-exposed and frozen pictures.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FROZEN_NS = 1_000_000_000
"""Pictures that have not changed at all for so long: even of a still scene no two are equal."""
LOOK_NS = 200_000_000
"""Brightness is looked at five times a second."""
STEP = 8
"""Every eighth pixel of every eighth row is looked at."""
DARK, DARK_SHARE = 16, 0.99
BRIGHT, BRIGHT_SHARE = 250, 0.25

BLACK_PICTURE = "The picture is black. Take the cap off, give light, or let the exposure be longer."
BRIGHT_PICTURE = "A large part of the picture is over-exposed. Make the exposure shorter."
FROZEN_PICTURE = "The picture is frozen: the camera sends the same one again. Plug it in anew."


class PictureWatch:
    """Looks at one camera's pictures. Used by one thread."""

    def __init__(self) -> None:
        self._sample: NDArray[np.uint8] | None = None
        self._changed_ns = 0
        self._looked_ns = 0
        self._brightness: str | None = None

    def look(self, pixels: NDArray[np.uint8], time_ns: int) -> tuple[str, ...]:
        """Give the sentences that hold for the picture `pixels` (H, W), taken at `time_ns`."""
        sample = pixels[::STEP, ::STEP].copy()
        if self._sample is None or not np.array_equal(sample, self._sample):
            self._sample = sample
            self._changed_ns = time_ns
        if time_ns - self._looked_ns >= LOOK_NS:
            self._looked_ns = time_ns
            self._brightness = _brightness(sample)
        if self._brightness is not None:
            return (self._brightness,)
        frozen = time_ns - self._changed_ns > FROZEN_NS
        return (FROZEN_PICTURE,) if frozen else ()


def _brightness(sample: NDArray[np.uint8]) -> str | None:
    if np.count_nonzero(sample <= DARK) >= DARK_SHARE * sample.size:
        return BLACK_PICTURE
    if np.count_nonzero(sample >= BRIGHT) >= BRIGHT_SHARE * sample.size:
        return BRIGHT_PICTURE
    return None


def sharpness(pixels: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian (Pech-Pacheco 2000): a number to compare focus by, not to judge."""
    return float(cv2.Laplacian(pixels, cv2.CV_32F).var())
