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

REACH = 2
"""Pixels of each such row on either side of the edge."""

END_PX = 2.5
"""Length at both ends of a side that is left out: there the neighbouring side takes part."""

QUIET_MODULES = 0.85
"""White around a tag that can be relied on, in its modules."""

BORDER_SHARE = 0.5
"""Part of the black border's width that is used: behind it the model of the modules is coarse."""

ITERATIONS = 3
ENOUGH_PX = 0.3
"""Moves of a side smaller than this end the iteration: the next ones are smaller by far."""

FIRST_BLUR_PX, LEAST_BLUR_PX, LARGEST_BLUR_PX = 0.8, 0.5, 2.5
"""Standard deviation of the blur, the pixel's own width included."""

LARGEST_STEP: SmallFloats = np.array([1.0, 2.0, 0.4], np.float32)
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
    image: GreyImage, corners: Points, sags: FloatArray, sums: SmallFloats, *, inverted: bool
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
    sums
        (N, 4, modules + 1) how many of the modules behind the border of a side are white, from
        its first corner up to each module.
    inverted
        Whether the border is white and the surroundings are black.
    """
    chords = corners.take(NEXT, axis=1) - corners
    # Clockwise in an image with y down: this normal points out of the tag.
    outwards = -1j * chords / np.maximum(np.abs(chords), 1e-6)
    sides = _survey(image, corners, chords, outwards, sags, sums, inverted=inverted)
    fit, used = _fitted(sides)
    _, contrast, shift, turn, blur = fit.T.astype(np.float64).reshape(5, *corners.shape)
    return SideFit(
        origins=corners + (shift - turn / 2) * outwards,
        directions=chords + turn * outwards,
        contrast=contrast,
        blur=blur,
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
    sums: SmallFloats,
    *,
    inverted: bool,
) -> _Sides:
    """Choose the pixels of all sides and look them up."""
    length = np.maximum(np.abs(chords), 1e-6).reshape(-1, 1)
    ends = np.minimum(END_PX / length, 0.25)
    # From here on along and across are x and y for flat sides, y and x for steep ones.
    ends_xy = np.array([corners, chords]).view(np.float64).reshape(2, -1, 2)
    steep = np.abs(ends_xy[1, :, 1]) > np.abs(ends_xy[1, :, 0])
    ends_xy = np.where(steep[:, None], ends_xy[..., ::-1], ends_xy)
    (along0, across0), (run, drift) = ends_xy.transpose(0, 2, 1)[..., None]
    run = run + 1e-9
    along = np.rint(along0 + (ends + (1 - 2 * ends) * PLACES) * run)
    places = (along - along0) / run
    lean = np.where(steep[:, None], run, -run) / length
    line = across0 + places * (drift + 4 * sags.reshape(-1, 1) / lean * (1 - places))
    nearest = np.rint(line)
    levels, inside = _levels(image, corners, along, nearest, steep[:, None])
    lean = lean.astype(np.float32)[..., None]
    return _Sides(
        levels=255 - levels if inverted else levels,
        inside=inside,
        distance=((nearest - line).astype(np.float32)[..., None] + ACROSS) * lean,
        share=(places - 0.5).astype(np.float32)[..., None],
        depth=_depth(chords, outwards, places, sums.shape[-1] - 1)[..., None],
        behind=_behind(sums, places, length)[..., None],
    )


PLACES = np.linspace(0, 1, PROFILES)
ACROSS: SmallFloats = np.arange(-REACH, REACH + 1, dtype=np.float32)
STEPS = np.arange(-REACH, REACH + 1)


def _levels(
    image: GreyImage,
    corners: Points,
    along: FloatArray,
    nearest: FloatArray,
    steep: NDArray[np.bool_],
) -> tuple[SmallFloats, NDArray[np.bool_] | None]:
    """Grey levels (S, P, J) of the pixels, and which lie in the image, None for all."""
    height, width = image.shape
    row, column = np.where(steep, along, nearest), np.where(steep, nearest, along)
    if (
        row.min() >= REACH
        and column.min() >= REACH
        and row.max() < height - REACH
        and column.max() < width - REACH
    ):
        middle = (row * width + column).astype(np.intp)
        places = middle[..., None] + STEPS * np.where(steep, 1, width)[..., None]
        return image.take(places).astype(np.float32), None
    rows = row.astype(np.intp)[..., None] + STEPS * ~steep[..., None]
    columns = column.astype(np.intp)[..., None] + STEPS * steep[..., None]
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    levels = image[np.where(inside, rows, 0), np.where(inside, columns, 0)]
    return levels.astype(np.float32), inside


def _depth(chords: Points, outwards: Points, places: FloatArray, modules: int) -> SmallFloats:
    """Width of a module across the side at `places` (S, P) along it."""
    first = (chords.take(BEFORE, axis=1).conjugate() * outwards).real.reshape(-1, 1)
    last = (chords.take(NEXT, axis=1).conjugate() * outwards).real.reshape(-1, 1)
    depth = (first - places * (last + first)) / modules
    return np.asarray(np.maximum(depth, 0.1), dtype=np.float32)


def _behind(sums: SmallFloats, places: FloatArray, length: FloatArray) -> SmallFloats:
    """Whiteness of the modules behind the border at `places`, blurred along the side.

    The blur is a box as wide as a module in small tags: good enough for what is only the
    neighbour of what is measured. Its mean is a difference of the `sums` up to there.
    """
    modules = sums.shape[-1] - 1
    half = np.minimum(np.maximum(1.5 * FIRST_BLUR_PX * modules / length, 0.05), 1.5)
    middles = places * modules
    ends = np.array([middles - half, middles + half])
    ends = np.minimum(np.maximum(ends, 0), modules - 1e-6)
    whole = ends.astype(np.intp)
    ends -= whole
    whole += np.arange(0, sums.size, modules + 1)[:, None]
    total = sums.take(whole)
    total += (sums.take(whole + 1) - total) * ends
    return np.asarray((total[1] - total[0]) / (2 * half), dtype=np.float32)


def _fitted(sides: _Sides) -> tuple[SmallFloats, FloatArray]:
    """Dark, contrast, shift, turn, blur (S, 5) of each side, and the share of profiles used."""
    number = len(sides.levels)
    fit = np.zeros((number, 5), np.float32)
    fit[:, 4] = FIRST_BLUR_PX
    # The grey levels are the sixth function: one product of matrices then does for all.
    basis = np.ones((6, *sides.levels.shape), np.float32)
    basis[5] = sides.levels
    agreeing = np.ones((number, PROFILES, 1), np.bool_)
    for _ in range(ITERATIONS):
        shift, turn, blur = fit.T[2:, :, None, None]
        distance = sides.distance - (shift + turn * sides.share)
        _model(distance, sides, blur, basis)
        weight = _window(distance, sides, blur)
        system = _normal(basis, weight)
        alone = _solve(system, fit, FREE)
        agreeing = _agreeing(basis, alone, weight)
        if not agreeing.all():
            weight *= agreeing
            system = _normal(basis, weight)
            alone = _solve(system, fit, FREE)
        typical = _typical(fit, alone, system[:, 0, 0])
        fit, largest = _improved(fit, _solve(system, typical, COMMON))
        if largest < ENOUGH_PX:
            break
    return fit, agreeing.sum(axis=(1, 2)) / PROFILES


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
    shade = square * np.float32(0.035677408)
    shade += np.float32(0.7978845608)
    shade *= z
    np.tanh(shade, out=shade)
    shade += 1
    square *= np.float32(-0.5)
    density = np.exp(square, out=square)
    density *= inverse * np.float32(0.39894228)
    shade *= np.float32(0.5)
    shade[1] *= sides.behind
    density[1] *= sides.behind
    np.add(shade[0], shade[1], out=basis[1])
    np.subtract(density[1], density[0], out=basis[2])
    np.multiply(basis[2], sides.share, out=basis[3])
    density *= z
    np.add(density[0], density[1], out=basis[4])
    np.negative(basis[4], out=basis[4])


def _window(distance: SmallFloats, sides: _Sides, blur: SmallFloats) -> SmallFloats:
    """Weight of pixels by their distance: what lies near the unknown takes no part."""
    inner = BORDER_SHARE * sides.depth
    outer = np.maximum(QUIET_MODULES * sides.depth - 2 * blur, np.float32(0.9))
    weight: SmallFloats = distance - (outer - inner) / 2
    np.abs(weight, out=weight)
    weight *= -2
    weight += outer + inner + np.float32(0.5)
    np.maximum(weight, 0, out=weight)
    np.minimum(weight, 1, out=weight)
    if sides.inside is not None:
        weight *= sides.inside
    return weight


def _normal(basis: SmallFloats, weight: SmallFloats) -> SmallFloats:
    """Sum up the normal equations (S, 5, 6) of the functions of `basis`, the last one right."""
    sides = len(weight)
    weighted = (basis[:5] * weight).reshape(5, sides, -1)
    functions = basis.reshape(6, sides, -1)
    return np.asarray(weighted.transpose(1, 0, 2) @ functions.transpose(1, 2, 0))


def _solve(system: SmallFloats, typical: SmallFloats, trust: SmallFloats) -> SmallFloats:
    """Least squares (S, 5) of normal equations (S, 5, 6), drawn to `typical`."""
    right = system[:, :, 5] + typical @ trust
    return np.asarray(np.linalg.solve(system[:, :, :5] + trust, right[..., None]))[..., 0]


ONES: SmallFloats = np.ones(STEPS.size, np.float32)


def _agreeing(basis: SmallFloats, solved: SmallFloats, weight: SmallFloats) -> NDArray[np.bool_]:
    """Profiles (S, P, 1) that fit: something lies on those that are three times worse than most."""
    functions = basis[:5].reshape(5, len(weight), -1).transpose(1, 0, 2)
    residual = basis[5] - (solved[:, None] @ functions).reshape(weight.shape)
    residual *= residual
    residual *= weight
    total = weight @ ONES
    error = residual @ ONES / (total + np.float32(1e-3))
    typical = np.partition(error, PROFILES // 2, axis=1)[:, PROFILES // 2, None]
    return np.asarray((error <= 9 * typical + 4) & (total > 0))[..., None]


def _typical(fit: SmallFloats, alone: SmallFloats, seen: SmallFloats) -> SmallFloats:
    """Dark, contrast and blur of the tag of each side (S, 5), sides of which much is seen first.

    Shift, turn and blur as the changes times contrast that lead there, for these are solved for.
    `alone` is what each side comes to by itself.
    """
    share = (seen * seen).reshape(-1, 1, 4) + np.float32(1e-6)
    whole = alone.copy()
    whole[:, 4] += fit[:, 4] * alone[:, 1]
    mean = share @ whole.reshape(-1, 4, 5) / share.sum(axis=2, keepdims=True)
    typical: SmallFloats = mean.repeat(4, axis=1).reshape(-1, 5).astype(np.float32, copy=False)
    typical[:, 2:4] = 0
    typical[:, 4] -= fit[:, 4] * typical[:, 1]
    return typical


def _improved(fit: SmallFloats, solved: SmallFloats) -> tuple[SmallFloats, float]:
    """Take the step that `solved` proposes, within reason; the largest move of a side, pixels."""
    better = np.minimum(np.maximum(solved, -LARGEST_LEVEL), LARGEST_LEVEL)
    better[:, 2:] /= np.maximum(better[:, 1:2], 1)
    moves = np.minimum(np.maximum(better[:, 2:], -LARGEST_STEP), LARGEST_STEP)
    better[:, 2:] = fit[:, 2:] + moves
    better[:, 4] = np.minimum(np.maximum(better[:, 4], LEAST_BLUR_PX), LARGEST_BLUR_PX)
    return better, float(np.abs(moves[:, :2]).max())
