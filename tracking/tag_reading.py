"""Follow known tags without searching: find their sides where they are expected, check their bits.

In: an image, and tags where a predicted pose puts them, to about 3 px. Out: those that are really
there, corners refined. A tag that is hidden, blurred away, turned, mirrored or another one is left
out: its sides are not where they should be, or its modules do not show its code.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracking.cameras import Camera
from tracking.corners import refine_quads, sampled
from tracking.detection import TagObservation
from tracking.tag_families import TagFamily, tag_family

FloatArray = NDArray[np.float64]
GreyImage = NDArray[np.uint8]

REACH_PX = 5
"""How far inwards and outwards a side is looked for. Expected tags may be 3 px off."""

LEAST_CORRELATION = 0.75
"""Between the grey levels of the modules and the code, below which it is not that tag.

Two tags of 36h11 differ in 11 of 36 modules or more: the one read as the other comes to 0.4."""

MOST_WRONG_SHARE = 0.03
"""Part of the modules that may look wrong: one of 36, none of 16."""


def read_tags(
    image: GreyImage,
    expected: Sequence[TagObservation],
    camera: Camera | None,
    family: str = "36h11",
    *,
    inverted: bool = False,
) -> list[TagObservation]:
    """Give those of the `expected` tags that `image` shows, with refined corners.

    Parameters
    ----------
    image
        Grey levels (height, width).
    expected
        Ids, and corners to about 3 px, in OpenCV's pixels.
    camera
        None if its distortion is not known.
    family, inverted
        What the tags are of, and whether they are printed white on black.

    Raises
    ------
    TagFamilyError
        If the family is unknown.
    """
    printed = tag_family(family)
    known = [one for one in expected if 0 <= one.tag < len(printed.codes)]
    if not known:
        return []
    given = np.array([one.corners for one in known], dtype=np.float64)
    tags = np.array([one.tag for one in known])
    refined, good = refine_quads(
        image, given, tags, printed, camera, inverted=inverted, reach=REACH_PX
    )
    (sound,) = good.nonzero()
    if not sound.size:
        return []
    right = _show_codes(image, refined[sound], tags[sound], printed, inverted=inverted)
    return [TagObservation(known[k].tag, refined[k]) for k in sound[right].tolist()]


def confirmed_tags(
    image: GreyImage, refined: Sequence[TagObservation], family: str, *, inverted: bool = False
) -> list[TagObservation]:
    """Give those of the tags, with corners `refined`, whose modules really show their codes.

    OpenCV corrects codes read with errors, so that in families of short codes clutter passes.

    Raises
    ------
    TagFamilyError
        If the family is unknown.
    """
    printed = tag_family(family)
    known = [one for one in refined if 0 <= one.tag < len(printed.codes)]
    if not known:
        return []
    corners, tags = np.array([one.corners for one in known]), np.array([one.tag for one in known])
    right = _show_codes(image, corners, tags, printed, inverted=inverted)
    return [one for one, sure in zip(known, right.tolist(), strict=True) if sure]


def _show_codes(
    image: GreyImage,
    corners: FloatArray,
    tags: NDArray[np.intp],
    family: TagFamily,
    *,
    inverted: bool = False,
) -> NDArray[np.bool_]:
    """Which of N tags (N,) show their codes between their exact `corners` (N, 4, 2)."""
    levels = sampled(image, _module_centres(corners, family.modules)).astype(np.float64)
    codes = family.codes[tags].reshape(len(tags), -1)
    if inverted:
        codes = ~codes
    number, white = codes.shape[1], codes.sum(axis=1)
    black = number - white
    total, power = levels.sum(axis=1), np.square(levels).sum(axis=1)
    lit = (levels * codes).sum(axis=1)
    variances = (number * power - total * total) * (white * black)
    correlation = (number * lit - white * total) / np.sqrt(np.maximum(variances, 1e-9))
    # Halfway between the mean levels of what should be white and what should be black.
    halfway = (lit / np.maximum(white, 1) + (total - lit) / np.maximum(black, 1)) / 2
    wrong = ((levels > halfway[:, None]) != codes).sum(axis=1)
    right = (correlation >= LEAST_CORRELATION) & (wrong <= MOST_WRONG_SHARE * number)
    return np.asarray(right)


def _module_centres(corners: FloatArray, modules: int) -> NDArray[np.complex64]:
    """Pixels (N, (modules - 2)^2) of the centres of the modules inside the border."""
    u, v = _grid(modules)
    # Homography of the unit square, Heckbert 1989, section 2.2.3.
    p0, p1, p2, p3 = corners.view(np.complex128).reshape(-1, 4).T[..., None]
    d1, d2, d3 = (p1 - p2).conjugate(), p3 - p2, p0 - p1 + p2 - p3
    across = (d1 * d2).imag
    g, h = (d3.conjugate() * d2).imag / across, (d1 * d3).imag / across
    pixels = (p0 + u * (p1 - p0 + g * p1) + v * (p3 - p0 + h * p3)) / (g * u + h * v + 1)
    return np.asarray(pixels, dtype=np.complex64)


@functools.cache
def _grid(modules: int) -> tuple[FloatArray, FloatArray]:
    """Places of the modules inside the border across and down a tag, in its sides."""
    inner = (np.arange(1, modules - 1) + 0.5) / modules
    return np.tile(inner, modules - 2), inner.repeat(modules - 2)
