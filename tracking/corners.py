"""Sub-pixel tag corners: lines fitted to the four sides of each tag, and their intersections.

In: an image, tags detected to about a pixel, the camera. Out: the same tags with corners good to
a few hundredths of a pixel. OpenCV's own refinements leave 0.2 to 0.6 px and make tags look too
small, which no later step can mend.

First the sides are found where the grey level rises most along profiles across them, which brings
the corners to some tenths of a pixel; then :mod:`tracking.tag_sides` fits a model of the blurred
side. A lens bends straight sides: how much is known from the camera, and the model is bent too.

All tags go through each step together, for what a step costs is mostly the number of its calls.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from tracking.cameras import Camera
from tracking.detection import TagObservation
from tracking.tag_families import TagFamily, tag_family
from tracking.tag_sides import BEFORE, LEAST_CONTRAST, NEXT, Points, SmallFloats, fit_sides

FloatArray = NDArray[np.float64]
GreyImage = NDArray[np.uint8]

PROFILES = 8
"""Profiles per side in the first, coarse step."""

SIDE_SHARE = (0.15, 0.85)
"""Part of a side that it uses: near the corners the neighbouring side disturbs."""

REACH_PX = 3
"""How far inwards and outwards a side is looked for."""

NEAR_PX = 2.0
NEAR_MODULES = 0.6
"""Rises that far from where most of a side rises are taken for the side's own, the smaller of the
two: the modules of small tags are near."""

LEAST_RISE = 4.0
"""Rise of grey level per pixel below which a profile shows no edge."""

LARGEST_SAG = 0.1
"""Bend of a side, in its lengths, beyond which no lens is believed."""


def refine_corners(
    image: GreyImage,
    observations: Sequence[TagObservation],
    camera: Camera | None,
    *,
    family: str = "36h11",
    inverted: bool = False,
) -> list[TagObservation]:
    """Refine the corners of all `observations` in `image` together.

    Tags whose sides are not found, or of which a corner would move by more than 3 px, are left
    out. Corners are OpenCV pixels: (0, 0) is the centre of the first pixel.

    Parameters
    ----------
    image
        Grey levels (height, width).
    observations
        Tags as detected.
    camera
        None if its distortion is not known: then sides are taken as straight in the image.
    family
        What the tags are of, in any spelling of :func:`tracking.tag_families.tag_family`.
    inverted
        Whether they are printed white on black.

    Raises
    ------
    TagFamilyError
        If the family is unknown.
    """
    printed = tag_family(family)
    known = [one for one in observations if 0 <= one.tag < len(printed.codes)]
    if not known:
        return []
    found = np.array([one.corners for one in known], dtype=np.float64)
    tags = np.array([one.tag for one in known])
    refined, good = refine_quads(image, found, tags, printed, camera, inverted=inverted)
    return [
        TagObservation(one.tag, quad)
        for one, quad, sound in zip(known, refined, good.tolist(), strict=True)
        if sound
    ]


def refine_quads(
    image: GreyImage,
    found: FloatArray,
    tags: NDArray[np.intp],
    family: TagFamily,
    camera: Camera | None,
    *,
    inverted: bool = False,
    reach: int = REACH_PX,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Refine corners `found` (N, 4, 2) of `tags` (N,), N at least 1, and say which (N,) are good.

    Sides are looked for up to `reach` pixels away, and no corner may move farther. What is not
    good may have corners that are not numbers.
    """
    given = _points(found)
    usable = np.asarray((np.abs(given) < FARTHEST_PX).all(axis=1))
    if not usable.all():
        # Where something fails the tag is not good; it only has to stay among the numbers.
        given = np.where(usable[:, None], given, UNIT_SQUARE)
    coarse, clear = _coarse_corners(image, given, reach, family.modules, inverted=inverted)
    usable &= clear & (np.abs(coarse - given) <= reach).all(axis=1)
    if not usable.all():
        coarse = np.where(usable[:, None], coarse, given)
    sides = fit_sides(image, coarse, _sags(coarse, camera), _sums(family)[tags], inverted=inverted)
    refined = meeting_points(sides.origins, sides.directions)
    # Not a number is no small move either.
    sound = (sides.contrast >= LEAST_CONTRAST) & (sides.used >= 0.5)
    sound &= np.abs(refined - given) <= reach
    return _pairs(refined).reshape(-1, 4, 2), np.asarray(usable & sound.all(axis=1))


FARTHEST_PX = 1e5
"""Corners farther off are in no image."""

UNIT_SQUARE = np.array([0, 1, 1 + 1j, 1j])


@functools.cache
def _sums(family: TagFamily) -> SmallFloats:
    """White modules behind the border of each side up to each module, (tags, 4, modules + 1)."""
    return np.pad(family.rows.cumsum(axis=2), ((0, 0), (0, 0), (1, 0)))


