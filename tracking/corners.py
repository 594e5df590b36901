"""Sub-pixel tag corners: lines fitted to the four sides of each tag, and their intersections.

In: an image, tags detected to about a pixel, the camera. Out: the same tags with corners good to
a few hundredths of a pixel. OpenCV's own refinements leave 0.2 to 0.6 px and make tags look too
small, which no later step can mend.

First the sides are found where the grey level rises most along profiles across them, which brings
the corners to some tenths of a pixel; then :mod:`tracking.tag_sides` fits a model of the blurred
side. A lens bends straight sides: how much is known from the camera, and the model is bent too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracking.cameras import Camera
from tracking.detection import TagObservation
from tracking.tag_families import TagFamily, tag_family
from tracking.tag_sides import BEFORE, LEAST_CONTRAST, NEXT, Points, SideFit, fit_sides

FloatArray = NDArray[np.float64]
GreyImage = NDArray[np.uint8]

PROFILES = 8
"""Profiles per side in the first, coarse step."""

SIDE_SHARE = (0.12, 0.88)
"""Part of a side that it uses: near the corners the neighbouring side disturbs."""

STEPS = 6
"""Samples on either side of the middle of a profile."""

REACH_PX = 3.0
REACH_MODULES = 1.2
"""Half the length of a profile, the smaller of the two: it must not reach far into the bits."""

LEAST_RISE = 4.0
"""Rise of grey level per step below which a profile shows no edge."""

LARGEST_MOVE_PX = 3.0

LARGEST_ROW = 16384
"""Samples that are looked up in one row of OpenCV's maps."""


@dataclass(frozen=True, eq=False, slots=True)
class RefinedCorners:
    """Corners (N, 4, 2) of N tags, which of them (N,) are good, and the fit of their sides."""

    corners: FloatArray
    good: NDArray[np.bool_]
    sides: SideFit


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
    refined = refine_quads(image, found, tags, printed, camera, inverted=inverted)
    return [
        TagObservation(one.tag, quad)
        for one, quad, good in zip(known, refined.corners, refined.good.tolist(), strict=True)
        if good
    ]


def refine_quads(
    image: GreyImage,
    found: FloatArray,
    tags: NDArray[np.intp],
    family: TagFamily,
    camera: Camera | None,
    *,
    inverted: bool = False,
) -> RefinedCorners:
    """Refine corners `found` (N, 4, 2) of `tags` (N,), N at least 1; no corner may move > 3 px.

    What is not good may have corners that are not numbers.
    """
    usable = np.asarray((np.abs(found) < 1e6).all(axis=(1, 2)))
    # Where something fails the tag is not good; it only has to stay among the numbers.
    given = _points(np.where(usable[:, None, None], found, UNIT_SQUARE))
    coarse, clear = _coarse_corners(image, given, family.modules, inverted=inverted)
    usable &= clear & (np.abs(coarse - given) <= LARGEST_MOVE_PX).all(axis=1)
    coarse = np.where(usable[:, None], coarse, given)
    sides = fit_sides(image, coarse, _sags(coarse, camera), family.rows[tags], inverted=inverted)
    refined = _meeting_points(sides.origins, sides.directions)
    good = usable & (sides.contrast >= LEAST_CONTRAST).all(axis=1)
    good &= (sides.used >= 0.5).all(axis=1)
    # Not a number is no small move either.
    good &= (np.abs(refined - given) <= LARGEST_MOVE_PX).all(axis=1)
    return RefinedCorners(_pairs(refined).reshape(-1, 4, 2), np.asarray(good), sides)


