"""What a printed tag looks like through a lens: its modules, blurred as the image blurs them.

In: a marker body; how wide the lens' blur is on each tag. Out: textures of the tags' brightness
(ink 0, paper 1) and of its derivatives, to be read at any point of a tag.

Places on a tag are counted in modules (u, v) from its first corner, u along the top, v down.
A Gaussian blur of the image is a Gaussian on the tag, stretched where the tag is tilted. Along u
and v such a blur of square modules is a product of differences of the normal distribution. What
correlates u and v enters as a power series: the density of correlated normals has the mixed second
derivative by u and v as its derivative by the covariance (Mehler; Kibble 1945).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from tracking.bodies import MarkerBody
from tracking.tag_families import DICTIONARIES, family_name

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

BORDER = 1.0
"""White around the tag that a texture holds, modules."""

PER_MODULE = 8
FAR = 100.0
"""Places per module at which distances from edges are known, and the distance where there is no
edge, modules."""

TEXELS_PER_SIGMA = 1.5
MOST_TEXELS = 32
"""Texture elements per standard deviation of the blur, and at most per module."""

NONE = np.array([1.0], dtype=np.float32)
SLOPE = np.array([1.0, -8.0, 0.0, 8.0, -1.0], dtype=np.float32) / np.float32(12.0)
BEND = np.array([-1.0, 16.0, -30.0, 16.0, -1.0], dtype=np.float32) / np.float32(12.0)
"""Derivatives by differences, right to the fourth order of the step."""

BRIGHTNESS, BY_U, BY_V, BY_BLUR = range(4)
"""Channels of a texture; the last is the derivative by the variance of the blur in px^2."""


@dataclass(frozen=True, eq=False, slots=True)
class TagPrint:
    """One tag of a body.

    Attributes
    ----------
    ink
        (modules, modules), 1 where a module is black, row by row from the top.
    frame
        (3, 3): steps of one module along u and v and the place of the first corner, as rows, in
        the body's frame, mm: ``(u, v, 1) @ frame`` is a point of the tag.
    from_edge
        (2, rows, columns) how far places are from the nearest edge that runs down the tag and
        from the nearest that runs across it, modules; `PER_MODULE` places per module, of which
        the first lies at ``-BORDER``.
    """

    ink: SingleArray
    frame: FloatArray
    from_edge: SingleArray


def tag_prints(body: MarkerBody) -> dict[int, TagPrint]:
    """Give the print of each tag of `body`."""
    dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARIES[family_name(body.family)])
    modules = dictionary.markerSize + 2
    prints = {}
    for tag, corners in body.corners.items():
        picture = cv2.aruco.generateImageMarker(dictionary, tag, modules)
        across = (corners[1] + corners[2] - corners[0] - corners[3]) / (2 * modules)
        down = (corners[2] + corners[3] - corners[0] - corners[1]) / (2 * modules)
        first = corners.mean(axis=0) - (across + down) * modules / 2
        ink = (np.asarray(picture) == 0).astype(np.float32)
        edges = np.array([_from_edge(ink), _from_edge(ink.T).T])
        prints[tag] = TagPrint(ink, np.array([across, down, first]), edges)
    return prints


def _from_edge(ink: SingleArray) -> SingleArray:
    """Distance along its row of each place from the nearest change of ink, modules."""
    padded = np.pad(ink, 1)
    number = len(padded) * PER_MODULE
    places = (np.arange(number) + 0.5) / PER_MODULE
    distance = np.full((len(padded), number), FAR, dtype=np.float32)
    for row, cells in enumerate(padded):
        changes = np.flatnonzero(np.diff(cells)) + 1
        if len(changes):
            distance[row] = np.abs(places - changes[:, None]).min(axis=0)
    return np.repeat(distance, PER_MODULE, axis=0)


def quiet_modules(body: MarkerBody) -> float:
    """Width of the white between the tags of `body` in modules, at most one module.

    A body file does not tell it; between neighbours it can be measured, and around the outermost
    ones it is taken to be the same.
    """
    quads = list(body.corners.values())
    module = next(iter(tag_prints(body).values())).frame[0]
    shares = np.linspace(0.0, 1.0, 9)[:, None, None]
    sides = [(q + shares * (np.roll(q, -1, axis=0) - q)).reshape(-1, 3) for q in quads]
    gaps = [
        float(np.linalg.norm(one[:, None] - other, axis=2).min())
        for index, one in enumerate(sides)
        for other in sides[:index]
    ]
    return min([BORDER, *(gap / float(np.linalg.norm(module)) for gap in gaps)])


@dataclass(frozen=True, eq=False, slots=True)
class BlurredPrints:
    """Textures of several tags, one below the other.

    Attributes
    ----------
    texture
        (N * side, side, 4) brightness and derivatives, see the channels above.
    side
        Texture elements along a side; element 0 lies at ``-BORDER``.
    per_module
        Texture elements per module.
    """

    texture: SingleArray
    side: int
    per_module: int

    def read(self, u: SingleArray, v: SingleArray) -> Sequence[SingleArray]:
        """Brightness and derivatives, four of (N, S), at places (u, v) (N, S) of the N tags.

        Points beyond the texture read its nearest element, which is white.
        """
        scale, start = np.float32(self.per_module), np.float32(BORDER * self.per_module)
        last = np.float32(self.side - 1.001)
        x, y = u * scale, v * scale
        for place in (x, y):
            place += start
            np.maximum(place, 0, out=place)
            np.minimum(place, last, out=place)
        y += np.arange(0, len(y) * self.side, self.side, dtype=np.float32)[:, None]
        read = cv2.remap(self.texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return [np.asarray(channel, dtype=np.float32) for channel in cv2.split(read)]


def blurred_prints(ink: SingleArray, per_pixel: FloatArray, variance: FloatArray) -> BlurredPrints:
    """Blur tags.

    Parameters
    ----------
    ink
        (N, modules, modules) of the tags.
    per_pixel
        (N, 2, 2) modules (u, v) per pixel (x, y) at each tag's centre.
    variance
        (N,) of the blur in px^2, the pixel's own aperture included.
    """
    spread = per_pixel @ per_pixel.transpose(0, 2, 1)
    narrow = math.sqrt(float((variance[:, None] * spread[:, [0, 1], [0, 1]]).min()))
    per_module = min(math.ceil(TEXELS_PER_SIGMA / narrow), MOST_TEXELS)
    # Reading between texture elements blurs by this variance more.
    reading = 1.0 / (6.0 * per_module**2)
    modules = ink.shape[1]
    places = np.arange(round((modules + 2 * BORDER) * per_module) + 1) / per_module - BORDER
    u, v = (
        _profiles(places, modules, np.maximum(variance * spread[:, axis, axis] - reading, reading))
        for axis in (0, 1)
    )
    # ink[v, u]: blurred along u, then along v. All tags are white outside, so that derivatives
    # may be taken across the seams.
    side = len(places)
    inked = np.matmul(v.transpose(0, 2, 1), ink @ u).reshape(-1, side)
    mixed = np.repeat(variance * spread[:, 0, 1], side).astype(np.float32)[:, None]
    step = np.float32(per_module)
    first = mixed * _derived(inked, SLOPE, SLOPE) * step**2
    second = mixed * _derived(first, SLOPE, SLOPE) * step**2
    plain = np.asarray(1.0 - inked - first - 0.5 * second, dtype=np.float32)
    by_uu, by_uv, by_vv = (
        np.repeat(spread[:, i, j], side).astype(np.float32)[:, None] * step**2
        for i, j in ((0, 0), (0, 1), (1, 1))
    )
    by_blur = 0.5 * (by_uu * _derived(plain, BEND, NONE) + by_vv * _derived(plain, NONE, BEND))
    by_blur += by_uv * _derived(plain, SLOPE, SLOPE)
    by_u, by_v = _derived(plain, SLOPE * step, NONE), _derived(plain, NONE, SLOPE * step)
    texture = np.asarray(cv2.merge([plain, by_u, by_v, by_blur]), dtype=np.float32)
    return BlurredPrints(texture, side, per_module)


def _derived(texture: SingleArray, along_u: SingleArray, along_v: SingleArray) -> SingleArray:
    return np.asarray(cv2.sepFilter2D(texture, cv2.CV_32F, along_u, along_v), dtype=np.float32)


def _profiles(places: FloatArray, modules: int, variance: FloatArray) -> SingleArray:
    """How much of each module (N, modules, places) a blurred place sees."""
    x = (places - np.arange(modules + 1)[:, None]) / np.sqrt(variance)[:, None, None]
    share = ndtr(x.astype(np.float32))
    return np.asarray(share[:, :-1] - share[:, 1:], dtype=np.float32)
