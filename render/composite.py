"""Putting layers together by depth, pixel by pixel.

Three things lie in a pixel: what is opaque (cortex, markers), the translucent scalp, and the coil.
The coil may be before the scalp, between scalp and cortex, or behind the cortex:

    before the scalp     coil over scalp over opaque
    behind the scalp     scalp over coil over opaque
    behind the cortex    scalp over opaque

In and out: images of equal height and width. A pixel is one packed uint32, red in its lowest byte
and alpha in its highest, colour already multiplied with alpha: numpy then works on contiguous
arrays, and only where something is to be put in. Few calls on long arrays matter here: after each
one the interpreter may let another thread run first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from render.layers import Layer, Pixels
from render.projection import Box

DepthImage = NDArray[np.float32]

_LEAST_ALPHA = np.uint32(1 << 24)
_ALPHA = np.arange(256)
_LET_THROUGH = np.repeat(256 - (_ALPHA + (_ALPHA >> 7)), 4).astype(np.uint16).view(np.uint64)
"""For each alpha, how many 256ths of what lies below are seen; once for each byte of a pixel."""


@dataclass(frozen=True, eq=False, slots=True)
class Still:
    """The picture without the moving parts, with what is needed to put them in.

    Attributes
    ----------
    picture
        (h, w) packed, the finished picture, opaque.
    opaque
        (h, w) packed, the picture without scalp, opaque.
    scalp
        (h, w) packed, the scalp alone; 0 where none covers the pixel.
    opaque_depth, front_depth
        (h, w) float32, of what is opaque and of what is nearest, scalp or opaque.
    """

    picture: Pixels
    opaque: Pixels
    scalp: Pixels
    opaque_depth: DepthImage
    front_depth: DepthImage


def scalp_look(
    colour: tuple[float, float, float], opacity: float, rim_opacity: float, ambient: float = 0.12
) -> Pixels:
    """Shade a scalp that is denser where it turns away, as skin and glass do.

    Parameters
    ----------
    colour
        0 to 1.
    opacity, rim_opacity
        Where the scalp faces the viewer, and at its outline.
    ambient
        Share of light that does not depend on direction.

    Returns
    -------
    (256,) uint32
        A packed pixel for each degree to which the scalp faces the viewer; the first is empty.
    """
    facing = np.linspace(0.0, 1.0, 256)
    alpha = opacity + (rim_opacity - opacity) * (1.0 - facing) ** 2.5
    alpha[0] = 0.0
    light = alpha * (ambient + (1.0 - ambient) * facing)
    rgba = np.column_stack([np.outer(light, colour), alpha])
    return np.round(255 * rgba).astype(np.uint8).view(np.uint32)[:, 0]


def over(upper: Pixels, lower: Pixels) -> Pixels:
    """Lay (N,) packed pixels over others (Porter and Duff 1984): upper + (1 - alpha) lower.

    No colour of `upper` exceeds its alpha. Within 1/255 of the exact result; never overflows.
    """
    weighted = lower.view(np.uint8).astype(np.uint16)
    weighted *= _LET_THROUGH.take(upper.view(np.uint8)[3::4]).view(np.uint16)
    weighted += np.uint16(128)
    # The higher byte of each number is its 256th part.
    return upper + np.ascontiguousarray(weighted.view(np.uint8)[1::2]).view(np.uint32)


def nearest(first: Layer, second: Layer, box: Box) -> Layer:
    """Put a `second` layer, which covers `box`, into `first`: in each pixel what lies nearer.

    Both are opaque where they are drawn.
    """
    pixels, depth = first.pixels.copy(), first.depth.copy()
    wins = second.depth < depth[box.slices]
    pixels[box.slices][wins] = second.pixels[wins]
    depth[box.slices][wins] = second.depth[wins]
    return Layer(pixels, depth)


def still_picture(
    opaque: Layer, scalp: Layer | None, look: Pixels, background: tuple[float, float, float]
) -> Still:
    """Lay the scalp over what is opaque.

    The scalp's layer was drawn white under a headlight: its red tells how much it faces the viewer.
    """
    ground = np.round(255 * np.array([*background, 1.0])).astype(np.uint8).view(np.uint32)[0]
    behind = opaque.pixels.copy()
    behind[behind < _LEAST_ALPHA] = ground
    scalp_pixels = np.zeros_like(behind)
    picture = behind.copy()
    front_depth = opaque.depth if scalp is None else np.minimum(opaque.depth, scalp.depth)
    if scalp is not None:
        shows = scalp.depth < opaque.depth
        red = (scalp.pixels[shows] & 0xFF).astype(np.intp)
        drawn = look.take(np.maximum(red, 1))
        scalp_pixels[shows] = drawn
        picture[shows] = over(drawn, behind[shows])
    return Still(picture, behind, scalp_pixels, opaque.depth, front_depth)


def put_in(still: Still, box: Box, moving: Layer) -> Pixels:
    """Give `still` with a moving layer put in at `box`, as a new picture."""
    picture = still.picture.copy()
    part = picture[box.slices]
    # Where nothing is drawn the depth is 1, and nothing lies beyond that.
    before = moving.depth < still.front_depth[box.slices]
    if moving.opaque:
        np.copyto(part, moving.pixels, where=before)
    else:
        part[before] = over(moving.pixels[before], part[before])
    behind = moving.depth < still.opaque_depth[box.slices]
    behind ^= before
    if behind.any():
        seen = np.divmod(np.flatnonzero(behind), behind.shape[1])
        within = over(moving.pixels[seen], still.opaque[box.slices][seen])
        part[seen] = over(still.scalp[box.slices][seen], within)
    return picture
