"""Find tags in a grey image: in the whole of it, or only where a body is expected.

In: an image. Out: :class:`TagObservation`, a tag's id and its four corners to about a pixel;
:mod:`tracking.corners` makes them precise. Detection is OpenCV's, without its corner refinement,
which would shrink the tags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracking.tag_families import DICTIONARIES, family_name
from tracking.tag_families import TagFamilyError as TagFamilyError

FloatArray = NDArray[np.float64]
GreyImage = NDArray[np.uint8]

SMALLEST_PERIMETER = 60.0
"""Perimeter below which a tag is not worth reading, pixels."""

THOROUGH_PERIMETER = 40.0
"""The same where time does not matter."""


@dataclass(frozen=True, eq=False, slots=True)
class TagObservation:
    """One tag in one image.

    Attributes
    ----------
    tag
        Its id.
    corners
        (4, 2) in OpenCV's pixels, clockwise as printed, starting top left.
    """

    tag: int
    corners: FloatArray


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of pixels: left and top inclusive, right and bottom exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, pixels: FloatArray, margin: float, width: int, height: int) -> Region | None:
        """Smallest region that holds `pixels` (N, 2) and `margin`, cut to the image.

        None if nothing of it lies inside the image or a pixel is not finite.
        """
        if not np.isfinite(pixels).all():
            return None
        (low_x, low_y), (high_x, high_y) = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
        left, top = max(0, int(low_x - margin)), max(0, int(low_y - margin))
        right, bottom = min(width, int(high_x + margin) + 1), min(height, int(high_y + margin) + 1)
        return cls(left, top, right, bottom) if left < right and top < bottom else None


class TagDetector:
    """Detector of one tag family. Used by one thread at a time.

    Raises
    ------
    TagFamilyError
        If the family is unknown.

    Parameters
    ----------
    family
        Its name in any spelling of :func:`tracking.tag_families.family_name`.
    inverted
        Whether the tags are printed white on black; others are not found then.
    thorough
        Whether to look for small and badly lit tags too, at three times the cost.
    """

    def __init__(self, family: str, *, inverted: bool = False, thorough: bool = False) -> None:
        self.family = family_name(family)
        self.inverted = inverted
        # For the whole process: on regions as small as bodies OpenCV's pool of threads costs
        # twice the computing that it saves in waiting, and takes it from drawing and decoding.
        cv2.setNumThreads(1)
        self._parameters = cv2.aruco.DetectorParameters()
        self._parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_NONE
        self._smallest_perimeter = THOROUGH_PERIMETER if thorough else SMALLEST_PERIMETER
        if not thorough:
            # One threshold window instead of three: half the time, hardly a tag fewer.
            self._parameters.adaptiveThreshWinSizeMin = 13
            self._parameters.adaptiveThreshWinSizeMax = 13
        self._detector = cv2.aruco.ArucoDetector(
            cv2.aruco.getPredefinedDictionary(DICTIONARIES[self.family]), self._parameters
        )

    def detect(
        self, image: GreyImage, regions: Sequence[Region] | None = None
    ) -> list[TagObservation]:
        """Find the tags in `image` (height, width), or only in `regions` of it.

        A tag in two overlapping regions is given once.
        """
        if regions is None:
            return self._search(image, 0, 0)
        found: dict[int, TagObservation] = {}
        for region in regions:
            part = image[region.top : region.bottom, region.left : region.right]
            for observation in self._search(part, region.left, region.top):
                found.setdefault(observation.tag, observation)
        return list(found.values())

    def acquire(self, image: GreyImage) -> list[TagObservation]:
        """Find the larger tags in `image` quickly, at half its resolution."""
        half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        # The centre of a pixel of the half image lies between two pixels of the whole one.
        return [
            TagObservation(observation.tag, observation.corners * 2 + 0.5)
            for observation in self._search(np.asarray(half, dtype=np.uint8), 0, 0)
        ]

    def _search(self, image: GreyImage, left: int, top: int) -> list[TagObservation]:
        # OpenCV takes the rate relative to the longer side: unscaled, a small region would be
        # searched for specks, which costs forty times as much.
        if min(image.shape) < 16:
            return []
        self._parameters.minMarkerPerimeterRate = self._smallest_perimeter / max(image.shape)
        self._detector.setDetectorParameters(self._parameters)
        quads, tags, _ = self._detector.detectMarkers(
            np.subtract(255, image) if self.inverted else np.ascontiguousarray(image)
        )
        if not quads:
            return []
        offset = np.array([left, top], dtype=np.float64)
        return [
            TagObservation(int(tag), quad.reshape(4, 2) + offset)
            for tag, quad in zip(np.ravel(tags), quads, strict=True)
        ]
