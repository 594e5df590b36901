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

PROFILES = 16
"""Rows of pixels across each side."""

REACH = 3
"""Pixels of each such row on either side of the edge."""

END_PX = 2.5
"""Length at both ends of a side that is left out: there the neighbouring side takes part."""

QUIET_MODULES = 0.85
"""White around a tag that can be relied on, in its modules."""

BORDER_SHARE = 0.5
"""Part of the black border's width that is used: behind it the model of the modules is coarse."""

ITERATIONS = 3
ENOUGH_PX = 0.05
"""Moves of a side smaller than this end the iteration: the next ones are smaller by far."""

FIRST_BLUR_PX, LEAST_BLUR_PX, LARGEST_BLUR_PX = 0.8, 0.5, 2.5
"""Standard deviation of the blur, the pixel's own width included."""

LARGEST_STEP = np.array([1.0, 2.0, 0.4])
"""Of shift, turn and blur in one iteration, pixels."""

LARGEST_LEVEL = 1000.0
"""Grey level beyond which dark and contrast mean nothing: there was nothing to fit."""

COMMON: SmallFloats = np.diag([100.0, 100.0, 1e-3, 1e-3, 100.0]).astype(np.float32)
"""How much it counts that dark, contrast and blur are those of the whole tag, in pixels that say
so: about as many as a side of 30 pixels has. Where little of a side can be used, this decides."""

