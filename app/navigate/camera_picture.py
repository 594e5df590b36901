"""A camera's picture as the operator sees it: small, with the tags that were found drawn on it.

In: a grey frame and its tags. Out: an RGB image. No Qt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from render import palette
from tracking.detection import TagObservation

BODY_COLOURS = {"head": palette.SKY_BLUE, "coil_body": palette.ORANGE}
_SHIFT = 4
_ONE = 1 << _SHIFT


def camera_picture(
    image: NDArray[np.uint8],
    tags: Sequence[TagObservation],
    body_of_tag: Mapping[int, str],
    width: int,
) -> NDArray[np.uint8]:
    """Shrink `image` and outline the tags in their body's colour.

    Parameters
    ----------
    image
        (H, W) grey.
    tags
        Corners in pixels of `image`. The first corner of each gets a dot, so that a tag read the
        wrong way round is seen.
    body_of_tag
        Tag id -> name of its body; tags of no body are outlined grey.
    width
        Wanted width, pixels. The picture is a whole number of times smaller than `image` and at
        least this wide, unless `image` itself is narrower.

    Returns
    -------
    (h, w, 3) uint8
        RGB.
    """
    factor = max(image.shape[1] // max(width, 1), 1)
    size = (image.shape[1] // factor, image.shape[0] // factor)
    # A whole factor averages over equal squares, for which OpenCV has a fast way.
    small = cv2.resize(
        image[: size[1] * factor, : size[0] * factor], size, None, 0, 0, cv2.INTER_AREA
    )
    picture = cv2.cvtColor(small, cv2.COLOR_GRAY2RGB)
    for tag in tags:
        colour = _rgb(BODY_COLOURS.get(body_of_tag.get(tag.tag, ""), palette.MUTED))
        # Pixel centres are whole numbers: the centre of the first small pixel lies at half of
        # factor - 1.
        corners = (tag.corners - (factor - 1) / 2) / factor
        fixed = np.rint(corners * _ONE).astype(np.int32)
        cv2.polylines(picture, [fixed], True, colour, 1, cv2.LINE_AA, _SHIFT)
        cv2.circle(picture, tuple(fixed[0].tolist()), 2 * _ONE, colour, -1, cv2.LINE_AA, _SHIFT)
    return np.asarray(picture, dtype=np.uint8)


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = palette.rgb(colour)
    return 255 * red, 255 * green, 255 * blue
