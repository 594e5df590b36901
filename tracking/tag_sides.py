"""The sides of tags, placed by fitting what a blurred edge looks like to the pixels along them.

In: an image, tags placed to about a pixel, what is printed on them. Out: lines, good to about a
hundredth of a pixel, and how clearly each side was seen.

Each side takes pixels as they are, in short rows or columns across it: nothing is interpolated,
so noise stays independent and no fraction of a pixel is preferred. Their grey level is modelled
as ``dark + contrast * shade(t)`` over the distance t from the side, where shade is a step blurred
to a normal distribution's sum, and behind the black border the white modules begin likewise.
Least squares over five unknowns a side - dark, contrast, shift, turn, blur - is solved for all
sides together and repeated from where it led (Gauss-Newton). Modelling the modules matters most
for small tags: their blur reaches the side and would pull it inwards.

Points of the image are complex numbers x + i y here: all sides of all tags then take part in each
of few array operations, which is what keeps this quick. ``(a.conjugate() * b).imag`` is the cross
product of a and b, its real part their dot product. Side k runs from corner k to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
SmallFloats = NDArray[np.float32]
Points = NDArray[np.complex128]
GreyImage = NDArray[np.uint8]

NEXT, OPPOSITE, BEFORE = [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]
"""Of the four corners or sides of a tag, the following, the opposite and the preceding one."""

PROFILES = 20
"""Rows of pixels across each side."""

REACH = 4
"""Pixels of each such row on either side of the edge."""

END_PX = 2.0
"""Length at both ends of a side that is left out: there the neighbouring side takes part."""

QUIET_MODULES = 0.85
"""White around a tag that can be relied on, in its modules."""

BORDER_SHARE = 0.6
"""Part of the black border's width that is used: behind it the model of the modules is coarse."""

ITERATIONS = 4
ENOUGH_PX = 0.02
"""Steps smaller than this end the iteration."""

FIRST_BLUR_PX, LEAST_BLUR_PX, LARGEST_BLUR_PX = 0.8, 0.5, 2.5
"""Standard deviation of the blur, the pixel's own width included."""

LEAST_CONTRAST = 8.0
"""Grey levels between black and white below which there is no side."""


@dataclass(frozen=True, eq=False, slots=True)
class SideFit:
    """All sides of N tags.

    Attributes
    ----------
    origins, directions
        (N, 4) a point of each side near its first corner, and its direction.
    contrast
        (N, 4) white minus black, grey levels; for inverted tags of the negative.
    blur
        (N, 4) standard deviation of the blur across the side, pixels.
    used
        (N, 4) share of the profiles that agree with the model.
    """

    origins: Points
    directions: Points
    contrast: FloatArray
    blur: FloatArray
    used: FloatArray