FREE: SmallFloats = np.diag([1e-3] * 5).astype(np.float32)
"""The same in the first iteration: the tag's values are not yet known."""


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
    """Fit the sides of tags known to about half a pixel.

    Parameters
    ----------
    image
        Grey levels (height, width).
    corners
        (N, 4).
    sags
        (N, 4) how far the middle of a side lies outside of its chord, for the lens bends it.
    rows
        (N, 4, modules) 1 where the module behind the border of a side is white, along the side.
    inverted
        Whether the border is white and the surroundings are black.
    """
    chords = corners[:, NEXT] - corners
    # Clockwise in an image with y down: this normal points out of the tag.
    outwards = -1j * chords / np.maximum(np.abs(chords), 1e-6)
    sides = _survey(image, corners, chords, outwards, sags, rows, inverted=inverted)
    fit, used = _fitted(sides)
    shift, turn = fit[:, 2].reshape(corners.shape), fit[:, 3].reshape(corners.shape)
    return SideFit(
        origins=corners + (shift - turn / 2) * outwards,
        directions=chords + turn * outwards,
        contrast=fit[:, 1].reshape(corners.shape).astype(np.float64),
        blur=fit[:, 4].reshape(corners.shape).astype(np.float64),
        used=used.reshape(corners.shape),
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Sides:
    """S = 4 N sides, each with P profiles of J pixels.

    Attributes
    ----------
    levels
        (S, P, J) grey levels; of the negative for inverted tags.
    inside
        (S, P, J) which pixels lie in the image; None if all do.
    distance
        (S, P, J) of the pixel from the side as given, outwards.
    share
        (S, P, 1) place along the side, -0.5 at its first corner, 0.5 at the next.
    depth
        (S, P, 1) width of a module across the side, pixels.
    behind
        (S, P, 1) how white the modules behind the border are there.
    """

    levels: SmallFloats
    inside: NDArray[np.bool_] | None
    distance: SmallFloats
    share: SmallFloats
    depth: SmallFloats
    behind: SmallFloats


def _survey(
    image: GreyImage,
    corners: Points,
    chords: Points,
    outwards: Points,
    sags: FloatArray,
    rows: SmallFloats,
    *,
    inverted: bool,
) -> _Sides:
    """Choose the pixels of all sides and look them up."""
    start, run, normal = (points.reshape(-1, 1) for points in (corners, chords, outwards))
    lengths = np.maximum(np.abs(run), 1e-6)
    ends = np.minimum(END_PX / lengths, 0.25)
    steep = np.abs(run.imag) > np.abs(run.real)
    # From here on along and across are x and y for flat sides, y and x for steep ones: mirrored
    # at the diagonal. Nothing is longer than the chord, so it is not zero there.
    start, run, normal = (
        np.where(steep, 1j * points.conjugate(), points) for points in (start, run, normal)
    )
    length = np.where(run.real == 0, 1e-6, run.real)
    along = np.rint(start.real + (ends + (1 - 2 * ends) * PLACES) * length)
    places = (along - start.real) / length
    lean = normal.imag
    bend = 4 * sags.reshape(-1, 1) / np.where(lean == 0, 1, lean)
    line = start.imag + places * (run.imag + bend * (1 - places))
    nearest = np.rint(line)
    levels, inside = _levels(image, along, nearest, steep)
    distance = (nearest - line)[..., None] * lean[..., None] + lean[..., None] * ACROSS
    return _Sides(
        levels=255 - levels if inverted else levels,
        inside=inside,
        distance=distance.astype(np.float32),
        share=(places - 0.5).astype(np.float32)[..., None],
        depth=_depth(corners, outwards, places, rows.shape[-1])[..., None],
        behind=_behind(rows, places, lengths)[..., None],
    )


PLACES = np.linspace(0, 1, PROFILES)
ACROSS = np.arange(-REACH, REACH + 1)


def _levels(
    image: GreyImage, along: FloatArray, nearest: FloatArray, steep: NDArray[np.bool_]
) -> tuple[SmallFloats, NDArray[np.bool_] | None]:
    """Grey levels (S, P, J) of the pixels, and which lie in the image, None for all."""
    height, width = image.shape
    # Far outside is outside; beyond int64 would be anywhere.
    x = np.clip(np.where(steep, nearest, along), -1e6, 1e6).astype(np.int64)
    y = np.clip(np.where(steep, along, nearest), -1e6, 1e6).astype(np.int64)
    margin = REACH
    across = ACROSS * np.where(steep, 1, width)[..., None]
    if (
        x.min() >= margin
        and y.min() >= margin
        and x.max() < width - margin
        and y.max() < height - margin
    ):
        places = (y * width + x)[..., None] + across
        return np.take(image, places).astype(np.float32), None
    flat = ~steep[..., None]
    columns = x[..., None] + ACROSS * ~flat
    lines = y[..., None] + ACROSS * flat
    inside = (columns >= 0) & (columns < width) & (lines >= 0) & (lines < height)
    levels = image[np.where(inside, lines, 0), np.where(inside, columns, 0)]
    return levels.astype(np.float32), inside


def _depth(corners: Points, outwards: Points, places: FloatArray, modules: int) -> SmallFloats:
    """Width of a module across the side at `places` (S, P) along it."""
    first = ((corners - corners[:, BEFORE]).conjugate() * outwards).real.reshape(-1, 1)
    last = ((corners[:, NEXT] - corners[:, OPPOSITE]).conjugate() * outwards).real.reshape(-1, 1)
    depth = (first + places * (last - first)) / modules
    return np.asarray(np.maximum(depth, 0.1), dtype=np.float32)


def _behind(rows: SmallFloats, places: FloatArray, lengths: FloatArray) -> SmallFloats:
    """Whiteness of the modules behind the border at `places`, blurred along the side.

    The blur is a box as wide as a module in small tags: good enough for what is only the
    neighbour of what is measured. Its mean is a difference of the sum of all modules up to there.
    """
    modules = rows.shape[-1]
    number = len(places)
    white = rows.reshape(number, modules)
    sums = np.zeros((number, modules + 1))
    np.cumsum(white, axis=-1, out=sums[:, 1:])
    half = np.clip(1.5 * FIRST_BLUR_PX * modules / lengths, 0.05, 1.5)
    # Both ends of the box at once: the lower ones first, then the upper ones.
    ends = np.concatenate([places * modules - half, places * modules + half], axis=1)
    ends = np.minimum(np.maximum(ends, 0), modules - 1e-6)
    whole = ends.astype(np.int64)
    side = np.arange(number)[:, None]
    total = sums[side, whole] + white[side, whole] * (ends - whole)
    return np.asarray((total[:, PROFILES:] - total[:, :PROFILES]) / (2 * half), dtype=np.float32)


def _fitted(sides: _Sides) -> tuple[SmallFloats, FloatArray]:
    """Dark, contrast, shift, turn, blur (S, 5) of each side, and the share of profiles used."""
    number = len(sides.levels)
    fit = np.zeros((number, 5), np.float32)
    fit[:, 4] = FIRST_BLUR_PX
    basis = np.ones((number, 5, PROFILES, ACROSS.size), np.float32)
    weight = np.ones_like(sides.levels)
    for step in range(ITERATIONS):
        distance = sides.distance - (fit[:, 2, None, None] + fit[:, 3, None, None] * sides.share)
        _model(distance, sides, fit[:, 4, None, None], basis)
        weight = _window(distance, sides, fit[:, 4, None, None])
        if step:
            expected = fit[:, 0, None, None] + fit[:, 1, None, None] * basis[:, 1]
            weight *= _agreeing(sides.levels - expected, weight)
            typical = _typical(fit, weight)
            solved = _solve(basis, weight, sides.levels, typical, COMMON)
        else:
            solved = _solve(basis, weight, sides.levels, fit, FREE)
        fit, largest = _improved(fit, solved)
        if step and largest < ENOUGH_PX:
            break
    return fit, np.asarray(weight.any(axis=2).mean(axis=1))


def _model(distance: SmallFloats, sides: _Sides, blur: SmallFloats, basis: SmallFloats) -> None:
    """Put what shade (0 black, 1 white) is at `distance` into `basis`, and its derivatives.

    Function 1 is the shade, 2 and 3 its change with shift and turn, 4 with the blur.
    """
    inverse = 1 / blur
    z = np.empty((2, *distance.shape), np.float32)
    np.multiply(distance, inverse, out=z[0])
    np.multiply(distance + sides.depth, -inverse, out=z[1])
    square = z * z
    # Sum of the normal distribution to 0.0003, exactly odd and so unbiased, several times quicker
    # than the exact one: E. Page, Applied Statistics 26 (1977) 75.
    shade = np.tanh(z * (square * np.float32(0.035677408) + np.float32(0.7978845608)))
    shade += 1
    density = np.exp(square * np.float32(-0.5))
    density *= inverse * np.float32(0.39894228)
    shade *= np.float32(0.5)
    shade[1] *= sides.behind
    density[1] *= sides.behind
    np.add(shade[0], shade[1], out=basis[:, 1])
    np.subtract(density[1], density[0], out=basis[:, 2])
    np.multiply(basis[:, 2], sides.share, out=basis[:, 3])
    density *= z
    np.add(density[0], density[1], out=basis[:, 4])
    np.negative(basis[:, 4], out=basis[:, 4])


def _window(distance: SmallFloats, sides: _Sides, blur: SmallFloats) -> SmallFloats:
    """Weight of pixels by their distance: what lies near the unknown takes no part."""
    inner = 2 * BORDER_SHARE * sides.depth + np.float32(0.5)
    limit = np.maximum(QUIET_MODULES * sides.depth - 2 * blur, np.float32(0.9))
    outer = 2 * limit + np.float32(0.5)
    twice = distance + distance
    weight = np.minimum(twice + inner, outer - twice)
    np.maximum(weight, 0, out=weight)
    np.minimum(weight, 1, out=weight)
    if sides.inside is not None:
        weight *= sides.inside
    return np.asarray(weight)


def _agreeing(residual: SmallFloats, weight: SmallFloats) -> NDArray[np.bool_]:
    """Profiles (S, P, 1) that fit: something lies on those that are three times worse than most."""
    total = weight.sum(axis=2)
    residual *= residual
    residual *= weight
    error = residual.sum(axis=2) / (total + np.float32(1e-3))
    typical = np.partition(error, PROFILES // 2, axis=1)[:, PROFILES // 2, None]
    return np.asarray((error <= 9 * typical + 4) & (total > 0))[..., None]


def _typical(fit: SmallFloats, weight: SmallFloats) -> SmallFloats:
    """Dark, contrast and blur of the tag of each side (S, 5), sides of which much is used first.

    Shift, turn and blur as the changes times contrast that lead there, for these are solved for.
    """
    share = np.square(weight.sum(axis=(1, 2))).reshape(-1, 4, 1) + np.float32(1e-6)
    mean = (share * fit.reshape(-1, 4, 5)).sum(axis=1) / share.sum(axis=1)
    typical = np.repeat(mean, 4, axis=0)
    typical[:, 2:4] = 0
    typical[:, 4] -= fit[:, 4]
    typical[:, 4] *= fit[:, 1]
    return typical


def _solve(
    basis: SmallFloats,
    weight: SmallFloats,
    levels: SmallFloats,
    typical: SmallFloats,
    trust: SmallFloats,
) -> FloatArray:
    """Weighted least squares (S, 5) of `levels` in the functions of `basis`, drawn to `typical`."""
    functions = basis.reshape(len(basis), 5, -1)
    weighted = functions * weight.reshape(len(basis), 1, -1)
    normal = weighted @ functions.transpose(0, 2, 1) + trust
    right = weighted @ levels.reshape(len(basis), -1, 1) + (typical @ trust)[..., None]
    return np.asarray(np.linalg.solve(normal.astype(np.float64), right.astype(np.float64)))[..., 0]


def _improved(fit: SmallFloats, solved: FloatArray) -> tuple[SmallFloats, float]:
    """Take the step that `solved` proposes, within reason; the largest move of a side, pixels."""
    contrast = np.where(np.abs(solved[:, 1:2]) > 1, solved[:, 1:2], 1)
    moves = np.minimum(np.maximum(solved[:, 2:] / contrast, -LARGEST_STEP), LARGEST_STEP)
    better = np.empty_like(fit)
    better[:, :2] = np.minimum(np.maximum(solved[:, :2], -LARGEST_LEVEL), LARGEST_LEVEL)
    np.add(fit[:, 2:], moves, out=better[:, 2:], casting="same_kind")
    better[:, 4] = np.minimum(np.maximum(better[:, 4], LEAST_BLUR_PX), LARGEST_BLUR_PX)
    return better, float(np.abs(moves[:, :2]).max())