def _coarse_corners(
    image: GreyImage, corners: Points, reach: int, modules: int, *, inverted: bool
) -> tuple[Points, NDArray[np.bool_]]:
    """Corners to some tenths of a pixel, and which tags (N,) show enough of all sides.

    First all profiles of a side decide together where it is: its rise is in every one of them,
    that of the modules and of what lies around the tag in some. Then each tells its own place.
    """
    chords = corners.take(NEXT, axis=1) - corners
    # Clockwise in an image with y down: this normal points out of the tag, from black to white.
    length = np.maximum(np.abs(chords), 1e-6)
    normal = -1j * chords / length
    near = np.minimum(np.maximum(NEAR_MODULES / modules * length, 1), NEAR_PX).reshape(-1)
    rise = _rises(image, corners, chords, normal, reach)
    if inverted:
        np.negative(rise, out=rise)
    steps, moments = _moments(reach)
    place = rise.sum(axis=1).argmax(axis=0)
    rise *= (np.abs(steps - place) <= near)[:, None]
    strongest = rise.max(axis=0)
    # Noise and neighbouring edges are weaker than the side itself, or fall instead of rising.
    rise *= rise > np.float32(0.2) * strongest
    rise *= rise
    total, moment = (moments @ rise.reshape(2 * reach, -1)).reshape(2, PROFILES, -1)
    shift, turn, number = _regression(
        moment / np.maximum(total, np.float32(1e-6)), strongest >= LEAST_RISE
    )
    shift, turn = shift.reshape(corners.shape), turn.reshape(corners.shape)
    moved = meeting_points(corners + (shift - turn / 2) * normal, chords + turn * normal)
    return moved, np.asarray((number >= PROFILES // 2).reshape(-1, 4).all(axis=1))


@functools.cache
def _moments(reach: int) -> tuple[SmallFloats, SmallFloats]:
    """Numbers (R, 1) of the R rises of a profile; ones and their distances (2, R), pixels."""
    steps = np.arange(2 * reach, dtype=np.float32)
    return steps[:, None], np.stack([np.ones_like(steps), steps + np.float32(0.5 - reach)])


ALONG: SmallFloats = np.linspace(*SIDE_SHARE, PROFILES, dtype=np.float32)
"""Places of the profiles along a side."""

POWERS: SmallFloats = np.stack([np.ones_like(ALONG), ALONG - 0.5, (ALONG - 0.5) ** 2])


def _rises(
    image: GreyImage, corners: Points, chords: Points, normal: Points, reach: int
) -> SmallFloats:
    """Rise of grey level from each pixel to the next, (2 reach, profiles, 4 N), going outwards."""
    across = np.arange(-reach, reach + 1, dtype=np.float32)[:, None, None]
    start, run, step = np.array([corners, chords, normal], dtype=np.complex64).reshape(3, -1)
    pixels = (start + ALONG[:, None] * run) + across * step
    levels = sampled(image, pixels.reshape(-1, start.size)).reshape(pixels.shape)
    return np.asarray(levels[1:] - levels[:-1])


def _regression(
    shifts: SmallFloats, used: NDArray[np.bool_]
) -> tuple[SmallFloats, SmallFloats, SmallFloats]:
    """Shift of the middle of each side, turn, and how many of `shifts` (profiles, sides) count."""
    number, first, second = POWERS @ used.astype(np.float32)
    total, product = POWERS[:2] @ (shifts * used)
    number = np.maximum(number, np.float32(1e-3))
    spread = number * second - first * first
    turn = (number * product - first * total) / (spread + np.float32(1e-3))
    return (total - turn * first) / number, turn, number


def _sags(corners: Points, camera: Camera | None) -> FloatArray:
    """How far (N, 4) the lens bends the middle of each side outwards from its chord, pixels."""
    if camera is None:
        return np.zeros(corners.shape)
    rays = _points(camera.undistort(_pairs(corners))).reshape(-1, 4)
    middles = np.ones((corners.size, 3))
    middles[:, :2] = _pairs((rays + rays.take(NEXT, axis=1)) / 2)
    seen = _points(camera.project(middles)).reshape(-1, 4)
    chords = corners.take(NEXT, axis=1) - corners
    length = np.abs(chords)
    sags = -(chords.conjugate() * (seen - corners)).imag / np.maximum(length, 1e-6)
    limit = LARGEST_SAG * length
    return np.asarray(np.fmin(np.fmax(sags, -limit), limit))


def sampled(image: GreyImage, pixels: NDArray[np.complex64]) -> SmallFloats:
    """Grey levels (rows, columns) at `pixels`, bilinear; outside the border is continued."""
    x_y = pixels.view(np.float32).reshape(*pixels.shape, 2)
    levels = cv2.remap(image, x_y, NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(levels).astype(np.float32)


NO_MAP = cast("SmallFloats", None)
"""In place of OpenCV's second map, which its types demand: both coordinates are in the first."""


def meeting_points(origins: Points, directions: Points) -> Points:
    """Corners (N, 4), each where the line of its side meets the one before."""
    before, towards = origins.take(BEFORE, axis=1), directions.take(BEFORE, axis=1)
    cross = (towards.conjugate() * directions).imag
    gap = ((origins - before).conjugate() * directions).imag
    # Sides that are parallel meet nowhere: no corner, and so no tag.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(before + towards * (gap / cross))


def _points(pairs: FloatArray) -> Points:
    """Points of coordinates (..., 2)."""
    return np.ascontiguousarray(pairs, dtype=np.float64).view(np.complex128)[..., 0]


def _pairs(points: Points) -> FloatArray:
    """Coordinates (N, 2) of all `points`."""
    return np.ascontiguousarray(points).view(np.float64).reshape(-1, 2)
