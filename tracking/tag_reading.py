"""Follow known tags without searching: find their sides where they are expected, check their bits.

In: an image, and tags where a predicted pose puts them, to about 3 px. Out: those that are really
there, corners refined. A tag that is hidden, blurred away, turned, mirrored or another one is left
out: its sides are not where they should be, or its modules do not show its code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracking.cameras import Camera
from tracking.corners import refine_quads, sampled, shifted_sides
from tracking.detection import TagObservation
from tracking.tag_families import TagFamily, tag_family

FloatArray = NDArray[np.float64]
GreyImage = NDArray[np.uint8]

REACH_PX = 5
"""How far inwards and outwards a side is looked for. Expected tags may be 3 px off."""

LARGEST_MOVE_PX = 5.0

FARTHEST_PX = 1e5
"""Tags expected farther off are in no image. What is not a number is left out with them."""

PROFILES = 6
SIDE_SHARE = (0.2, 0.8)
"""Profiles a side for this search, and the part of it that they cover."""

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
    known = [
        one
        for one in expected
        if 0 <= one.tag < len(printed.codes) and (np.abs(one.corners) < FARTHEST_PX).all()
    ]
    if not known:
        return []
    given = np.array([one.corners for one in known], dtype=np.float64)
    tags = np.array([one.tag for one in known])
    near = shifted_sides(image, given, REACH_PX, PROFILES, SIDE_SHARE, inverted=inverted)
    refined = refine_quads(image, near, tags, printed, camera, inverted=inverted)
    confirmed = refined.good & (np.abs(refined.corners - given) <= LARGEST_MOVE_PX).all(axis=(1, 2))
    if not confirmed.any():
        return []
    confirmed[confirmed] = _show_codes(
        image, refined.corners[confirmed], tags[confirmed], printed, inverted=inverted
    )
    return [
        TagObservation(one.tag, quad)
        for one, quad, right in zip(known, refined.corners, confirmed.tolist(), strict=True)
        if right
    ]


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
    places = _module_centres(corners, family.modules)
    levels = sampled(image, places)
    codes = family.codes[tags].reshape(len(tags), -1)
    if inverted:
        levels = -levels
    deviation = levels - levels.mean(axis=1, keepdims=True)
    pattern = codes - codes.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(deviation, axis=1) * np.linalg.norm(pattern, axis=1)
    correlation = (deviation * pattern).sum(axis=1) / np.maximum(norm, 1e-9)
    # Halfway between the mean levels of what should be white and what should be black.
    whites = np.maximum(codes.sum(axis=1), 1)
    blacks = np.maximum((~codes).sum(axis=1), 1)
    halfway = ((levels * codes).sum(axis=1) / whites + (levels * ~codes).sum(axis=1) / blacks) / 2
    wrong = ((levels > halfway[:, None]) != codes).mean(axis=1)
    return np.asarray((correlation >= LEAST_CORRELATION) & (wrong <= MOST_WRONG_SHARE))


def _module_centres(corners: FloatArray, modules: int) -> FloatArray:
    """Pixels (N, (modules - 2)^2, 2) of the centres of the modules inside the border."""
    inner = (np.arange(1, modules - 1) + 0.5) / modules
    v, u = (axis.ravel() for axis in np.meshgrid(inner, inner, indexing="ij"))
    # Homography of the unit square, Heckbert 1989, section 2.2.3.
    p0, p1, p2, p3 = (corners[:, k, None] for k in range(4))
    d1, d2, d3 = p1 - p2, p3 - p2, p0 - p1 + p2 - p3
    across = d1[..., 0] * d2[..., 1] - d1[..., 1] * d2[..., 0]
    g = (d3[..., 0] * d2[..., 1] - d3[..., 1] * d2[..., 0]) / across
    h = (d1[..., 0] * d3[..., 1] - d1[..., 1] * d3[..., 0]) / across
    along_u, along_v = (p1 - p0 + g[..., None] * p1), (p3 - p0 + h[..., None] * p3)
    top = along_u * u[None, :, None] + along_v * v[None, :, None] + p0
    return np.asarray(top / (g * u + h * v + 1)[..., None])