UNIT_SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def _coarse_corners(
    image: GreyImage, corners: Points, modules: int, *, inverted: bool
) -> tuple[Points, NDArray[np.bool_]]:
    """Corners to some tenths of a pixel, and which tags (N,) show enough of all sides."""
    side = corners[:, NEXT] - corners
    length = np.maximum(np.abs(side), 1e-6)
    # Clockwise in an image with y down: this normal points out of the tag, from black to white.
    normal = -1j * side / length
    reach = np.clip(REACH_MODULES / modules * length.min(axis=1), 1.5, REACH_PX)
    outwards = reach[:, None] * normal
    offsets = np.arange(-STEPS, STEPS + 1) / STEPS
    centres = corners + side * np.linspace(*SIDE_SHARE, PROFILES)[:, None, None]
    rise = _rises(image, centres, outwards, offsets)
    if inverted:
        rise = -rise
    strongest = rise.max(axis=0)
    # Noise and neighbouring edges are weaker than the side itself, or fall instead of rising.
    rise *= rise > 0.2 * strongest
    power = np.square(rise, out=rise)
    between = (offsets[1:] + offsets[:-1]) / 2
    total, moment = np.array([np.ones_like(between), between], dtype=np.float32) @ power
    shift = (moment / np.maximum(total, 1e-9)).reshape(centres.shape)
    clear = (strongest >= LEAST_RISE).reshape(centres.shape)
    enough = (np.count_nonzero(clear, axis=0) >= PROFILES // 2).all(axis=1)
    return _meeting_points(*_lines(centres + shift * outwards, clear)), np.asarray(enough)


def _sags(corners: Points, camera: Camera | None) -> FloatArray:
    """How far (N, 4) the lens bends the middle of each side outwards from its chord, pixels."""
    if camera is None:
        return np.zeros(corners.shape)
    rays = _points(camera.undistort(_pairs(corners))).reshape(-1, 4)
    middles = _pairs((rays + rays[:, NEXT]) / 2)
    seen = _points(camera.project(np.column_stack([middles, np.ones(len(middles))])))
    chords = corners[:, NEXT] - corners
    across = (chords.conjugate() * (seen.reshape(-1, 4) - corners)).imag
    return np.asarray(-across / np.maximum(np.abs(chords), 1e-6))


def shifted_sides(
    image: GreyImage,
    corners: FloatArray,
    reach: int,
    profiles: int,
    side_share: tuple[float, float],
    *,
    inverted: bool = False,
) -> FloatArray:
    """Corners (N, 4, 2) after each side was moved to where it is, up to `reach` pixels away.

    All profiles of a side decide together: the rise of the side is in every one of them, that of
    the modules and of what lies around the tag in some. Good to about a pixel.
    """
    given = _points(corners)
    side = given[:, NEXT] - given
    normal = -1j * side / np.maximum(np.abs(side), 1e-6)
    offsets = np.arange(-reach, reach + 1.0)
    centres = given + side * np.linspace(*side_share, profiles)[:, None, None]
    rise = _rises(image, centres, normal, offsets).reshape(2 * reach, profiles, -1)
    mean = rise.sum(axis=1) * (-1 if inverted else 1)
    place = mean.argmax(axis=0)
    moved = given + (place.reshape(side.shape) + 0.5 - reach) * normal
    return _pairs(_meeting_points(moved, side)).reshape(corners.shape)


def sampled(image: GreyImage, pixels: FloatArray) -> NDArray[np.float32]:
    """Grey levels (...) at `pixels` (..., 2), bilinear; outside the border is continued."""
    maps = np.ascontiguousarray(np.moveaxis(pixels, -1, 0), dtype=np.float32).reshape(2, -1)
    number = maps.shape[1]
    # OpenCV's maps have at most 32767 rows and columns.
    rows = -(-number // LARGEST_ROW)
    if number > LARGEST_ROW:
        maps = np.pad(maps, ((0, 0), (0, rows * LARGEST_ROW - number)))
    x, y = maps.reshape(2, rows, -1)
    values = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    values = np.asarray(values).reshape(-1)[:number]
    return values.reshape(pixels.shape[:-1]).astype(np.float32)


def _rises(
    image: GreyImage, centres: Points, outwards: Points, offsets: FloatArray
) -> NDArray[np.float32]:
    """Rise of grey level from each offset to the next, (offsets - 1, profiles)."""
    across = outwards * offsets[:, None, None]
    levels = sampled(image, _pairs(centres + across[:, None]).reshape(len(offsets), -1, 2))
    return np.asarray(levels[1:] - levels[:-1])


def _lines(points: Points, clear: NDArray[np.bool_]) -> tuple[Points, Points]:
    """Lines through `points` (P, N, 4): a point and the direction, each (N, 4).

    Regression in axes along the chord from the first to the last point, where slopes are so small
    that it equals total least squares. Points three times as far off as half of them are, which
    something lies on, take no part in the second round.
    """
    start, chord = points[0], points[-1] - points[0]
    unit = chord / np.maximum(np.abs(chord), 1e-12)
    local = (points - start) * unit.conjugate()
    along, across = local.real.copy(), local.imag.copy()
    offset, slope = _regression(along, across, clear)
    distance = np.abs(across - offset - slope * along)
    typical = np.partition(distance, PROFILES // 2, axis=0)[PROFILES // 2]
    offset, slope = _regression(along, across, clear & (distance <= 3.0 * typical + 1e-12))
    return start + 1j * offset * unit, unit * (1 + 1j * slope)


def _regression(
    x: FloatArray, y: FloatArray, used: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Offset and slope of y over x along the first axis, over the `used` ones."""
    number = np.maximum(np.count_nonzero(used, axis=0), 1)
    used_x, used_y = x * used, y * used
    mean_x, mean_y = used_x.sum(axis=0) / number, used_y.sum(axis=0) / number
    square = (used_x * x).sum(axis=0) / number - mean_x * mean_x
    product = (used_x * y).sum(axis=0) / number - mean_x * mean_y
    slope = product / np.maximum(square, 1e-18)
    return mean_y - slope * mean_x, slope


def _meeting_points(origins: Points, directions: Points) -> Points:
    """Corners (N, 4), each where the line of its side meets the one before."""
    before, towards = origins[:, BEFORE], directions[:, BEFORE]
    cross = (towards.conjugate() * directions).imag
    gap = ((origins - before).conjugate() * directions).imag
    # Sides that are parallel meet nowhere: no corner, and so no tag.
    return before + towards * (gap / np.where(np.abs(cross) > 1e-6, cross, np.nan))


def _points(pairs: FloatArray) -> Points:
    """Points of coordinates (..., 2)."""
    return np.ascontiguousarray(pairs, dtype=np.float64).view(np.complex128)[..., 0]


def _pairs(points: Points) -> FloatArray:
    """Coordinates (N, 2) of all `points`."""
    return np.ascontiguousarray(points).view(np.float64).reshape(-1, 2)