def fit_sides(
    image: GreyImage, corners: Points, sags: FloatArray, rows: SmallFloats, *, inverted: bool
) -> SideFit:
    """Fit the sides of tags with `corners` (N, 4), known to about half a pixel.

    Parameters
    ----------
    sags
        (N, 4) how far the middle of a side lies outside of its chord, for the lens bends it.
    rows
        (N, 4, modules) 1 where the module behind the border of a side is white, along the side.
    inverted
        Whether the border is white and the surroundings are black.
    """
    sides = _survey(corners, sags, rows)
    levels, inside = _levels(image, sides, inverted=inverted)
    fit = np.zeros((*corners.shape, 5), np.float32)
    fit[..., 4] = FIRST_BLUR_PX
    weight = inside
    for step in range(ITERATIONS):
        lateral = fit[..., 2:3] + fit[..., 3:4] * sides.share
        distance = sides.distance - lateral[..., None]
        shade, slope, widening = _model(distance, sides, fit[..., 4])
        weight = _window(distance, sides, fit[..., 4]) * inside
        if step:
            expected = fit[..., 0, None, None] + fit[..., 1, None, None] * shade
            weight *= _agreeing(levels - expected, weight)[..., None]
        basis = np.stack(
            [np.ones_like(shade), shade, -slope, -slope * sides.share[..., None], widening]
        )
        fit, largest = _improved(fit, _solve(basis, weight, levels))
        if step >= 2 and largest < ENOUGH_PX:
            break
    return SideFit(
        origins=corners + (fit[..., 2] - fit[..., 3] / 2) * sides.outwards,
        directions=sides.chords + fit[..., 3] * sides.outwards,
        contrast=fit[..., 1].astype(np.float64),
        blur=fit[..., 4].astype(np.float64),
        used=np.asarray(weight.any(axis=-1).mean(axis=-1)),
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Sides:
    """Where the pixels of the profiles lie: P profiles of J pixels on each of the sides (N, 4).

    Attributes
    ----------
    columns, lines
        (N, 4, P, J) the pixels.
    distance
        (N, 4, P, J) of the pixel from the side as given, outwards.
    share
        (N, 4, P) place along the side, -0.5 at its first corner, 0.5 at the next.
    depth
        (N, 4, P, 1) width of a module across the side, pixels.
    behind
        (N, 4, P, 1) how white the modules behind the border are there.
    """

    chords: Points
    outwards: Points
    columns: NDArray[np.int32]
    lines: NDArray[np.int32]
    distance: SmallFloats
    share: SmallFloats
    depth: SmallFloats
    behind: SmallFloats


def _survey(corners: Points, sags: FloatArray, rows: SmallFloats) -> _Sides:
    chords = corners[:, NEXT] - corners
    lengths = np.maximum(np.abs(chords), 1e-6)
    # Clockwise in an image with y down: this normal points out of the tag.
    outwards = -1j * chords / lengths
    flat = np.abs(chords.real) >= np.abs(chords.imag)
    # From here on along and across are x and y for flat sides, y and x for steep ones.
    start, run, lean = (_turned(points, flat) for points in (corners, chords, outwards))
    ends = np.minimum(END_PX / lengths, 0.25)[..., None]
    shares = ends + (1 - 2 * ends) * np.linspace(0, 1, PROFILES)
    along = np.rint(start[0] + shares * run[0])
    shares = (along - start[0]) / np.where(np.abs(run[0]) > 1e-9, run[0], 1e-9)
    bend = 4 * sags[..., None] / lean[1] * shares * (1 - shares)
    line = start[1] + shares * run[1] + bend
    across = np.rint(line)[..., None] + np.arange(-REACH, REACH + 1)
    distance = (across - line[..., None]) * lean[1][..., None]
    # Far outside is outside; beyond int32 would be anywhere.
    along, across = (np.clip(values, -1, 1e6).astype(np.int32) for values in (along, across))
    along = np.broadcast_to(along[..., None], across.shape)
    steep = ~flat[..., None, None]
    depth = _depth(corners, outwards, shares, rows.shape[-1])
    return _Sides(
        chords=chords,
        outwards=outwards,
        columns=np.where(steep, across, along),
        lines=np.where(steep, along, across),
        distance=distance.astype(np.float32),
        share=(shares - 0.5).astype(np.float32),
        depth=depth[..., None],
        behind=_behind(rows, shares, lengths)[..., None],
    )


def _turned(points: Points, flat: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Coordinates of `points` along and across, each (N, 4, 1)."""
    along, across = (
        np.where(flat, points.real, points.imag),
        np.where(flat, points.imag, points.real),
    )
    return along[..., None], across[..., None]


def _depth(corners: Points, outwards: Points, shares: FloatArray, modules: int) -> SmallFloats:
    """Width of a module across the side at `shares` (N, 4, P) of it."""
    first = -((corners[:, BEFORE] - corners).conjugate() * outwards).real[..., None]
    last = -((corners[:, OPPOSITE] - corners[:, NEXT]).conjugate() * outwards).real[..., None]
    depth = ((1 - shares) * first + shares * last) / modules
    return np.maximum(depth, 0.1).astype(np.float32)


def _behind(rows: SmallFloats, shares: FloatArray, lengths: FloatArray) -> SmallFloats:
    """Whiteness of the modules behind the border at `shares`, blurred along the side.

    The blur is a box as wide as a module in small tags: good enough for what is only the
    neighbour of what is measured. Its mean is a difference of the sum of all modules up to there.
    """
    modules = rows.shape[-1]
    sums = np.concatenate([np.zeros_like(rows[..., :1]), np.cumsum(rows, axis=-1)], axis=-1)
    width = np.clip(3 * FIRST_BLUR_PX * modules / lengths, 0.05, 3)[..., None]

    def sum_to(place: FloatArray) -> FloatArray:
        place = np.clip(place, 0, modules - 1e-6)
        whole = place.astype(np.intp)
        part = np.take_along_axis(rows, whole, -1) * (place - whole)
        return np.asarray(np.take_along_axis(sums, whole, -1) + part)

    place = shares * modules
    return ((sum_to(place + width / 2) - sum_to(place - width / 2)) / width).astype(np.float32)


def _levels(
    image: GreyImage, sides: _Sides, *, inverted: bool
) -> tuple[SmallFloats, NDArray[np.bool_]]:
    """Grey levels of the pixels, of the negative for inverted tags, and which lie in the image."""
    height, width = image.shape
    inside = (sides.columns >= 0) & (sides.columns < width)
    inside &= (sides.lines >= 0) & (sides.lines < height)
    lines, columns = np.where(inside, sides.lines, 0), np.where(inside, sides.columns, 0)
    levels = image[lines, columns].astype(np.float32)
    return (255 - levels if inverted else levels), inside


def _model(
    distance: SmallFloats, sides: _Sides, blur: SmallFloats
) -> tuple[SmallFloats, SmallFloats, SmallFloats]:
    """Shade (0 black, 1 white) at `distance`, its slope over distance, and over the blur."""
    inverse = 1 / blur[..., None, None]
    edge = distance * inverse
    within = -(distance + sides.depth) * inverse
    edge_slope = _density(edge) * inverse
    within_slope = sides.behind * (_density(within) * inverse)
    shade = _sum(edge) + sides.behind * _sum(within)
    return shade, edge_slope - within_slope, -(edge * edge_slope + within * within_slope)


def _density(z: SmallFloats) -> SmallFloats:
    """Density of the normal distribution."""
    return np.float32(0.39894228) * np.exp(np.float32(-0.5) * z * z)


def _sum(z: SmallFloats) -> SmallFloats:
    """Sum of the normal distribution, to 0.0003 and exactly odd about its middle.

    E. Page, Applied Statistics 26 (1977) 75: several times quicker than the exact one.
    """
    scaled = z * (np.float32(0.7978845608) + np.float32(0.035677408) * z * z)
    return np.float32(0.5) + np.float32(0.5) * np.tanh(scaled)


def _window(distance: SmallFloats, sides: _Sides, blur: SmallFloats) -> SmallFloats:
    """Weight of pixels by their distance: what lies near the unknown takes no part."""
    inner = 2 * distance + (2 * BORDER_SHARE * sides.depth + np.float32(0.5))
    limit = np.maximum(QUIET_MODULES * sides.depth - 2 * blur[..., None, None], np.float32(0.9))
    outer = (2 * limit + np.float32(0.5)) - 2 * distance
    return np.clip(np.minimum(inner, outer), 0, 1)


def _agreeing(residual: SmallFloats, weight: SmallFloats) -> NDArray[np.bool_]:
    """Profiles (N, 4, P) that fit: something lies on those that are three times worse than most."""
    total = weight.sum(axis=-1)
    error = (weight * residual * residual).sum(axis=-1) / np.maximum(total, np.float32(1e-3))
    typical = np.partition(error, PROFILES // 2, axis=-1)[..., PROFILES // 2, None]
    return np.asarray((error <= 9 * typical + 4) & (total > 0))


def _solve(basis: SmallFloats, weight: SmallFloats, levels: SmallFloats) -> FloatArray:
    """Weighted least squares of `levels` in the five functions of `basis`, (N, 4, 5)."""
    number = weight.shape[0] * 4
    functions = basis.reshape(5, number, -1).transpose(1, 0, 2)
    weighted = functions * weight.reshape(number, 1, -1)
    normal = weighted @ functions.transpose(0, 2, 1) + np.eye(5, dtype=np.float32) * 1e-3
    right = weighted @ levels.reshape(number, -1, 1)
    solved = np.linalg.solve(normal.astype(np.float64), right.astype(np.float64))
    return np.asarray(solved.reshape(-1, 4, 5))


def _improved(fit: SmallFloats, solved: FloatArray) -> tuple[SmallFloats, float]:
    """Take the step that `solved` proposes, within reason; the largest move of a side, pixels."""
    contrast = np.where(np.abs(solved[..., 1:2]) > 1, solved[..., 1:2], 1)
    moves = np.clip(solved[..., 2:] / contrast, [-1.0, -2.0, -0.4], [1.0, 2.0, 0.4])
    better = np.concatenate([solved[..., :2], fit[..., 2:] + moves], axis=-1).astype(np.float32)
    better[..., 4] = np.clip(better[..., 4], LEAST_BLUR_PX, LARGEST_BLUR_PX)
    return better, float(np.abs(moves[..., :2]).max())
